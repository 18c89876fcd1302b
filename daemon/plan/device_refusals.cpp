// SPDX-License-Identifier: LGPL-2.1-or-later
// Why a partition cannot have a function.
#include <fmt/format.h>

#include "plan/devices.h"

namespace parker {

bool DeviceRoom::has_ecam(Index index) const
{
    const auto& bdf = machine_.functions[index].bdf;
    if (bdf.has_domain_of_software())
        return false; // whatever anybody says: MCFG has 16 bits for a domain
    return !machine_.ecam_known || machine_.ecam_of(bdf.domain, bdf.bus).has_value();
}

std::optional<Code> DeviceRoom::obstacle(Index index) const
{
    const auto& function = machine_.functions[index];
    if (function.is_bridge)
        return Code::bridge;
    if (function.physical_function || virtuals_[index] > 0)
        return Code::sr_iov;
    if (function.bdf.has_domain_of_software())
        return Code::no_ecam;
    if (!function.parent)
        return Code::root_bus;
    if (!has_ecam(index))
        return Code::no_ecam;
    if (!holder_[index].empty())
        return Code::device_busy;
    if (function.msi_known && !function.has_msi)
        return Code::no_msi;
    return std::nullopt;
}

DeviceRoom::Refusal DeviceRoom::refusal(Index index, Code code) const
{
    const auto what = describe(index);
    switch (code) {
    case Code::bridge:
        return {code, what + " is a bridge, which stays with the boot kernel", "name the devices behind it",
                boot_kernel};
    case Code::root_bus:
        return {code, what + " is on a root bus, which it shares with the machine's own devices",
                "a device in a slot, behind a root port", boot_kernel};
    case Code::device_busy:
        return {code, what + " is taken already", "take it out of one of the two manifests", holder_[index]};
    case Code::no_ecam:
        return no_ecam_refusal(index);
    case Code::sr_iov:
        return sr_iov_refusal(index);
    default:
        return {code,
                what + " has neither MSI nor MSI-X, and other interrupts cannot reach a partition",
                "a device that has",
                {}};
    }
}

DeviceRoom::Refusal DeviceRoom::no_ecam_refusal(Index index) const
{
    const auto what = describe(index);
    if (machine_.functions[index].bdf.has_domain_of_software())
        return {Code::no_ecam,
                what + " is in a domain that a driver made, as of the drives behind Intel VMD: its bus has no "
                       "memory-mapped configuration space of the machine's",
                "switch VMD off in the firmware's setup; the drive then has another address", boot_kernel};
    const auto reason = what + " is on a bus without memory-mapped configuration space (ECAM), through which a "
                               "partition's kernel finds its devices";
    if (machine_.kernel_cmdline.find("nommconf") != std::string::npos)
        return {Code::no_ecam, reason, "boot without `pci=nommconf`", boot_kernel};
    return {Code::no_ecam, reason,
            machine_.ecam.empty() ? "the boot kernel's log says why: `dmesg | grep -iE 'mmconfig|ecam|mcfg'`"
                                  : "a device on a bus that has it: /proc/iomem lists them as PCI ECAM or MMCONFIG",
            boot_kernel};
}

DeviceRoom::Refusal DeviceRoom::sr_iov_refusal(Index index) const
{
    const auto& function = machine_.functions[index];
    if (function.physical_function)
        return {Code::sr_iov,
                fmt::format("{} is a virtual function of {}: a partition's kernel would not find it on its bus, and "
                            "it goes when that function's driver does",
                            describe(index), function.physical_function->to_string()),
                "a function that is no virtual one", boot_kernel};
    return {Code::sr_iov,
            fmt::format("{} has {} virtual function{}, which would go with it", describe(index), virtuals_[index],
                        virtuals_[index] == 1 ? "" : "s"),
            fmt::format("write 0 to /sys/bus/pci/devices/{}/sriov_numvfs first", function.bdf.to_string()),
            boot_kernel};
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
