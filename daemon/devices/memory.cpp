// SPDX-License-Identifier: LGPL-2.1-or-later
#include "devices/memory.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <iterator>
#include <utility>

namespace parker::devices {

Memory::Memory(std::vector<Piece> pieces) : pieces_{std::move(pieces)}
{
    std::erase_if(pieces_, [](const Piece& piece) { return piece.bytes.empty(); });
    std::ranges::sort(pieces_, {}, &Piece::start);
}

std::byte* Memory::at(std::uint64_t address, std::size_t bytes) const
{
    const auto after = std::ranges::upper_bound(pieces_, address, {}, &Piece::start);
    if (after == pieces_.begin() || bytes == 0)
        return nullptr;
    const auto& piece = *std::prev(after);
    const auto offset = address - piece.start;
    if (offset >= piece.bytes.size() || bytes > piece.bytes.size() - offset)
        return nullptr;
    return piece.bytes.data() + offset;
}

bool Memory::read(std::uint64_t address, std::span<std::byte> into) const
{
    const auto* from = at(address, into.size());
    if (from == nullptr)
        return false;
    std::memcpy(into.data(), from, into.size());
    // The compiler must not fetch again what has been copied.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return true;
}

bool Memory::write(std::uint64_t address, std::span<const std::byte> from) const
{
    auto* into = at(address, from.size());
    if (into == nullptr)
        return false;
    std::memcpy(into, from.data(), from.size());
    return true;
}

} // namespace parker::devices
