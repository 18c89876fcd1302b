// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "introspect/address_space.h"
#include "introspect/memory.h"
#include "introspect/printk_ring.h"
#include "introspect/vmcoreinfo.h"

namespace parker::introspect {

// The kernel in a partition's memory, as its VMCOREINFO note describes it or, before there is one, as it can be found.
class Kernel {
public:
    // Takes a note for the kernel's own only if memory agrees with it in more than one way: its page tables map
    // themselves where the note says, the kernel's own name for its release is the note's, and there is a log.
    // nullopt: a stale, forged or early note, or one of a kernel before 5.10.
    static std::optional<Kernel> open(const PhysicalMemory& memory, std::string_view note);

    // One that has not written its note yet (early.h), by its top page table, physical: what that maps as the kernel's
    // image holds the table itself, and a log from its first line on. nullopt: it is no such table.
    static std::optional<Kernel> open_early(const PhysicalMemory& memory, std::uint64_t table);

    // What an early kernel's image begins with, and one that is no kernel's any more does not.
    static constexpr std::size_t image_head_bytes = 8;

    bool has_note() const { return !info_.text().empty(); }
    std::string release() const { return release_; }
    std::string build_id() const { return info_.build_id(); } // empty without a note
    const Vmcoreinfo& info() const { return info_; }          // without a note, empty
    const AddressSpace& space() const { return *space_; }
    const PrintkRing& ring() const { return *ring_; }
    Look& look() const { return space_->look(); }

    // Where the kernel's own image is mapped apart from all other memory: its code, data and the top page table. In
    // steps of 2 MiB, which may cover a little more than there is.
    struct Mapped {
        std::uint64_t address = 0;  // virtual
        std::uint64_t physical = 0; // may lie outside of the partition, in part or whole
        std::uint64_t bytes = 0;
    };
    Mapped image() const;

private:
    explicit Kernel(Vmcoreinfo info) : info_{std::move(info)} {}
    bool enter(const PhysicalMemory& memory);
    bool enter_early(const PhysicalMemory& memory, std::uint64_t table, bool five_levels);

    std::uint64_t physical_base_ = 0; // of the address image_start, in kernel.cpp
    Vmcoreinfo info_;
    std::string release_;
    std::unique_ptr<AddressSpace> space_; // the ring points to it
    std::optional<PrintkRing> ring_;
};

} // namespace parker::introspect
