// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/config_space.h"

#include "base/little_endian.h"

namespace parker {
namespace {

// PCI Local Bus Specification 3.0, 6.1 and 6.7.
constexpr std::size_t status_at = 0x06;
constexpr std::uint16_t status_capabilities = 1U << 4;
constexpr std::size_t header_type_at = 0x0e;
constexpr std::size_t capabilities_at = 0x34;
constexpr std::size_t legacy_bytes = 256;
constexpr unsigned max_capabilities = (legacy_bytes - header_bytes) / 4; // more is a loop
constexpr std::uint8_t capability_msi = 0x05;
constexpr std::uint8_t capability_msix = 0x11;

// PCI-to-PCI Bridge Architecture Specification 1.2, 3.2.5: base and limit registers, each with address bits 31:20 in
// its bits 15:4.
constexpr std::size_t secondary_bus_at = 0x19;
constexpr std::size_t memory_at = 0x20;
constexpr std::size_t prefetchable_at = 0x24;
constexpr std::size_t prefetchable_upper_at = 0x28; // and the limit's four bytes behind it
constexpr unsigned prefetchable_64_bits = 1;

Machine::Window window(std::uint64_t base, std::uint64_t limit)
{
    // A closed window has its limit below its base; one that nobody has set up begins at 0.
    if (base == 0 || limit < base)
        return {};
    return {base, limit - base + MiB};
}

std::uint64_t window_address(std::uint16_t reg)
{
    return std::uint64_t{reg & 0xfff0U} << 16;
}

ConfigSpace::Bridge parse_bridge(std::string_view bytes)
{
    ConfigSpace::Bridge bridge;
    bridge.secondary_bus = get<std::uint8_t>(bytes, secondary_bus_at);
    bridge.memory = window(window_address(get<std::uint16_t>(bytes, memory_at)),
                           window_address(get<std::uint16_t>(bytes, memory_at + 2)));

    const auto base = get<std::uint16_t>(bytes, prefetchable_at);
    const auto limit = get<std::uint16_t>(bytes, prefetchable_at + 2);
    std::uint64_t upper_base = 0;
    std::uint64_t upper_limit = 0;
    if ((base & 0xf) == prefetchable_64_bits) {
        upper_base = get<std::uint32_t>(bytes, prefetchable_upper_at);
        upper_limit = get<std::uint32_t>(bytes, prefetchable_upper_at + 4);
    }
    bridge.prefetchable = window(upper_base << 32 | window_address(base), upper_limit << 32 | window_address(limit));
    return bridge;
}

void walk_capabilities(std::string_view bytes, ConfigSpace& space)
{
    std::size_t at = get<std::uint8_t>(bytes, capabilities_at) & 0xfcU;
    for (unsigned seen = 0; at >= header_bytes && seen < max_capabilities; ++seen) {
        const auto id = get<std::uint8_t>(bytes, at);
        space.has_msi = space.has_msi || id == capability_msi || id == capability_msix;
        at = get<std::uint8_t>(bytes, at + 1) & 0xfcU;
    }
}

} // namespace

std::optional<ConfigSpace> parse_config_space(std::string_view bytes)
{
    if (bytes.size() < header_bytes || get<std::uint16_t>(bytes, 0) == 0xffff)
        return std::nullopt;
    ConfigSpace space;
    space.header_type = get<std::uint8_t>(bytes, header_type_at) & 0x7f; // bit 7: has several functions
    if (space.header_type == 1 && get<std::uint8_t>(bytes, secondary_bus_at) != 0)
        space.bridge = parse_bridge(bytes);
    space.lists_capabilities = (get<std::uint16_t>(bytes, status_at) & status_capabilities) != 0;
    // Every function of PCI Express has a list: the head of one that says it has none is no proof.
    space.capabilities_hidden = bytes.size() < legacy_bytes;
    if (space.lists_capabilities && !space.capabilities_hidden)
        walk_capabilities(bytes, space);
    return space;
}

} // namespace parker
