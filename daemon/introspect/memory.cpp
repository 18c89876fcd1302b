// SPDX-License-Identifier: LGPL-2.1-or-later
#include "introspect/memory.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/bytes.h"

namespace parker::introspect {

PhysicalMemory::PhysicalMemory(std::vector<Piece> pieces, std::shared_ptr<Look> look)
    : pieces_{std::move(pieces)}, look_{std::move(look)}
{
    std::erase_if(pieces_, [](const Piece& piece) { return piece.bytes.empty(); });
    std::ranges::sort(pieces_, {}, &Piece::start);
}

// The piece that holds this byte, or the end.
std::vector<PhysicalMemory::Piece>::const_iterator PhysicalMemory::at(std::uint64_t address) const
{
    const auto after = std::ranges::upper_bound(pieces_, address, {}, &Piece::start);
    if (after == pieces_.begin())
        return pieces_.end();
    const auto piece = std::prev(after);
    return address - piece->start < piece->bytes.size() ? piece : pieces_.end();
}

bool PhysicalMemory::read(std::uint64_t address, std::span<std::byte> into) const
{
    if (!look_->spend(into.size(), 1 + into.size() / page_bytes))
        return false;
    auto missing = into.size();
    for (auto next = address; missing > 0;) {
        const auto piece = at(next);
        if (piece == pieces_.end())
            return false;
        const auto here = std::min<std::size_t>(missing, piece->bytes.size() - (next - piece->start));
        missing -= here;
        next += here; // cannot wrap: a piece is real memory
    }
    while (!into.empty()) {
        const auto piece = at(address);
        const auto offset = address - piece->start;
        const auto here = std::min<std::size_t>(into.size(), piece->bytes.size() - offset);
        std::memcpy(into.data(), piece->bytes.data() + offset, here);
        into = into.subspan(here);
        address += here;
    }
    // The compiler must not fetch again what has been copied, or what was checked would not be what is used.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return true;
}

} // namespace parker::introspect
