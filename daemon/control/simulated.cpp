// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/simulated.h"

#include <parker.h>
#include <parker_control.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>

#include "control/held.h"
#include "control/in_use.h"
#include "control/pieces.h"
#include "control/refusal.h"
#include "control/simulated_partition.h"

namespace parker {
namespace {

using State = HeldPartition::State;
using Exit = HeldPartition::Exit;

constexpr std::uint64_t first_slice = 0x10000;
constexpr std::uint64_t ram_start = 4 * GiB; // nodes lie one behind the other from here
constexpr std::uint64_t node_gap = 1024 * GiB;

constexpr std::array call_names{"create",       "destroy",      "take_cpus", "give_cpus", "take_memory", "give_memory",
                                "take_devices", "give_devices", "map",       "start",     "kill"};

std::string object(const std::string& name)
{
    return "partition " + name;
}

[[noreturn]] void refuse(int error, std::uint32_t why, std::string what, const std::string& doing)
{
    throw refusal(error, why, std::move(what), doing);
}

} // namespace

SimulatedControl::SimulatedControl(const Machine& machine, std::function<Clock::time_point()> now, Options options)
    : machine_{machine}, now_{std::move(now)}, options_{options}
{
}

SimulatedControl::SimulatedControl(const Machine& machine, std::function<Clock::time_point()> now)
    : SimulatedControl{machine, std::move(now), Options{}}
{
}

SimulatedControl::~SimulatedControl() = default;

// As in the module, nothing that only looks waits for what takes long.
void SimulatedControl::enter(Lock& lock, Call call, const std::string& name, const std::string& detail)
{
    const auto slow = std::ranges::find_if(
        slow_, [call, &name](const Slowness& each) { return each.call == call && each.name == name; });
    if (slow != slow_.end()) {
        const auto time = slow->time;
        lock.unlock();
        std::this_thread::sleep_for(time);
        lock.lock();
    }
    if (nth_ && --nth_->first == 0) {
        const Error error = nth_->second;
        nth_.reset();
        throw Error{error};
    }
    const auto failure = std::ranges::find_if(failures_, [call, &name](const Failure& each) {
        return each.call == call && each.times > 0 && (each.name.empty() || each.name == name);
    });
    if (failure != failures_.end()) {
        --failure->times;
        throw Error{failure->error};
    }
    if (call == Call::map)
        return; // changes nothing
    auto line = std::string{call_names.at(static_cast<std::size_t>(call))} + ' ' + name;
    history_.push_back(detail.empty() ? line : line + ' ' + detail);
}

std::optional<SimulatedControl::Call> SimulatedControl::find_call(std::string_view name)
{
    std::string own{name};
    std::ranges::replace(own, '-', '_');
    const auto found = std::ranges::find(call_names, own);
    if (found == call_names.end())
        return std::nullopt;
    return static_cast<Call>(found - call_names.begin());
}

SimulatedControl::Partition& SimulatedControl::named(const std::string& name)
{
    const auto found = partitions_.find(name);
    if (found == partitions_.end())
        refuse(ENOENT, PARKER_WHY_NONE, object(name), "looking for it");
    return *found->second;
}

SimulatedControl::Partition& SimulatedControl::stopped(const std::string& name)
{
    auto& partition = named(name);
    if (partition.held.state == State::running)
        refuse(EBUSY, PARKER_WHY_RUNNING, object(name), "changing it");
    return partition;
}

Control::Info SimulatedControl::info()
{
    const std::lock_guard lock{mutex_};
    return {options_.slices, options_.slices - static_cast<unsigned>(partitions_.size()), options_.tsc_khz};
}

std::uint32_t SimulatedControl::apic_id(unsigned cpu)
{
    if (!machine_.possible.contains(cpu))
        refuse(ENXIO, PARKER_WHY_NONE, "CPU " + std::to_string(cpu), "asking for its APIC ID");
    return cpu * 2 % 256;
}

std::vector<HeldPartition> SimulatedControl::list()
{
    const std::lock_guard lock{mutex_};
    std::vector<HeldPartition> all;
    for (const auto& [name, partition] : partitions_) {
        all.push_back(partition->held);
        all.back().heartbeat = partition->slice->load<std::uint64_t>(PARKER_CTL_HEARTBEAT);
    }
    return all;
}

std::optional<HeldPartition> SimulatedControl::find(const std::string& name)
{
    const std::lock_guard lock{mutex_};
    const auto found = partitions_.find(name);
    if (found == partitions_.end())
        return std::nullopt;
    auto held = found->second->held;
    held.heartbeat = found->second->slice->load<std::uint64_t>(PARKER_CTL_HEARTBEAT);
    return held;
}

std::optional<std::uint64_t> SimulatedControl::heartbeat(const std::string& name)
{
    const auto held = find(name);
    return held ? std::optional{held->heartbeat} : std::nullopt;
}

void SimulatedControl::create(const std::string& name)
{
    Lock lock{mutex_};
    enter(lock, Call::create, name);
    if (!is_partition_name(name))
        refuse(EINVAL, PARKER_WHY_NONE, object(name), "creating it");
    if (partitions_.contains(name))
        refuse(EEXIST, PARKER_WHY_NONE, object(name), "creating it");
    for (unsigned i = 0; i < options_.slices; ++i) {
        const auto slice = first_slice + i * std::uint64_t{PARKER_SLICE_BYTES};
        if (std::ranges::any_of(partitions_, [slice](const auto& other) { return other.second->held.slice == slice; }))
            continue;
        auto partition = std::make_unique<Partition>();
        partition->held.name = name;
        partition->held.slice = slice;
        partition->slice = std::make_shared<Memory>(MemoryRange{slice, slice + PARKER_SLICE_BYTES});
        partitions_.emplace(name, std::move(partition));
        return;
    }
    refuse(ENOSPC, PARKER_WHY_NO_SLICE, object(name), "creating it");
}

void SimulatedControl::destroy(const std::string& name)
{
    Lock lock{mutex_};
    enter(lock, Call::destroy, name);
    const auto& held = stopped(name).held;
    if (!held.cpus.empty() || !held.memory.empty() || !held.devices.empty())
        refuse(EBUSY, PARKER_WHY_NONE, object(name), "ending it");
    partitions_.erase(name);
}

void SimulatedControl::take_cpus(const std::string& name, const CpuSet& cpus)
{
    Lock lock{mutex_};
    enter(lock, Call::take_cpus, name, cpus.to_string());
    auto& partition = stopped(name);
    CpuSet held;
    for (const auto& [other, entry] : partitions_)
        held |= entry->held.cpus;
    for (const auto cpu : cpus.to_vector()) {
        const auto what = "CPU " + std::to_string(cpu);
        if (!machine_.possible.contains(cpu))
            refuse(ENXIO, PARKER_WHY_NO_SUCH, what, "taking it");
        if (cpu == machine_.boot_cpu)
            refuse(EPERM, PARKER_WHY_BSP, what, "taking it");
        if (held.contains(cpu))
            refuse(EBUSY, PARKER_WHY_HELD, what, "taking it");
        if (!machine_.online.contains(cpu))
            refuse(EBUSY, PARKER_WHY_OFFLINE, what, "taking it");
    }
    partition.held.cpus |= cpus;
}

void SimulatedControl::give_cpus(const std::string& name, const CpuSet& cpus)
{
    Lock lock{mutex_};
    enter(lock, Call::give_cpus, name, cpus.to_string());
    auto& held = stopped(name).held;
    if (const auto strange = (cpus - held.cpus).first())
        refuse(EINVAL, PARKER_WHY_NOT_HELD, "CPU " + std::to_string(*strange), "giving it back");
    held.cpus -= cpus;
}

// The highest free place of the node, as the module does it.
std::optional<MemoryRange> SimulatedControl::allocate(unsigned node, std::uint64_t bytes) const
{
    const auto* description = machine_.node(node);
    if (description == nullptr)
        refuse(ENXIO, PARKER_WHY_NONE, "node " + std::to_string(node), "taking memory");
    const auto start = ram_start + node * node_gap;
    auto end = start + align_down(description->total_bytes, memory_granule);
    const auto floor = end - std::min(end - start, align_down(description->free_bytes, memory_granule));
    std::vector<MemoryRange> taken;
    for (const auto& [name, partition] : partitions_)
        std::ranges::copy_if(partition->held.memory, std::back_inserter(taken),
                             [node](const MemoryRange& range) { return range.node == node; });
    std::ranges::sort(taken, std::ranges::greater{}, &MemoryRange::start);
    if (bytes > options_.largest_range)
        return std::nullopt;
    for (const auto& range : taken) {
        if (end - range.end >= bytes)
            break;
        end = range.start;
    }
    if (end - floor < bytes || end < floor)
        return std::nullopt;
    return MemoryRange{end - bytes, end, node};
}

std::vector<MemoryRange> SimulatedControl::take_memory(const std::string& name, unsigned node, std::uint64_t bytes)
{
    Lock lock{mutex_};
    enter(lock, Call::take_memory, name, format_bytes(bytes) + " of node " + std::to_string(node));
    auto& held = stopped(name).held;
    const auto take = [this, &held, node](std::uint64_t piece) {
        if (held.memory.size() == PARKER_RANGES_MAX)
            refuse(ENOSPC, PARKER_WHY_NONE, object(held.name), "taking memory");
        const auto range = allocate(node, piece);
        if (range)
            held.memory.insert(std::ranges::upper_bound(held.memory, range->start, {}, &MemoryRange::start), *range);
        return range;
    };
    return take_in_pieces(name, node, bytes, take,
                          [&held](const MemoryRange& range) { std::erase(held.memory, range); });
}

void SimulatedControl::give_memory(const std::string& name, const MemoryRange& range)
{
    Lock lock{mutex_};
    enter(lock, Call::give_memory, name, format_bytes(range.bytes()));
    auto& partition = stopped(name);
    if (std::erase(partition.held.memory, range) == 0)
        refuse(EINVAL, PARKER_WHY_NOT_HELD, object(name), "giving back memory");
    std::erase_if(partition.ranges, [&range](const auto& memory) { return memory->range == range; });
}

std::optional<BootUse> SimulatedControl::in_use(const Bdf& device)
{
    const std::lock_guard lock{mutex_};
    return std::ranges::find(mounted_, device) == mounted_.end()
               ? std::nullopt
               : std::optional{BootUse{drive_busy(device, "nvme0n1")}};
}

void SimulatedControl::mount(const Bdf& device)
{
    const std::lock_guard lock{mutex_};
    mounted_.push_back(device);
}

void SimulatedControl::take_devices(const std::string& name, const std::vector<Bdf>& devices, bool confine)
{
    Lock lock{mutex_};
    std::string list;
    for (const auto& bdf : devices)
        list += (list.empty() ? "" : ",") + bdf.to_string();
    enter(lock, Call::take_devices, name, list + (confine ? " confined" : ""));
    auto& held = stopped(name).held;
    for (const auto& bdf : devices) {
        const auto* function = machine_.function(bdf);
        if (function == nullptr)
            refuse(ENXIO, PARKER_WHY_NO_SUCH, bdf.to_string(), "taking it");
        if (std::ranges::find(mounted_, bdf) != mounted_.end())
            throw drive_busy(bdf, "nvme0n1");
        if (function->is_bridge)
            refuse(EPERM, PARKER_WHY_BRIDGE, bdf.to_string(), "taking it");
        if (!function->parent)
            refuse(EPERM, PARKER_WHY_ROOT_BUS, bdf.to_string(), "taking it");
        for (const auto& [other, partition] : partitions_)
            if (std::ranges::find(partition->held.devices, bdf) != partition->held.devices.end())
                refuse(EBUSY, PARKER_WHY_HELD, bdf.to_string(), "taking it");
        for (const auto& neighbour : machine_.functions)
            if (neighbour.bdf.domain == bdf.domain && neighbour.bdf.bus == bdf.bus &&
                std::ranges::find(devices, neighbour.bdf) == devices.end())
                refuse(EPERM, PARKER_WHY_SHARED_BUS, bdf.to_string(), "taking it");
        if (confine && !machine_.iommu)
            refuse(ENODEV, PARKER_WHY_IOMMU, bdf.to_string(), "taking it");
    }
    held.devices.insert(held.devices.end(), devices.begin(), devices.end());
    std::ranges::sort(held.devices);
    const bool confined = confine && held.dma != HeldPartition::Dma::open;
    held.dma = confined ? HeldPartition::Dma::confined : HeldPartition::Dma::open;
}

void SimulatedControl::give_devices(const std::string& name, const std::vector<Bdf>& devices)
{
    Lock lock{mutex_};
    enter(lock, Call::give_devices, name);
    auto& held = stopped(name).held;
    for (const auto& bdf : devices)
        if (std::erase(held.lost, bdf) + std::erase(held.devices, bdf) == 0)
            refuse(EINVAL, PARKER_WHY_NOT_HELD, bdf.to_string(), "giving it back");
    if (held.devices.empty())
        held.dma = HeldPartition::Dma::none;
}

std::shared_ptr<SimulatedControl::Memory> SimulatedControl::memory_at(const MemoryRange& range)
{
    for (const auto& [name, partition] : partitions_) {
        if (partition->slice->range.contains(range.start, range.bytes()))
            return partition->slice;
        for (const auto& memory : partition->ranges)
            if (memory->range.contains(range.start, range.bytes()))
                return memory;
        for (const auto& held : partition->held.memory)
            if (held.contains(range.start, range.bytes()))
                return partition->ranges.emplace_back(std::make_shared<Memory>(held));
    }
    return nullptr;
}

std::unique_ptr<Mapping> SimulatedControl::map(const MemoryRange& range)
{
    class Window : public Mapping {
    public:
        Window(std::shared_ptr<Memory> memory, std::span<std::byte> bytes) : memory_{std::move(memory)}, bytes_{bytes}
        {
        }
        std::span<std::byte> bytes() override { return bytes_; }
        void zero() override // costs no more than what was written
        {
            if (::madvise(bytes_.data(), bytes_.size(), MADV_DONTNEED) != 0) // it does not begin a page
                Mapping::zero();
        }

    private:
        std::shared_ptr<Memory> memory_;
        std::span<std::byte> bytes_;
    };
    Lock lock{mutex_};
    enter(lock, Call::map, "");
    auto memory = range.start < range.end ? memory_at(range) : nullptr;
    if (!memory)
        throw Error{Code::kernel_refused, "simulated machine", "no partition holds that memory"};
    const auto bytes = memory->bytes.subspan(range.start - memory->range.start, range.bytes());
    return std::make_unique<Window>(std::move(memory), bytes);
}

void SimulatedControl::start(const std::string& name, const StartPoint& at)
{
    Lock lock{mutex_};
    enter(lock, Call::start, name, "CPU " + std::to_string(at.cpu));
    auto& partition = stopped(name);
    if (!partition.held.cpus.contains(at.cpu))
        refuse(EINVAL, PARKER_WHY_NOT_HELD, "CPU " + std::to_string(at.cpu), "starting on it");
    for (const auto address : {at.entry, at.boot_params, at.page_table})
        if (!memory_at({align_down(address, page_bytes), align_down(address, page_bytes) + page_bytes}))
            refuse(EFAULT, PARKER_WHY_OUTSIDE, object(name), "starting it");
    partition.held.state = State::running;
    partition.held.exit = Exit::none;
    partition.hangs = false;
    partition.end.reset();
    if (const auto fate = fates_.find(name); fate != fates_.end()) {
        partition.end = now_() + fate->second.after;
        partition.end_as = fate->second.exit;
    }
    partition.next = now_() + options_.first_beat;
}

void SimulatedControl::kill(const std::string& name)
{
    Lock lock{mutex_};
    enter(lock, Call::kill, name);
    auto& held = named(name).held;
    held.exit = held.state == State::running ? Exit::killed : Exit::none;
    held.state = State::idle;
}

} // namespace parker
