// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "introspect/elf_core.h"

namespace parker::introspect {

enum class Compression { none, zstd };

// Told how much of the core is done, about every megabyte, and asked whether to go on. It may throw.
using Proceed = std::function<bool(std::uint64_t bytes)>;

// Copies memory of the partition, a megabyte at most. False: it is not to be looked at any more.
using Fetch = std::function<bool(std::span<const std::byte> from, std::span<std::byte> into)>;

// Writes a core to a file: a regular one, which must be empty, gets holes where 64 KiB of memory are zero, and is on
// the disk when this returns; a pipe or socket gets all of it, is made non-blocking, and is given up when `proceed`
// says so, also while nobody reads. Throws Error: failed (it cannot be written), invalid_argument (no such file),
// cancelled. Returns how many bytes went into the file, holes not counted. Of the memory that the core is of, nothing
// is touched but by `fetch`; without one, it is just copied.
std::uint64_t write_core(const ElfCore& core, int file, Compression compression, const Proceed& proceed,
                         const Fetch& fetch = {});

} // namespace parker::introspect
