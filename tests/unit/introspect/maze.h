// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace parker::introspect {

// Memory of a kernel that wants whoever looks into it never to come to an end. `start` is where it lies, a multiple of
// 2 MiB; there must be 4 MiB of it.
enum class Maze {
    self_maps,   // each page is a table whose every entry leads to the first page, or to itself
    dense,       // each page is a top table, by three tables that are full on every level, to 1 GiB of an image that is
                 // nothing but beginnings of logs; with 4 and with 5 levels
    small_pages, // the same, but the image is mapped by pages of 4 KiB, all of them the same few
    notes,       // each page is a note, which says where a table is that is none
};
inline constexpr Maze mazes[] = {Maze::self_maps, Maze::dense, Maze::small_pages, Maze::notes};

void lay_out(Maze maze, std::span<std::byte> bytes, std::uint64_t start);

} // namespace parker::introspect
