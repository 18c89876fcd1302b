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

// The kernel in a partition's memory, as its VMCOREINFO note describes it.
class Kernel {
public:
    // Takes a note for the kernel's own only if memory agrees with it in more than one way: its page tables map
    // themselves where the note says, the kernel's own name for its release is the note's, and there is a log.
    // nullopt: a stale, forged or early note, or one of a kernel before 5.10.
    static std::optional<Kernel> open(const PhysicalMemory& memory, std::string_view note);

    std::string release() const { return info_.release(); }
    std::string build_id() const { return info_.build_id(); }
    const Vmcoreinfo& info() const { return info_; }
    const AddressSpace& space() const { return *space_; }
    const PrintkRing& ring() const { return *ring_; }

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

    std::uint64_t physical_base_ = 0; // of the address image_start, in kernel.cpp
    Vmcoreinfo info_;
    std::unique_ptr<AddressSpace> space_; // the ring points to it
    std::optional<PrintkRing> ring_;
};

} // namespace parker::introspect
