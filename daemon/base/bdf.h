// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parker {

// A PCI function's address, "0000:81:00.0" (domain:bus:device.function, hexadecimal). The domain is 16 bits wide here:
// wider ones (VMD) are made by software and have no ECAM of their own.
struct Bdf {
    std::uint16_t domain = 0;
    std::uint8_t bus = 0;
    std::uint8_t device = 0;   // 0 to 31
    std::uint8_t function = 0; // 0 to 7

    static std::optional<Bdf> parse(std::string_view text); // the domain may be left out: "81:00.0"
    std::string to_string() const;
    auto operator<=>(const Bdf&) const = default;
};

} // namespace parker
