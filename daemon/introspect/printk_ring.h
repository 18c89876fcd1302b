// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "introspect/address_space.h"
#include "introspect/vmcoreinfo.h"

namespace parker::introspect {

// One record of a kernel's log. The text is what the kernel wrote: any bytes, and several lines if it has '\n'.
struct LogRecord {
    std::uint64_t seq = 0;
    std::uint64_t time_nsec = 0; // the kernel's clock, about since it started
    std::uint8_t level = 0;      // as syslog(3): 0 emerg to 7 debug
    std::uint8_t facility = 0;   // as syslog(3): 0 kern
    bool continues = false;      // goes on with the line of the record before it
    std::uint32_t caller = 0;    // a thread's ID or, with bit 31, a CPU
    std::string text;
};

// The ring that printk() writes to since Linux 5.10 (kernel/printk/printk_ringbuffer.c), read from outside: descriptors
// with a state each, an array of record data beside them, and a ring of text. Where things are comes from VMCOREINFO,
// and so from the partition: each number is held within limits, and no read leaves the partition.
class PrintkRing {
public:
    // nullopt: the note lacks a line that 5.10 and later have, or what is there cannot be a ring.
    static std::optional<PrintkRing> open(const AddressSpace& space, const Vmcoreinfo& info);
    // The same for a struct printk_ringbuffer at this virtual address.
    static std::optional<PrintkRing> open_at(const AddressSpace& space, const Vmcoreinfo& info, std::uint64_t ring);

    enum class Outcome {
        record,  // here it is
        lost,    // it was there, but its text was overwritten or never fitted
        pending, // not written yet, or being written now
        gone,    // overwritten by a later record
    };
    // `dead`: the kernel does not run any more, so a record that it was still adding to will not become whole.
    Outcome read(std::uint64_t seq, LogRecord& record, bool dead) const;

    // The oldest and the newest record there is. nullopt: the ring is being changed or broken.
    std::optional<std::uint64_t> first() const;
    std::optional<std::uint64_t> last() const;

    Look& look() const { return space_->look(); }
    std::uint64_t most_records() const { return std::uint64_t{1} << count_bits_; }

private:
    enum class State { reserved = 0, committed = 1, finalized = 2, reusable = 3 };
    struct Layout { // of the structs, in bytes
        std::uint32_t desc = 0, state_var = 0, text_begin = 0, text_next = 0;
        std::uint32_t info = 0, seq = 0, time = 0, text_len = 0, caller = 0;
    };
    struct Desc {
        std::uint64_t id = 0;
        State state = State::reserved;
        std::uint64_t begin = 0, next = 0; // of its text block
    };

    explicit PrintkRing(const AddressSpace& space) : space_{&space} {}
    bool place(const Vmcoreinfo& info, std::uint64_t ring);
    bool measure(const Vmcoreinfo& info);
    std::optional<Desc> desc(std::uint64_t index) const;
    std::optional<std::uint64_t> seq_of(std::uint64_t id_address, bool newest) const;
    bool info(std::uint64_t index, LogRecord& record, std::uint16_t& text_bytes) const;
    bool text(const Desc& desc, std::uint16_t text_bytes, std::string& text) const;
    std::uint64_t index(std::uint64_t number) const { return number & ((std::uint64_t{1} << count_bits_) - 1); }

    const AddressSpace* space_;
    Layout layout_;
    unsigned count_bits_ = 0;                                                    // descriptors
    unsigned size_bits_ = 0;                                                     // bytes of text
    std::uint64_t descs_ = 0, infos_ = 0, data_ = 0, head_id_ = 0, tail_id_ = 0; // virtual addresses
};

} // namespace parker::introspect
