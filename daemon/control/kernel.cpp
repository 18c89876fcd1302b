// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/kernel.h"

#include <fcntl.h>
#include <parker.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/undo.h"
#include "control/held.h"
#include "control/network_link.h"
#include "control/pieces.h"
#include "control/refusal.h"

namespace parker {
namespace {

constexpr auto no_item = ~std::uint64_t{0}; // PARKER_NO_ITEM, which has C's cast

std::string partition(const std::string& name)
{
    return "partition " + name;
}

template <typename Struct>
Struct argument()
{
    Struct result;
    std::memset(&result, 0, sizeof result);
    result.size = sizeof result;
    return result;
}

template <typename Struct>
Struct argument(const std::string& name)
{
    if (!is_partition_name(name))
        throw Error{Code::invalid_argument, partition(name),
                    "a name has 1 to " + std::to_string(PARKER_NAME_MAX) + " of a-z, 0-9 and '-'"};
    auto result = argument<Struct>();
    name.copy(result.name, sizeof result.name - 1);
    return result;
}

std::uint64_t pack(const Bdf& bdf)
{
    // PARKER_PCI(), which has C's casts
    return std::uint64_t{bdf.domain} << 16 | std::uint64_t{bdf.bus} << 8 | std::uint64_t{bdf.device} << 3 |
           bdf.function;
}

std::string unpack(std::uint64_t item)
{
    return Bdf{static_cast<std::uint32_t>(item >> 16), static_cast<std::uint8_t>(item >> 8),
               static_cast<std::uint8_t>(item >> 3 & 0x1f), static_cast<std::uint8_t>(item & 7)}
        .to_string();
}

std::vector<std::uint64_t> pack(const std::vector<Bdf>& devices)
{
    std::vector<std::uint64_t> items;
    items.reserve(devices.size());
    for (const auto& bdf : devices)
        items.push_back(pack(bdf));
    return items;
}

std::vector<std::uint64_t> pack(const CpuSet& cpus)
{
    const auto numbers = cpus.to_vector();
    return {numbers.begin(), numbers.end()};
}

std::string cpu_object(std::uint64_t cpu)
{
    return "CPU " + std::to_string(cpu);
}

class DeviceMapping : public Mapping {
public:
    DeviceMapping(void* start, std::size_t bytes) : bytes_{static_cast<std::byte*>(start), bytes} {}
    ~DeviceMapping() override { ::munmap(bytes_.data(), bytes_.size()); }
    DeviceMapping(const DeviceMapping&) = delete;
    DeviceMapping& operator=(const DeviceMapping&) = delete;
    std::span<std::byte> bytes() override { return bytes_; }

private:
    std::span<std::byte> bytes_;
};

} // namespace

KernelControl::KernelControl() : KernelControl{Paths{}} {}

KernelControl::KernelControl(Paths paths, Ioctl ioctl, Drivers::Write write)
    : paths_{std::move(paths)}, ioctl_{std::move(ioctl)}, drivers_{paths_.pci, paths_.drivers, std::move(write)}
{
    if (!ioctl_)
        ioctl_ = [this](unsigned long request, void* argument) { return ::ioctl(device(), request, argument); };
}

int KernelControl::device()
{
    const std::lock_guard lock{opening_};
    if (!device_)
        device_ = Fd{::open(paths_.device.c_str(), O_RDWR | O_CLOEXEC)};
    if (!device_) {
        if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
            throw Error{Code::module_missing, paths_.device, "the kernel module parker is not loaded",
                        "modprobe parker; if there is none for this kernel: dkms autoinstall"};
        if (errno == EPERM || errno == EACCES)
            throw Error{Code::not_permitted, paths_.device, "CAP_SYS_ADMIN is needed", "run it as root"};
        throw_errno(Code::failed, paths_.device, "cannot be opened");
    }
    return device_.get();
}

template <typename Struct>
int KernelControl::call(unsigned long request, Struct& argument)
{
    while (ioctl_(request, &argument) != 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

Control::Info KernelControl::info()
{
    auto argument = parker::argument<parker_info>();
    if (const int error = call(PARKER_IOC_INFO, argument))
        throw refusal(error, PARKER_WHY_NONE, paths_.device, "asking the module");
    if (argument.abi != PARKER_ABI_VERSION)
        throw Error{Code::module_missing, paths_.device,
                    "the module speaks version " + std::to_string(argument.abi) + ", parkerd version " +
                        std::to_string(PARKER_ABI_VERSION),
                    "install the matching module, then `modprobe -r parker && modprobe parker`"};
    if (argument.slice_bytes < PARKER_SLICE_BYTES)
        throw Error{Code::module_missing, paths_.device,
                    "the module's low slices have " + std::to_string(argument.slice_bytes) + " bytes, parkerd needs " +
                        std::to_string(PARKER_SLICE_BYTES),
                    "install the matching module, then `modprobe -r parker && modprobe parker`"};
    return {argument.slices, argument.slices_free, argument.tsc_khz,
            (argument.host & PARKER_HOST_X2APIC) != 0 && (argument.host & PARKER_HOST_IRQ_REMAPPING) == 0};
}

std::uint32_t KernelControl::apic_id(unsigned cpu)
{
    auto argument = parker::argument<parker_cpu>();
    argument.cpu = cpu;
    if (const int error = call(PARKER_IOC_CPU, argument))
        throw refusal(error, argument.why, cpu_object(cpu), "asking for its APIC ID");
    return argument.apic_id;
}

// A function whose driver would not take it back is no longer the module's, but is not returned either.
HeldPartition KernelControl::with_remembered(HeldPartition held) const
{
    for (const auto& bdf : drivers_.remembered(held.name))
        held.devices.push_back(bdf);
    std::ranges::sort(held.devices);
    held.devices.erase(std::unique(held.devices.begin(), held.devices.end()), held.devices.end());
    return held;
}

std::vector<HeldPartition> KernelControl::list()
{
    auto all = read_all_held(paths_.class_directory);
    for (auto& held : all)
        held = with_remembered(std::move(held));
    return all;
}

std::optional<HeldPartition> KernelControl::find(const std::string& name)
{
    auto held = read_held(paths_.class_directory, name);
    return held ? std::optional{with_remembered(std::move(*held))} : std::nullopt;
}

std::optional<std::uint64_t> KernelControl::heartbeat(const std::string& name)
{
    return read_heartbeat(paths_.class_directory, name);
}

void KernelControl::create(const std::string& name)
{
    auto argument = parker::argument<parker_partition>(name);
    if (const int error = call(PARKER_IOC_CREATE, argument))
        throw refusal(error, argument.why, partition(name), "creating it");
}

void KernelControl::destroy(const std::string& name)
{
    auto argument = parker::argument<parker_partition>(name);
    if (const int error = call(PARKER_IOC_DESTROY, argument))
        throw refusal(error, argument.why, partition(name), "ending it");
}

void KernelControl::set(unsigned long request, const std::string& name, std::vector<std::uint64_t> items,
                        std::uint32_t flags, const std::string& doing,
                        const std::function<std::string(std::uint64_t)>& describe)
{
    auto argument = parker::argument<parker_set>(name);
    argument.flags = flags;
    argument.items = reinterpret_cast<std::uintptr_t>(items.data());
    argument.nr = static_cast<std::uint32_t>(items.size());
    argument.failed = no_item;
    if (const int error = call(request, argument))
        throw refusal(error, argument.why, argument.failed == no_item ? partition(name) : describe(argument.failed),
                      doing);
}

void KernelControl::take_cpus(const std::string& name, const CpuSet& cpus)
{
    set(PARKER_IOC_TAKE_CPUS, name, pack(cpus), 0, "taking it", cpu_object);
}

void KernelControl::give_cpus(const std::string& name, const CpuSet& cpus)
{
    set(PARKER_IOC_GIVE_CPUS, name, pack(cpus), 0, "giving it back", cpu_object);
}

std::vector<MemoryRange> KernelControl::take_memory(const std::string& name, unsigned node, std::uint64_t bytes)
{
    const auto take = [this, &name, node](std::uint64_t piece) -> std::optional<MemoryRange> {
        auto argument = parker::argument<parker_memory>(name);
        argument.bytes = piece;
        argument.align = memory_granule;
        argument.node = node;
        const int error = call(PARKER_IOC_TAKE_MEMORY, argument);
        if (error == ENOMEM)
            return std::nullopt;
        if (error != 0)
            throw refusal(error, argument.why, error == ENXIO ? "node " + std::to_string(node) : partition(name),
                          "taking memory");
        return MemoryRange{argument.start, argument.start + piece, node};
    };
    return take_in_pieces(name, node, bytes, take,
                          [this, &name](const MemoryRange& range) { give_memory(name, range); });
}

void KernelControl::give_memory(const std::string& name, const MemoryRange& range)
{
    auto argument = parker::argument<parker_memory>(name);
    argument.start = range.start;
    if (const int error = call(PARKER_IOC_GIVE_MEMORY, argument))
        throw refusal(error, argument.why, partition(name),
                      "giving back " + format_bytes(range.bytes()) + " of memory");
}

void KernelControl::take_devices(const std::string& name, const std::vector<Bdf>& devices, bool confine)
{
    drivers_.release(name, devices);
    Undo undo;
    undo.add([this, &devices] {
        try {
            drivers_.restore(devices);
        } catch (const Error&) {
            // Stays remembered and listed: it is retried with the rest of the partition.
        }
    });
    set(PARKER_IOC_TAKE_DEVICES, name, pack(devices), confine ? PARKER_CONFINE : 0, "taking it", unpack);
    undo.keep();
}

void KernelControl::give_devices(const std::string& name, const std::vector<Bdf>& devices)
{
    const auto held_by_module = [this, &name, &devices] {
        std::vector<Bdf> still;
        if (const auto held = read_held(paths_.class_directory, name))
            std::ranges::copy_if(devices, std::back_inserter(still),
                                 [&held](const Bdf& bdf) { return std::ranges::binary_search(held->devices, bdf); });
        return still;
    };
    std::optional<Error> refused;
    if (const auto functions = held_by_module(); !functions.empty()) {
        try {
            set(PARKER_IOC_GIVE_DEVICES, name, pack(functions), 0, "giving it back", unpack);
        } catch (const Error& error) {
            refused = error;
        }
    }
    // What the module keeps must not get a driver; the others must not wait for it.
    auto free = devices;
    if (refused)
        for (const auto& bdf : held_by_module())
            std::erase(free, bdf);
    try {
        drivers_.restore(free);
    } catch (const Error&) {
        if (!refused) // the module's word weighs more
            throw;
    }
    if (refused)
        throw Error{*refused};
}

std::optional<BootUse> KernelControl::in_use(const Bdf& device)
{
    if (const auto drive = drivers_.in_use(device))
        return BootUse{*drive};
    return link_use(device);
}

std::unique_ptr<Mapping> KernelControl::map(const MemoryRange& range)
{
    if (range.start % page_bytes != 0 || range.end % page_bytes != 0 || range.start >= range.end)
        throw Error{Code::invalid_argument, paths_.device, "only whole pages can be mapped"};
    auto* start =
        ::mmap(nullptr, range.bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, device(), static_cast<off_t>(range.start));
    if (start == MAP_FAILED)
        throw_errno(Code::kernel_refused, paths_.device, "memory of a partition cannot be mapped");
    return std::make_unique<DeviceMapping>(start, range.bytes());
}

void KernelControl::start(const std::string& name, const StartPoint& at)
{
    auto argument = parker::argument<parker_start>(name);
    argument.entry = at.entry;
    argument.boot_params = at.boot_params;
    argument.page_table = at.page_table;
    argument.cpu = at.cpu;
    if (const int error = call(PARKER_IOC_START, argument))
        throw refusal(error, argument.why, partition(name), "starting it on CPU " + std::to_string(at.cpu));
}

void KernelControl::kill(const std::string& name)
{
    auto argument = parker::argument<parker_kill>(name);
    if (const int error = call(PARKER_IOC_KILL, argument))
        throw refusal(error, argument.why, partition(name), "killing it");
}

} // namespace parker
