// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "devices/nvme_command.h"

namespace parker::devices {

using namespace nvme;

namespace {

// Text of a fixed width, filled up with spaces; what does not fit, or does not print, is not text of ours.
void put_padded(std::span<std::byte> bytes, std::size_t offset, std::size_t width, std::string_view text)
{
    for (std::size_t i = 0; i < width; ++i) {
        const auto c = i < text.size() ? text[i] : ' ';
        put<std::uint8_t>(bytes, offset + i, static_cast<std::uint8_t>(c >= ' ' && c <= '~' ? c : '?'));
    }
}

std::string uuid_text(std::span<const std::byte, 16> uuid)
{
    std::string text;
    for (std::size_t i = 0; i < uuid.size(); ++i)
        text += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                            std::to_integer<unsigned>(uuid[i]));
    return text;
}

} // namespace

Nvme::Outcome Nvme::identification(const Command& command)
{
    constexpr std::uint8_t of_namespace = 0, of_controller = 1, active_namespaces = 2, identifiers = 3;
    const auto is_ours = command.name_space() == the_namespace;
    switch (command.word(10) & 0xff) {
    case of_namespace: // what all have in common is said under the broadcast's number
        if (!is_ours && command.name_space() != all_namespaces)
            return {invalid_namespace};
        return {hand_over(command, describe_namespace())};
    case of_controller:
        return {hand_over(command, describe_controller())};
    case active_namespaces: { // those above the number that is named
        if (command.name_space() >= 0xfffffffe)
            return {invalid_namespace};
        std::vector<std::byte> list(page_bytes);
        if (command.name_space() < the_namespace)
            put<std::uint32_t>(list, 0, the_namespace);
        return {hand_over(command, list)};
    }
    case identifiers:
        return is_ours ? Outcome{hand_over(command, describe_identifiers())} : Outcome{invalid_namespace};
    default:
        return {invalid_field};
    }
}

// Figure 109
std::vector<std::byte> Nvme::describe_controller() const
{
    const auto identity = nvme_identity();
    std::vector<std::byte> bytes(page_bytes);
    put<std::uint16_t>(bytes, 0, identity.vendor);
    put<std::uint16_t>(bytes, 2, identity.subsystem_vendor);
    put_padded(bytes, 4, 20, settings_.serial);
    put_padded(bytes, 24, 40, "Parker disk");
    put_padded(bytes, 64, 8, "1");
    put<std::uint8_t>(bytes, 77, transfer_shift);
    put<std::uint16_t>(bytes, 78, 1);          // this controller's number
    put<std::uint32_t>(bytes, 80, 0x00010300); // version
    put<std::uint8_t>(bytes, 259, 0);          // one event request at a time
    put<std::uint8_t>(bytes, 260, 0x03);       // one firmware, not to be changed
    put<std::uint16_t>(bytes, 266, 0);         // no temperature to warn of
    put<std::uint8_t>(bytes, 512, 0x66);       // commands of 64 bytes
    put<std::uint8_t>(bytes, 513, 0x44);       // completions of 16
    put<std::uint32_t>(bytes, 516, 1);         // namespaces
    put<std::uint16_t>(bytes, 520, 1 << 2);    // Dataset Management
    put<std::uint8_t>(bytes, 525, 1);          // a volatile write cache: the boot kernel's memory
    put_text(bytes, 768, "nqn.2014-08.org.nvmexpress:uuid:" + uuid_text(settings_.uuid));
    return bytes;
}

// Figure 114
std::vector<std::byte> Nvme::describe_namespace() const
{
    const auto blocks = disk_.bytes() / block_bytes;
    std::vector<std::byte> bytes(page_bytes);
    for (const std::size_t at : {0U, 8U, 16U}) // size, capacity, use
        put<std::uint64_t>(bytes, at, blocks);
    put<std::uint8_t>(bytes, 99, disk_.readonly() ? 1 : 0);
    put<std::uint32_t>(bytes, 128, 9U << 16); // the one format: 512 bytes, no metadata
    return bytes;
}

// Figure 116
std::vector<std::byte> Nvme::describe_identifiers() const
{
    std::vector<std::byte> bytes(page_bytes);
    put<std::uint8_t>(bytes, 0, 3); // a UUID
    put<std::uint8_t>(bytes, 1, 16);
    std::ranges::copy(settings_.uuid, bytes.begin() + 4);
    return bytes;
}

} // namespace parker::devices
