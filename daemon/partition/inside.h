// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/control.h"
#include "introspect/early.h"
#include "introspect/kernel.h"
#include "introspect/look.h"
#include "introspect/note.h"

namespace parker {

// The inside of a partition: its memory, mapped, and the kernel that was found in it. One thread at a time.
//
// It must be gone before the memory is given back: what is mapped then is no longer there.
class Inside {
public:
    // Throws Error: it cannot be mapped.
    Inside(Control& control, const HeldPartition& held,
           std::shared_ptr<introspect::Look> look = std::make_shared<introspect::Look>());
    Inside(const Inside&) = delete; // its parts point to each other
    Inside& operator=(const Inside&) = delete;

    // Looks for the kernel in as many pages more, from the beginning again after the last. True: it is found. Throws as
    // the constructor. With `early`, one without a note is looked for as well, after the last page; it will do until
    // one with a note is found. From the first page to the last, all of it may cost Look::search() and no more: then it
    // is given up, which counts as the last page.
    bool search(std::size_t pages, bool early);
    bool came_round() const { return came_round_; } // the last search() ended with the last page
    // Of the last search(): it was given up, and why. Empty: it was not.
    const std::string& given_up() const { return given_up_; }

    // Of what is read here otherwise: begin() comes first. under(): from now on, another one's.
    introspect::Look& look() const { return *look_; }
    void under(std::shared_ptr<introspect::Look> look);

    const introspect::PhysicalMemory& memory() const { return memory_; }               // until the next search()
    const introspect::Kernel* kernel() const { return kernel_ ? &*kernel_ : nullptr; } // null: not found
    // It was overwritten: look again.
    void drop_kernel() { kernel_.reset(); }

    // Makes that this kernel is not found again. After a reboot in place the memory is not zeroed, and the next kernel
    // must not be taken for this one. To be called only when nothing runs there.
    void blot_out();

private:
    bool search_round(std::size_t pages, bool early);
    bool search_notes(std::size_t& pages);
    bool search_tables(std::size_t pages);
    void map_anew();
    void blot_out(std::uint64_t address, std::size_t bytes);

    Control& control_;
    std::vector<MemoryRange> ranges_;
    std::vector<std::unique_ptr<Mapping>> mappings_; // one for each range
    std::shared_ptr<introspect::Look> look_;
    introspect::PhysicalMemory memory_;
    introspect::NoteSearch notes_;
    introspect::TableSearch tables_;
    bool notes_done_ = false; // in this round; tables are next
    bool came_round_ = false;
    introspect::Look::Limits left_; // of this round through the memory
    std::string given_up_;
    std::optional<introspect::Kernel> kernel_;
    std::uint64_t note_ = 0; // where the kernel's lies
};

} // namespace parker
