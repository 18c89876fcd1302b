// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "devices/nvme_command.h"

namespace parker::devices {

using namespace nvme;

namespace {

constexpr std::uint16_t status_of(int error, std::uint16_t otherwise)
{
    switch (error) {
    case 0:
        return success;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return no_space;
    case EROFS:
        return write_protected;
    case EFAULT: // memory that the partition does not have any more
        return transfer_error;
    default:
        return otherwise;
    }
}

} // namespace

bool Nvme::in_range(std::uint64_t block, std::uint64_t blocks) const
{
    const auto all = disk_.bytes() / block_bytes;
    return block <= all && blocks <= all - block;
}

// 4.3: the first entry may point into its page; the second is the second page, or a list of the others, whose last
// entry points to the next list where there are more. Lists after the first begin a page, so each names 511 pages at
// least.
std::uint16_t Nvme::find_memory(const Command& command, std::uint64_t bytes, std::vector<Segment>& segments) const
{
    const auto add = [this, &bytes, &segments](std::uint64_t address) {
        const auto here = std::min(bytes, page_bytes - address % page_bytes);
        auto* found = memory_.at(address, here);
        if (found == nullptr)
            return false;
        bytes -= here;
        if (!segments.empty() && segments.back().address + segments.back().bytes.size() == address &&
            segments.back().bytes.data() + segments.back().bytes.size() == found)
            segments.back().bytes = {segments.back().bytes.data(), segments.back().bytes.size() + here};
        else
            segments.push_back({address, {found, here}});
        return true;
    };
    if (command.prp1() % 4 != 0)
        return invalid_prp_offset;
    if (!add(command.prp1()))
        return transfer_error;
    if (bytes == 0)
        return success;
    auto list = command.prp2();
    if (bytes <= page_bytes) {
        if (list % page_bytes != 0)
            return invalid_prp_offset;
        return add(list) ? success : transfer_error;
    }
    for (bool first = true; bytes > 0; first = false) {
        if (list % (first ? 8 : page_bytes) != 0)
            return invalid_prp_offset;
        std::array<std::byte, page_bytes> copy{};
        const auto room = (page_bytes - list % page_bytes) / 8, needed = (bytes + page_bytes - 1) / page_bytes;
        const auto count = std::min(room, needed);
        const auto entries = std::span{copy}.first(count * 8);
        if (!memory_.read(list, entries))
            return transfer_error;
        for (std::size_t i = 0; i < (needed > room ? count - 1 : count); ++i) {
            const auto page = get<std::uint64_t>(entries, i * 8);
            if (page % page_bytes != 0)
                return invalid_prp_offset;
            if (!add(page))
                return transfer_error;
        }
        if (bytes > 0)
            list = get<std::uint64_t>(entries, (count - 1) * 8);
    }
    return success;
}

std::uint16_t Nvme::hand_over(const Command& command, std::span<const std::byte> bytes) const
{
    std::vector<Segment> segments;
    const auto status = find_memory(command, bytes.size(), segments);
    if (status != success)
        return status;
    for (const auto& segment : segments) {
        std::memcpy(segment.bytes.data(), bytes.data(), segment.bytes.size());
        bytes = bytes.subspan(segment.bytes.size());
    }
    return success;
}

Nvme::Outcome Nvme::io(const Command& command)
{
    if (!command.plain())
        return {invalid_field};
    switch (command.opcode()) {
    case flush_blocks:
        return flush(command);
    case write_blocks:
        return transfer(command, true);
    case read_blocks:
        return transfer(command, false);
    case manage_blocks:
        return discard(command);
    default:
        return {invalid_opcode};
    }
}

Nvme::Outcome Nvme::transfer(const Command& command, bool write)
{
    constexpr std::uint32_t force_unit_access = 1 << 30;
    const auto blocks = std::uint64_t{command.word(12) & 0xffff} + 1, bytes = blocks * block_bytes;
    if (command.name_space() != the_namespace)
        return {invalid_namespace};
    if (bytes > transfer_most)
        return {invalid_field};
    if (!in_range(command.block(), blocks))
        return {out_of_range};
    if (write && disk_.readonly())
        return {write_protected};
    std::vector<Segment> segments;
    if (const auto status = find_memory(command, bytes, segments); status != success)
        return {status};
    auto offset = command.block() * block_bytes;
    for (const auto& segment : segments) {
        const auto error = write ? disk_.write(offset, segment.bytes) : disk_.read(offset, segment.bytes);
        if (error != 0)
            return {status_of(error, write ? write_fault : read_error)};
        offset += segment.bytes.size();
    }
    if (write && (command.word(12) & force_unit_access) != 0)
        return {status_of(disk_.flush(), write_fault)};
    return {};
}

Nvme::Outcome Nvme::flush(const Command& command)
{
    if (command.name_space() != the_namespace && command.name_space() != all_namespaces)
        return {invalid_namespace};
    return {status_of(disk_.flush(), write_fault)};
}

// Dataset Management, 6.7: of its hints, "deallocate" alone is taken.
Nvme::Outcome Nvme::discard(const Command& command)
{
    constexpr std::uint32_t deallocate = 1 << 2;
    constexpr std::size_t range_bytes = 16;
    if (command.name_space() != the_namespace)
        return {invalid_namespace};
    if (disk_.readonly())
        return {write_protected};
    std::array<std::byte, 256 * range_bytes> copy{};
    const auto ranges = std::span{copy}.first(((command.word(10) & 0xff) + 1) * range_bytes);
    std::vector<Segment> segments;
    if (const auto status = find_memory(command, ranges.size(), segments); status != success)
        return {status};
    auto rest = ranges;
    for (const auto& segment : segments) {
        (void)memory_.read(segment.address, rest.first(segment.bytes.size())); // found a moment ago: it is there
        rest = rest.subspan(segment.bytes.size());
    }
    for (std::size_t at = 0; at < ranges.size(); at += range_bytes)
        if (!in_range(get<std::uint64_t>(ranges, at + 8), get<std::uint32_t>(ranges, at + 4)))
            return {out_of_range};
    if ((command.word(11) & deallocate) == 0)
        return {};
    for (std::size_t at = 0; at < ranges.size(); at += range_bytes) {
        const auto blocks = get<std::uint32_t>(ranges, at + 4);
        if (blocks == 0)
            continue;
        const auto error = disk_.discard(get<std::uint64_t>(ranges, at + 8) * block_bytes, blocks * block_bytes);
        if (error != 0)
            return {status_of(error, write_fault)};
    }
    return {};
}

} // namespace parker::devices
