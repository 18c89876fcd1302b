// SPDX-License-Identifier: LGPL-2.1-or-later
#include "firmware/smbios.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/little_endian.h"

namespace parker::firmware {
namespace {

constexpr std::size_t max_strings = 255; // they are counted in a byte, 6.1.3

// A structure: its fixed part, whose first two bytes become type and length, then its strings.
class Structure {
public:
    Structure(std::uint8_t type, std::uint8_t fixed_bytes, std::uint16_t handle) : fixed_(fixed_bytes)
    {
        put(std::span{fixed_}, 0, type);
        put(std::span{fixed_}, 1, fixed_bytes);
        put(std::span{fixed_}, 2, handle);
    }

    std::span<std::byte> fixed() { return fixed_; }

    std::uint8_t add(std::string_view text)
    {
        if (text.empty())
            return 0; // no string
        if (count_ == max_strings)
            throw Error{Code::too_large, "credentials", "there are more than 255"};
        for (const char c : text)
            strings_.push_back(static_cast<std::byte>(c));
        strings_.push_back(std::byte{0});
        return static_cast<std::uint8_t>(++count_);
    }

    void append_to(Bytes& to) const
    {
        to.insert(to.end(), fixed_.begin(), fixed_.end());
        to.insert(to.end(), strings_.begin(), strings_.end());
        to.resize(to.size() + (count_ == 0 ? 2 : 1)); // an empty string ends them
    }

private:
    Bytes fixed_;
    Bytes strings_;
    std::size_t count_ = 0;
};

} // namespace

Bytes build_smbios(const Request& request, std::uint64_t address)
{
    constexpr std::size_t entry_bytes = 24; // 5.2.2, without padding
    constexpr std::size_t table_at = 32;

    Bytes block(table_at);

    // Linux believes an MCFG above 4 GiB from firmware of 2010 on alone, and since 6.2 keeps bridge windows as they are
    // from 2023 on.
    Structure firmware{0, 26, 4}; // 7.1
    put(firmware.fixed(), 4, firmware.add("parkerd"));
    put(firmware.fixed(), 5, firmware.add("1"));
    put(firmware.fixed(), 8, firmware.add("01/01/2026"));
    put<std::uint64_t>(firmware.fixed(), 10, 1 << 3); // says nothing of what a BIOS can do
    put<std::uint8_t>(firmware.fixed(), 19, 1 << 3);  // UEFI
    put<std::uint8_t>(firmware.fixed(), 20, 0xff);    // no release numbers, neither here nor of an embedded controller
    put<std::uint8_t>(firmware.fixed(), 21, 0xff);
    put<std::uint8_t>(firmware.fixed(), 22, 0xff);
    put<std::uint8_t>(firmware.fixed(), 23, 0xff);
    firmware.append_to(block);

    Structure system{1, 27, 1}; // 7.2
    put(system.fixed(), 4, system.add("parkerd"));
    put(system.fixed(), 5, system.add("Parker partition"));
    put(system.fixed(), 7, system.add(request.name));
    for (std::size_t i = 0; i < request.uuid.size(); ++i)
        put(system.fixed(), 8 + i, std::to_integer<std::uint8_t>(request.uuid[i]));
    put<std::uint8_t>(system.fixed(), 24, 6); // woken by the power switch
    system.append_to(block);

    if (!request.credentials.empty()) {
        Structure strings{11, 5, 2}; // 7.12
        std::uint8_t count = 0;
        for (const auto& [name, value] : request.credentials)
            count = strings.add(fmt::format("io.systemd.credential:{}={}", name, value));
        put(strings.fixed(), 4, count);
        strings.append_to(block);
    }
    Structure{127, 4, 3}.append_to(block);

    const auto entry = std::span{block}.first(entry_bytes);
    put_text(entry, 0, "_SM3_");
    put<std::uint8_t>(entry, 6, entry_bytes);
    put<std::uint8_t>(entry, 7, 3);
    put<std::uint8_t>(entry, 8, 4);
    put<std::uint8_t>(entry, 10, 1); // entry point revision
    put(entry, 12, static_cast<std::uint32_t>(block.size() - table_at));
    put(entry, 16, address + table_at);
    unsigned sum = 0;
    for (const auto byte : entry)
        sum += std::to_integer<unsigned>(byte);
    put(entry, 5, static_cast<std::uint8_t>(0x100 - (sum & 0xff)));
    return block;
}

} // namespace parker::firmware
