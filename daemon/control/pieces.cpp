// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/pieces.h"

#include <algorithm>

#include "base/error.h"
#include "base/undo.h"

namespace parker {

std::vector<MemoryRange> take_in_pieces(const std::string& partition, unsigned node, std::uint64_t bytes,
                                        const std::function<std::optional<MemoryRange>(std::uint64_t)>& take,
                                        const std::function<void(const MemoryRange&)>& give)
{
    if (bytes == 0 || bytes % memory_granule != 0)
        throw Error{Code::invalid_argument, "partition " + partition,
                    format_bytes(bytes) + " of memory is not a multiple of " + format_bytes(memory_granule)};
    std::vector<MemoryRange> ranges;
    Undo undo;
    auto piece = bytes;
    for (auto left = bytes; left > 0;) {
        piece = std::min(piece, left);
        if (const auto range = take(piece)) {
            ranges.push_back(*range);
            undo.add([&give, range = *range] {
                try {
                    give(range);
                } catch (const Error&) {
                    // It stays held, where everybody can see it, and goes back with the rest of the partition.
                }
            });
            left -= piece;
        } else if (piece > smallest_piece) {
            piece = std::max(align_up(piece / 2, memory_granule), smallest_piece);
        } else {
            throw Error{Code::memory_busy, "partition " + partition,
                        "node " + std::to_string(node) + " gave " + format_bytes(bytes - left) + " of " +
                            format_bytes(bytes) + ", and no further " + format_bytes(piece) + " in one piece",
                        "ask for less memory, stop programs that pin it, or start the partition soon after boot"};
        }
    }
    undo.keep();
    return ranges;
}

} // namespace parker
