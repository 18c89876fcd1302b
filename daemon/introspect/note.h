// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "introspect/memory.h"
#include "introspect/page_walk.h"

namespace parker::introspect {

inline constexpr std::string_view note_name{"VMCOREINFO\0", 11}; // with its end, as ELF has it

// Looks through a partition's memory for VMCOREINFO notes (kernel/vmcore_info.c, before 6.9 kernel/crash_core.c: an ELF
// note that begins a page). It does so in steps, as there may be terabytes to go through, and what it finds may be a
// forged or a stale one: whoever asked checks it and, if it is no good, goes on from there.
class NoteSearch {
public:
    explicit NoteSearch(const PhysicalMemory& memory) : memory_{&memory}, walk_{memory} {}

    // What makes a page such a note, and no longer does when it is overwritten.
    static constexpr std::size_t head_bytes = 24;

    // The text of the next note within the next `pages` pages; nullopt: none there, or the memory's look is over.
    // Begins again after the last page.
    // A page may hold one only: `pages` is also the most that it looks at.
    std::optional<std::string> next(std::size_t pages);

    std::size_t looked() const { return walk_.looked(); } // pages, in the last next()
    std::uint64_t address() const { return found_; }      // where the last note lies
    bool done() const { return walk_.done(); }            // the last next() came to the end
    void restart() { walk_.restart(); }

private:
    std::optional<std::string> note_at(std::uint64_t address) const;

    const PhysicalMemory* memory_;
    PageWalk walk_;
    std::uint64_t found_ = 0;
};

} // namespace parker::introspect
