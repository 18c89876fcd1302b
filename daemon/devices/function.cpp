// SPDX-License-Identifier: LGPL-2.1-or-later
#include "devices/function.h"

#include <algorithm>

#include "base/error.h"
#include "base/little_endian.h"

namespace parker::devices {
namespace {

constexpr std::size_t enhanced_allocation = 0x50;

} // namespace

std::vector<std::byte> build_config(const Identity& identity, std::uint64_t registers)
{
    if (identity.vectors == 0 || identity.vectors > msix_pending / msix_entry_bytes || identity.bars.empty())
        throw Error{Code::invalid_argument, "PCI function", "it needs vectors and BARs"};
    std::vector<std::byte> config(function_config_bytes);
    const auto bytes = std::span{config};
    put(bytes, 0x00, identity.vendor);
    put(bytes, 0x02, identity.device);
    put<std::uint16_t>(bytes, 0x04, 1 << 1); // memory space; the driver turns bus mastering on
    put<std::uint16_t>(bytes, 0x06, 1 << 4); // has capabilities
    put<std::uint32_t>(bytes, 0x08, identity.class_code << 8 | identity.revision);
    put(bytes, 0x2c, identity.subsystem_vendor);
    put(bytes, 0x2e, identity.subsystem);
    // A kernel learns a BAR's size by writing ones: memory gives them back, which says of a BAR that there is none, as
    // its zeros do. Of the expansion ROM, they must be there from the start, or the ROM would be one of 2 KiB.
    put<std::uint32_t>(bytes, 0x30, 0xffffffff);
    put<std::uint8_t>(bytes, 0x34, msix_capability);

    put<std::uint8_t>(bytes, msix_capability, 0x11);
    put<std::uint8_t>(bytes, msix_capability + 1, enhanced_allocation);
    put(bytes, msix_capability + 2, static_cast<std::uint16_t>(identity.vectors - 1));
    put<std::uint32_t>(bytes, msix_capability + 4, identity.msix_bar);
    put<std::uint32_t>(bytes, msix_capability + 8, msix_pending | identity.msix_bar);

    // Enhanced Allocation (PCI 3.0 ECN, PCIe 5.0 7.8.5) names the BARs that cannot move instead. An entry: flags, base,
    // the last byte's offset, the base's upper half; bit 1 of the base says that there is one.
    put<std::uint8_t>(bytes, enhanced_allocation, 0x14);
    put(bytes, enhanced_allocation + 2, static_cast<std::uint16_t>(identity.bars.size()));
    auto at = enhanced_allocation + 4;
    for (const auto& bar : identity.bars) {
        constexpr std::uint32_t enabled = 1U << 31, no_secondary = 0xffU << 16;
        const auto base = registers + bar.offset;
        put<std::uint32_t>(bytes, at, enabled | no_secondary | bar.number << 4 | 3); // memory, three more dwords
        put(bytes, at + 4, static_cast<std::uint32_t>(base) | 2);
        put(bytes, at + 8, static_cast<std::uint32_t>(bar.bytes - 1) & ~3U);
        put(bytes, at + 12, static_cast<std::uint32_t>(base >> 32));
        at += 16;
    }
    return config;
}

void reset_msix(std::span<std::byte> bar, unsigned vectors)
{
    for (std::size_t i = 0; i < vectors; ++i) {
        put<std::uint64_t>(bar, i * msix_entry_bytes, 0);
        put<std::uint64_t>(bar, i * msix_entry_bytes + 8, std::uint64_t{1} << 32); // masked
    }
}

std::vector<std::byte> build_empty_bus()
{
    return std::vector<std::byte>(bus_registers, std::byte{0xff});
}

} // namespace parker::devices
