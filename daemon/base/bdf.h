// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parker {

// A PCI function's address, "0000:81:00.0" (domain:bus:device.function, hexadecimal). A machine's own domains have 16
// bits; wider ones are made by software, as of the drives behind VMD: "10000:01:00.0".
struct Bdf {
    static constexpr std::uint32_t last_domain_of_machine = 0xffff;

    std::uint32_t domain = 0;
    std::uint8_t bus = 0;
    std::uint8_t device = 0;   // 0 to 31
    std::uint8_t function = 0; // 0 to 7

    static std::optional<Bdf> parse(std::string_view text); // the domain may be left out: "81:00.0"
    std::string to_string() const; // as the kernel writes it: the domain has four digits at least
    bool has_domain_of_software() const { return domain > last_domain_of_machine; }
    auto operator<=>(const Bdf&) const = default;
};

} // namespace parker
