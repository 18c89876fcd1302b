// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plan/devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

namespace parker {
namespace {

bool matches(const Manifest::Device& wish, const Machine::PciFunction& function)
{
    const auto* match = std::get_if<Manifest::DeviceMatch>(&wish.pci);
    return match != nullptr && match->vendor == function.vendor && match->device == function.device &&
           (!match->node || match->node == function.node);
}

std::string kind_text(const Manifest::DeviceMatch& match)
{
    auto text = fmt::format("{:04x}:{:04x}", match.vendor, match.device);
    if (match.node)
        text += fmt::format(" on node {}", *match.node);
    return text;
}

} // namespace

DeviceRoom::DeviceRoom(const Machine& machine, InUse in_use)
    : machine_{machine}, in_use_{std::move(in_use)}, holder_(machine.functions.size()),
      spoken_for_(machine.functions.size()), virtuals_(machine.functions.size())
{
    std::map<Index, unsigned> counted;
    for (Index i = 0; i < machine.functions.size(); ++i) {
        const auto& function = machine.functions[i];
        by_kind_[{function.vendor, function.device}].push_back(i);
        if (function.iommu_group)
            by_group_[*function.iommu_group].push_back(i);
        virtuals_[i] = std::max(virtuals_[i], function.virtual_functions);
        // A machine that leaves out how many there are still has those that are there.
        if (const auto physical = function.physical_function ? find(*function.physical_function) : std::nullopt)
            ++counted[*physical];
    }
    for (const auto& [function, count] : counted)
        virtuals_[function] = std::max(virtuals_[function], count);
}

void DeviceRoom::speak_for(const Manifest& manifest)
{
    for (const auto& device : manifest.devices)
        if (const auto* bdf = std::get_if<Bdf>(&device.pci))
            if (const auto function = find(*bdf))
                spoken_for_[*function] = true;
}

void DeviceRoom::take(std::span<const Bdf> devices, std::string_view holder)
{
    for (const auto& bdf : devices)
        if (const auto function = find(bdf))
            holder_[*function] = holder;
}

std::optional<std::vector<Bdf>> DeviceRoom::choose(const Manifest& manifest, std::span<const unsigned> near,
                                                   Complaints& complaints) const
{
    Choice choice;
    for (const auto& device : manifest.devices)
        if (const auto* bdf = std::get_if<Bdf>(&device.pci))
            choose_address(*bdf, device, choice, complaints);
    for (std::size_t wish = 0; wish < manifest.devices.size(); ++wish)
        if (std::holds_alternative<Manifest::DeviceMatch>(manifest.devices[wish].pci))
            choose_match(manifest, wish, near, choice, complaints);
    check_buses(choice, complaints);
    check_isolation(manifest, choice, complaints);
    warn_of_unknown(choice, complaints);
    if (complaints.has_errors())
        return std::nullopt;

    std::vector<Bdf> devices;
    for (const auto& [function, unused] : choice.functions)
        devices.push_back(machine_.functions[function].bdf);
    std::ranges::sort(devices);
    return devices;
}

std::vector<unsigned> DeviceRoom::nodes_of(std::span<const Bdf> devices) const
{
    std::map<unsigned, unsigned> count;
    for (const auto& bdf : devices)
        if (const auto function = find(bdf); function && machine_.functions[*function].node)
            ++count[*machine_.functions[*function].node];
    std::vector<unsigned> nodes;
    for (const auto& [node, unused] : count)
        nodes.push_back(node);
    std::ranges::stable_sort(nodes, std::greater{}, [&count](unsigned node) { return count.at(node); });
    return nodes;
}

bool DeviceRoom::Choice::has(Index function) const
{
    return std::ranges::find(functions, function, [](const auto& each) { return each.first; }) != functions.end();
}

std::optional<DeviceRoom::Index> DeviceRoom::find(const Bdf& bdf) const
{
    const auto* function = machine_.function(bdf);
    if (function == nullptr)
        return std::nullopt;
    return index_of(*function);
}

DeviceRoom::Index DeviceRoom::index_of(const Machine::PciFunction& function) const
{
    return static_cast<Index>(&function - machine_.functions.data());
}

std::span<const Machine::PciFunction> DeviceRoom::bus_of(Index function) const
{
    const auto number = [](const Machine::PciFunction& each) { return std::pair{each.bdf.domain, each.bdf.bus}; };
    const auto bus = number(machine_.functions[function]);
    return {std::ranges::lower_bound(machine_.functions, bus, {}, number),
            std::ranges::upper_bound(machine_.functions, bus, {}, number)};
}

const std::optional<BootUse>& DeviceRoom::use_of(Index index) const
{
    const auto known = uses_.find(index);
    if (known != uses_.end())
        return known->second;
    return uses_.emplace(index, in_use_ ? in_use_(machine_.functions[index].bdf) : std::nullopt).first->second;
}

void DeviceRoom::choose_address(const Bdf& bdf, const Manifest::Device& device, Choice& choice,
                                Complaints& complaints) const
{
    const auto function = find(bdf);
    if (!function) {
        complaints.error(Code::no_such_device, device.at, "there is no PCI function " + bdf.to_string(),
                         "`parkerctl host` lists those that there are");
    } else if (choice.has(*function)) {
        complaints.error(Code::bad_value, device.at, bdf.to_string() + " is listed twice", "leave out one of them");
    } else if (const auto code = obstacle(*function)) {
        const auto why = refusal(*function, *code);
        complaints.error(why.code, device.at, why.reason, why.suggestion,
                         why.holder.empty() ? std::string{} : holder_text(why.holder));
    } else {
        choice.functions.emplace_back(*function, &device);
        // Whoever names it may mean it; a drive that is in use still is by the time of a start, as a rule, and refused.
        if (const auto& use = use_of(*function))
            complaints.warning(use->why.code(), device.at, use->why.what(), use->why.suggestion());
    }
}

void DeviceRoom::choose_match(const Manifest& manifest, std::size_t wish, std::span<const unsigned> near,
                              Choice& choice, Complaints& complaints) const
{
    const auto& device = manifest.devices[wish];
    const auto& match = std::get<Manifest::DeviceMatch>(device.pci);
    const auto cost = [this, near, &choice](Index index) {
        const bool shares_bus = std::ranges::any_of(
            bus_of(index), [this, &choice](const Machine::PciFunction& other) { return choice.has(index_of(other)); });
        const auto* use = use_of_bus(index, choice);
        const auto& node = machine_.functions[index].node;
        const bool is_near = node && std::ranges::find(near, *node) != near.end();
        // A bus that is begun must be finished. Then: what the boot kernel does not use, what nobody names, what is
        // near, and low addresses.
        return std::tuple{!shares_bus, use != nullptr, bool{spoken_for_[index]}, !is_near, index};
    };

    std::optional<Index> best;
    const auto candidates = by_kind_.find({match.vendor, match.device});
    if (candidates != by_kind_.end())
        for (const auto index : candidates->second)
            if (matches(device, machine_.functions[index]) && !unfit(manifest, wish, index, choice) &&
                (!best || cost(index) < cost(*best)))
                best = index;
    if (!best) {
        complain_no_match(manifest, wish, choice, complaints);
        return;
    }
    if (const auto& use = use_of(*best))
        complaints.warning(use->why.code(), device.at, use->why.what(), use->why.suggestion());
    choice.functions.emplace_back(*best, &device);
}

// Why this function is none that the wish can have.
std::optional<DeviceRoom::Refusal> DeviceRoom::unfit(const Manifest& manifest, std::size_t wish, Index index,
                                                     const Choice& choice) const
{
    if (choice.has(index))
        return Refusal{
            Code::shared_bus, describe(index) + " goes to this partition already", "ask for one less of that kind", {}};
    if (const auto code = obstacle(index))
        return refusal(index, *code);
    if (!completes_bus(manifest, wish, index, choice))
        return Refusal{Code::shared_bus, describe(index) + " shares its bus with functions that stay",
                       "list all functions of the bus", boot_kernel};
    if (manifest.dma == Manifest::Dma::required && machine_.iommu_known && !machine_.described) {
        if (!machine_.iommu || !machine_.functions[index].iommu_group)
            return Refusal{Code::dma_unconfined,
                           "no IOMMU confines " + describe(index) + ", and `dma: required` insists on one",
                           machine_.iommu ? "`dma: auto`" : "boot with `intel_iommu=on`, or `dma: auto`",
                           {}};
        if (const auto mate = group_mate(index, choice))
            return Refusal{Code::dma_unconfined,
                           fmt::format("{} is in one IOMMU group with {}", describe(index), describe(*mate)),
                           "a function with a group of its own, or `dma: auto`", boot_kernel};
    }
    if (const auto& use = use_of(index); use && use->blocks)
        return Refusal{use->why.code(), use->why.what(), use->why.suggestion(), boot_kernel};
    if (const auto* use = use_of_bus(index, choice); use != nullptr && use->blocks)
        return Refusal{use->why.code(), describe(index) + " shares its bus with " + use->why.what(),
                       use->why.suggestion(), boot_kernel};
    return std::nullopt;
}

// The gravest of the functions that would go together.
const BootUse* DeviceRoom::use_of_bus(Index index, const Choice& choice) const
{
    const BootUse* gravest = nullptr;
    for (const auto& other : bus_of(index)) {
        if (choice.has(index_of(other)))
            continue;
        const auto& use = use_of(index_of(other));
        if (use && (gravest == nullptr || (use->blocks && !gravest->blocks)))
            gravest = &*use;
    }
    return gravest;
}

// Whether every other function of the bus is chosen already, or is what a later wish asks for.
bool DeviceRoom::completes_bus(const Manifest& manifest, std::size_t wish, Index index, const Choice& choice) const
{
    std::vector<const Manifest::Device*> later;
    for (auto i = wish + 1; i < manifest.devices.size(); ++i)
        later.push_back(&manifest.devices[i]);
    for (const auto& other : bus_of(index)) {
        const auto other_index = index_of(other);
        if (other_index == index || choice.has(other_index))
            continue;
        const auto taker =
            std::ranges::find_if(later, [&other](const Manifest::Device* each) { return matches(*each, other); });
        if (taker == later.end() || obstacle(other_index))
            return false;
        later.erase(taker);
    }
    return true;
}

// A function of the same IOMMU group that would stay behind. Those of its own bus go along.
std::optional<DeviceRoom::Index> DeviceRoom::group_mate(Index index, const Choice& choice) const
{
    const auto& function = machine_.functions[index];
    for (const auto other : by_group_.at(*function.iommu_group)) {
        const auto& mate = machine_.functions[other];
        const bool same_bus = mate.bdf.domain == function.bdf.domain && mate.bdf.bus == function.bdf.bus;
        if (!mate.is_bridge && !same_bus && !choice.has(other))
            return other;
    }
    return std::nullopt;
}

// Each that there is, with what is in the way.
void DeviceRoom::complain_no_match(const Manifest& manifest, std::size_t wish, const Choice& choice,
                                   Complaints& complaints) const
{
    constexpr unsigned most_listed = 8;
    const auto& device = manifest.devices[wish];
    const auto& match = std::get<Manifest::DeviceMatch>(device.pci);
    std::vector<Refusal> why;
    bool one_elsewhere = false;
    const auto candidates = by_kind_.find({match.vendor, match.device});
    if (candidates != by_kind_.end())
        for (const auto index : candidates->second) {
            auto refusal = unfit(manifest, wish, index, choice);
            if (matches(device, machine_.functions[index]) && refusal)
                why.push_back(std::move(*refusal));
            one_elsewhere = one_elsewhere || !refusal;
        }
    if (why.empty()) {
        complaints.error(Code::no_such_device, device.at, "there is no PCI function " + kind_text(match),
                         one_elsewhere ? "leave out `node`" : "`parkerctl host` lists those that there are");
        return;
    }
    // One that is in use is nearest to being had.
    std::stable_partition(why.begin(), why.end(), [](const Refusal& each) { return each.code == Code::device_busy; });
    std::string reasons;
    std::vector<std::string_view> holders;
    for (std::size_t i = 0; i < why.size(); ++i) {
        const bool is_partition = !why[i].holder.empty() && why[i].holder != boot_kernel;
        if (is_partition)
            holders.push_back(why[i].holder);
        if (i < most_listed)
            reasons += fmt::format("{}{}{}", i == 0 ? "" : "; ", why[i].reason,
                                   is_partition ? ", by " + holder_text(why[i].holder) : "");
    }
    if (why.size() > most_listed)
        reasons += fmt::format("; and {} more", why.size() - most_listed);
    complaints.error(why.front().code, device.at,
                     fmt::format("no PCI function {} is to be had: {}", kind_text(match), reasons),
                     one_elsewhere ? "leave out `node`" : why.front().suggestion, holders_text(std::move(holders)));
}

void DeviceRoom::check_buses(const Choice& choice, Complaints& complaints) const
{
    std::set<std::pair<std::uint32_t, std::uint8_t>> seen;
    for (const auto& [index, device] : choice.functions) {
        const auto& bdf = machine_.functions[index].bdf;
        if (!seen.emplace(bdf.domain, bdf.bus).second)
            continue;
        std::string staying;
        std::vector<std::string_view> holders;
        bool can_go = true;
        for (const auto& other : bus_of(index)) {
            const auto other_index = index_of(other);
            if (choice.has(other_index))
                continue;
            staying += (staying.empty() ? "" : ", ") + describe(other_index);
            holders.push_back(holder_[other_index].empty() ? boot_kernel : holder_[other_index]);
            can_go = can_go && !obstacle(other_index);
        }
        if (!staying.empty())
            complaints.error(Code::shared_bus, device->at,
                             fmt::format("{} shares its bus with {}", bdf.to_string(), staying),
                             can_go ? "list all functions of the bus, or none" : "a device that has a bus of its own",
                             holders_text(std::move(holders)));
    }
}

void DeviceRoom::check_isolation(const Manifest& manifest, const Choice& choice, Complaints& complaints) const
{
    if (manifest.devices.empty())
        return;
    if (machine_.interrupt_remapping)
        complaints.error(Code::interrupt_remapping, manifest.devices.front().at,
                         "the boot kernel remaps interrupts, and those of a partition's devices would be lost",
                         "boot with `intremap=off`", std::string{boot_kernel});
    if (manifest.dma != Manifest::Dma::required)
        return;
    for (const auto& [index, device] : choice.functions) {
        const auto& group = machine_.functions[index].iommu_group;
        if (!machine_.iommu_known || machine_.described) {
            complaints.warning(Code::dma_unconfined, device->at,
                               "whether an IOMMU confines " + describe(index) + " cannot be told here");
            continue;
        }
        if (!machine_.iommu || !group) {
            complaints.error(Code::dma_unconfined, device->at,
                             "no IOMMU confines " + describe(index) + ", and `dma: required` insists on one",
                             machine_.iommu ? "a device that the IOMMU knows, or `dma: auto`"
                                            : "boot with `intel_iommu=on`, or `dma: auto`");
            continue;
        }
        const auto stays = [this, &choice](Index other) {
            return !choice.has(other) && !machine_.functions[other].is_bridge;
        };
        const auto& members = by_group_.at(*group);
        const bool can_go = std::ranges::none_of(
            members, [this, &stays](Index other) { return stays(other) && obstacle(other).has_value(); });
        for (const auto other : members)
            if (stays(other))
                complaints.error(Code::dma_unconfined, device->at,
                                 fmt::format("{} can reach all that {} can: they are in one IOMMU group, {}",
                                             describe(other), machine_.functions[index].bdf.to_string(), *group),
                                 can_go ? "list all functions of the group"
                                        : "a device in a group of its own, or `dma: auto`",
                                 holder_text(holder_[other].empty() ? boot_kernel : holder_[other]));
    }
}

// What could not be read is no refusal: whoever starts it may read more.
void DeviceRoom::warn_of_unknown(const Choice& choice, Complaints& complaints) const
{
    for (const auto& [index, device] : choice.functions)
        if (!machine_.functions[index].msi_known)
            complaints.warning(Code::no_msi, device->at,
                               "whether " + describe(index) +
                                   " raises MSI or MSI-X cannot be told: its capabilities could not be read",
                               "root can read them: `lspci -vv -s " + machine_.functions[index].bdf.to_string() + "`");
}

} // namespace parker
