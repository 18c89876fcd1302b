// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "introspect/address_space.h"
#include "introspect/memory.h"
#include "introspect/page_walk.h"
#include "introspect/printk_ring.h"

namespace parker::introspect {

// A kernel writes its note in the middle of its start (a subsys_initcall()). Of one that has not come so far there is
// only what it is made of: page tables that lead to its image, and in that the log. Both are looked for here.

// Looks through a partition's memory for top page tables, or what looks like one: whoever asked tries each. As
// NoteSearch.
class TableSearch {
public:
    explicit TableSearch(const PhysicalMemory& memory) : memory_{&memory}, walk_{memory} {}

    std::optional<std::uint64_t> next(std::size_t pages); // physical address
    std::size_t looked() const { return walk_.looked(); }
    bool done() const { return walk_.done(); }
    void restart() { walk_.restart(); }

private:
    const PhysicalMemory* memory_;
    PageWalk walk_;
};

// The pages that map a kernel's image: CONFIG_PHYSICAL_ALIGN is a multiple of them.
inline constexpr std::uint64_t image_step = 2 * MiB;

struct EarlyLog {
    PrintkRing ring;
    std::string release; // as the first line says
};
// The log in a kernel's image that has the most lines: a kernel with many CPUs copies its first, short one to another.
// nullopt: there is none, or the line that every log begins with is not there any more.
std::optional<EarlyLog> early_log(const AddressSpace& space, std::uint64_t image, std::uint64_t image_bytes);

} // namespace parker::introspect
