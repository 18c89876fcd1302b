// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plan/devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

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

DeviceRoom::DeviceRoom(const Machine& machine)
    : machine_{machine}, holder_(machine.functions.size()), spoken_for_(machine.functions.size())
{
    for (Index i = 0; i < machine.functions.size(); ++i) {
        const auto& function = machine.functions[i];
        by_kind_[{function.vendor, function.device}].push_back(i);
        if (function.iommu_group)
            by_group_[*function.iommu_group].push_back(i);
    }
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
    return static_cast<Index>(function - machine_.functions.data());
}

std::span<const Machine::PciFunction> DeviceRoom::bus_of(Index function) const
{
    const auto number = [](const Machine::PciFunction& each) { return std::pair{each.bdf.domain, each.bdf.bus}; };
    const auto bus = number(machine_.functions[function]);
    return {std::ranges::lower_bound(machine_.functions, bus, {}, number),
            std::ranges::upper_bound(machine_.functions, bus, {}, number)};
}

std::optional<Code> DeviceRoom::obstacle(Index index) const
{
    const auto& function = machine_.functions[index];
    if (function.is_bridge)
        return Code::bridge;
    if (!function.parent)
        return Code::root_bus;
    if (!holder_[index].empty())
        return Code::device_busy;
    if (!function.has_msi)
        return Code::no_msi;
    return std::nullopt;
}

bool DeviceRoom::check(Index index, const Position& at, Complaints& complaints) const
{
    const auto code = obstacle(index);
    if (!code)
        return true;
    const auto what = describe(index);
    const std::string kernel{boot_kernel};
    if (*code == Code::bridge)
        complaints.error(*code, at, what + " is a bridge, which stays with the boot kernel",
                         "name the devices behind it", kernel);
    else if (*code == Code::root_bus)
        complaints.error(*code, at, what + " is on a root bus, which it shares with the machine's own devices",
                         "a device in a slot, behind a root port", kernel);
    else if (*code == Code::device_busy)
        complaints.error(*code, at, what + " is taken already", "take it out of one of the two manifests",
                         holder_text(holder_[index]));
    else
        complaints.error(*code, at, what + " has neither MSI nor MSI-X, and other interrupts cannot reach a partition",
                         "a device that has");
    return false;
}

void DeviceRoom::choose_address(const Bdf& bdf, const Manifest::Device& device, Choice& choice,
                                Complaints& complaints) const
{
    const auto function = find(bdf);
    if (!function)
        complaints.error(Code::no_such_device, device.at, "there is no PCI function " + bdf.to_string(),
                         "`parkerctl host` lists those that there are");
    else if (choice.has(*function))
        complaints.error(Code::bad_value, device.at, bdf.to_string() + " is listed twice", "leave out one of them");
    else if (check(*function, device.at, complaints))
        choice.functions.emplace_back(*function, &device);
}

void DeviceRoom::choose_match(const Manifest& manifest, std::size_t wish, std::span<const unsigned> near,
                              Choice& choice, Complaints& complaints) const
{
    const auto& device = manifest.devices[wish];
    const auto& match = std::get<Manifest::DeviceMatch>(device.pci);
    const auto cost = [this, near, &choice](Index index) {
        const auto bus = bus_of(index);
        const bool shares_bus = std::ranges::any_of(bus, [this, &choice](const Machine::PciFunction& other) {
            return choice.has(static_cast<Index>(&other - machine_.functions.data()));
        });
        const auto& node = machine_.functions[index].node;
        const bool is_near = node && std::ranges::find(near, *node) != near.end();
        // A bus that is begun must be finished. Then: what nobody names, what is near, and low addresses.
        return std::tuple{!shares_bus, bool{spoken_for_[index]}, !is_near, index};
    };

    std::optional<Index> best;
    const auto candidates = by_kind_.find({match.vendor, match.device});
    if (candidates != by_kind_.end())
        for (const auto index : candidates->second) {
            if (!matches(device, machine_.functions[index]) || obstacle(index) || choice.has(index) ||
                !completes_bus(manifest, wish, index, choice))
                continue;
            if (!best || cost(index) < cost(*best))
                best = index;
        }
    if (best)
        choice.functions.emplace_back(*best, &device);
    else
        complain_no_match(match, device.at, complaints);
}

// Whether every other function of the bus is chosen already, or is what a later wish asks for.
bool DeviceRoom::completes_bus(const Manifest& manifest, std::size_t wish, Index index, const Choice& choice) const
{
    std::vector<const Manifest::Device*> later;
    for (auto i = wish + 1; i < manifest.devices.size(); ++i)
        later.push_back(&manifest.devices[i]);
    for (const auto& other : bus_of(index)) {
        const auto other_index = static_cast<Index>(&other - machine_.functions.data());
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

void DeviceRoom::complain_no_match(const Manifest::DeviceMatch& match, const Position& at, Complaints& complaints) const
{
    std::map<Code, unsigned> why;
    std::vector<std::string_view> holders;
    unsigned count = 0;
    const auto candidates = by_kind_.find({match.vendor, match.device});
    if (candidates != by_kind_.end())
        for (const auto index : candidates->second) {
            if (match.node && machine_.functions[index].node != match.node)
                continue;
            ++count;
            ++why[obstacle(index).value_or(Code::shared_bus)];
            if (!holder_[index].empty())
                holders.push_back(holder_[index]);
        }
    if (count == 0) {
        complaints.error(Code::no_such_device, at, "there is no PCI function " + kind_text(match),
                         candidates != by_kind_.end() ? "leave out `node`"
                                                      : "`parkerctl host` lists those that there are");
        return;
    }
    std::string reasons;
    for (const auto& [code, times] : why)
        reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", times, info(code).name);
    const auto code = why.contains(Code::device_busy) ? Code::device_busy : why.begin()->first;
    complaints.error(code, at, fmt::format("no PCI function {} is to be had: {}", kind_text(match), reasons),
                     "name one by its address to hear more", holders_text(std::move(holders)));
}

void DeviceRoom::check_buses(const Choice& choice, Complaints& complaints) const
{
    std::set<std::pair<std::uint16_t, std::uint8_t>> seen;
    for (const auto& [index, device] : choice.functions) {
        const auto& bdf = machine_.functions[index].bdf;
        if (!seen.emplace(bdf.domain, bdf.bus).second)
            continue;
        std::string staying;
        std::vector<std::string_view> holders;
        for (const auto& other : bus_of(index)) {
            const auto other_index = static_cast<Index>(&other - machine_.functions.data());
            if (choice.has(other_index))
                continue;
            staying += (staying.empty() ? "" : ", ") + describe(other_index);
            holders.push_back(holder_[other_index].empty() ? boot_kernel : holder_[other_index]);
        }
        if (!staying.empty())
            complaints.error(Code::shared_bus, device->at,
                             fmt::format("{} shares its bus with {}", bdf.to_string(), staying),
                             "list all functions of the bus, or none", holders_text(std::move(holders)));
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
        if (!machine_.iommu || !group) {
            complaints.error(Code::dma_unconfined, device->at,
                             "no IOMMU confines " + describe(index) + ", and `dma: required` insists on one",
                             "boot with `intel_iommu=on`, or `dma: auto`");
            continue;
        }
        for (const auto other : by_group_.at(*group))
            if (!choice.has(other) && !machine_.functions[other].is_bridge)
                complaints.error(Code::dma_unconfined, device->at,
                                 fmt::format("{} can reach all that {} can: they are in one IOMMU group, {}",
                                             describe(other), machine_.functions[index].bdf.to_string(), *group),
                                 "list all functions of the group",
                                 holder_text(holder_[other].empty() ? boot_kernel : holder_[other]));
    }
}

// "0000:81:00.0 (NVMe SSD PM9A3, driver nvme)"
std::string DeviceRoom::describe(Index index) const
{
    const auto& function = machine_.functions[index];
    auto details = function.device_name;
    if (!function.driver.empty())
        details += (details.empty() ? "driver " : ", driver ") + function.driver;
    return function.bdf.to_string() + (details.empty() ? "" : " (" + details + ")");
}

} // namespace parker
