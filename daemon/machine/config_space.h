// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "machine/machine.h"

namespace parker {

// What the bytes of a function's configuration space say. sysfs gives 64 of them to everybody, all of them to root. A
// bridge's windows are read from here and not from its `resource` attribute, because the lines that hold them depend on
// the kernel's configuration: 13 to 16 of 0 to 16 with SR-IOV, 7 to 10 without (PCI_BRIDGE_RESOURCES in
// include/linux/pci.h; resource_show() in drivers/pci/pci-sysfs.c).
struct ConfigSpace {
    struct Bridge {
        std::uint8_t secondary_bus = 0;
        Machine::Window memory;
        Machine::Window prefetchable;
    };
    std::uint8_t header_type = 0;
    std::optional<Bridge> bridge;     // PCI-to-PCI bridges with a bus behind them
    bool has_msi = false;             // MSI or MSI-X
    bool lists_capabilities = false;  // so the header says
    bool capabilities_hidden = false; // whatever there is lies behind the bytes that were to be had
};

inline constexpr std::size_t header_bytes = 64; // PCI Local Bus 3.0, 6.1

// nullopt: too short, or the function does not answer.
std::optional<ConfigSpace> parse_config_space(std::string_view bytes);

} // namespace parker
