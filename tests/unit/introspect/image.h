// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "introspect/memory.h"

namespace parker::introspect {

// The memory of a partition with as much of a kernel in it as introspect/ looks at: page tables, a VMCOREINFO note, a
// name, a printk ring. Laid out as Linux does on x86-64, in two ranges, with the ring's text in scattered pages.
class Image {
public:
    struct Options {
        bool five_levels = false;
        bool direct_map = true; // of the first range's beginning, which is enough to find it
        bool tight = false;     // 6.18 and later: a text block may touch the end of the ring
        unsigned count_bits = 4;
        unsigned size_bits = 12; // at least a page
        std::string release = "6.1.0-test";
        bool early = false;              // before its note
        std::uint64_t text_ring_at = 48; // in the struct of the ring; before 6.8: 40
        enum class Symbols { none, absolute_percpu, plain } symbols = Symbols::none; // before 6.0; until 6.14; later
    };
    explicit Image(Options options);
    Image() : Image{Options{}} {}

    PhysicalMemory memory() const;
    std::string note() const; // its text
    void put_note(std::uint64_t physical, std::string_view text);
    std::string banner() const; // the first line of its log

    // printk(), whole and in its parts. A record that is not finished stays "reserved", one that may be continued
    // "committed"; each returns the descriptor's ID.
    struct Meta {
        std::uint64_t time_nsec = 0;
        std::uint8_t level = 6;
        std::uint8_t facility = 0;
        bool continues = false;
        std::uint32_t caller = 0;
    };
    void log(std::string_view text, const Meta& meta);
    void log(std::string_view text) { log(text, Meta{}); }
    std::uint64_t reserve(std::string_view text, const Meta& meta);
    void commit(std::uint64_t id);
    void finalize(std::uint64_t id);
    std::uint64_t written() const { return seq_; } // records

    // With symbols: the table (image_symbols.cpp), and what a kernel of two CPUs, 0 and 2, keeps of how it fares.
    static constexpr std::uint64_t percpu_bytes = page_bytes;
    static constexpr std::uint64_t times_physical(unsigned cpu) { return 0x1'0004'0000 + cpu * percpu_bytes + 0x100; }
    static constexpr std::uint64_t times_absolute = 0x1f600; // kernel_cpustat, where per-CPU variables begin at 0
    std::string note_of_symbols() const;

    // Anything else: a value in memory, by where the kernel has it.
    void poke(std::uint64_t physical, std::uint64_t value);
    std::uint64_t peek(std::uint64_t physical) const;
    std::span<std::byte> bytes(unsigned range) { return {ranges_.at(range).get(), range_bytes[range]}; }

    static constexpr std::array<std::uint64_t, 2> range_start{0x1'0000'0000, 0x101'0000'0000};
    static constexpr std::array<std::size_t, 2> range_bytes{0x40'0000, 0x20'0000};

    std::uint64_t virtual_of(std::uint64_t image_offset) const; // of something in the kernel's image
    static constexpr std::uint64_t physical_of(std::uint64_t image_offset) { return 0x1'0020'0000 + image_offset; }
    std::uint64_t text_virtual(std::uint64_t place) const;
    std::uint64_t direct_map() const; // the address of physical 0
    std::uint64_t desc_physical(std::uint64_t id) const;
    std::uint64_t info_physical(std::uint64_t id) const;

    // Offsets in the kernel's image, which is one large page.
    static constexpr std::uint64_t top_table_at = 0x2000, prb_at = 0x4000, ring_at = 0x5000, uts_at = 0x6000,
                                   descs_at = 0x10000, infos_at = 0x40000;
    static constexpr std::uint64_t variables_at = 0x60000, load_at = variables_at, pages_total_at = variables_at + 0x20,
                                   zones_at = variables_at + 0x40, cpu_ids_at = variables_at + 0x60,
                                   online_at = variables_at + 0x80, percpu_offsets_at = variables_at + 0x100,
                                   times_at = variables_at + 0x200;
    static constexpr std::uint64_t symbols_at = 0x70000, symbol_count_at = symbols_at, symbol_base_at = symbols_at + 8,
                                   symbol_offsets_at = symbols_at + 0x1000, tokens_at = symbols_at + 0x4000,
                                   token_index_at = tokens_at + 0x400, names_at = symbols_at + 0xf800;
    static constexpr std::uint64_t note_at = 0x1'0003'0000; // physical

private:
    std::byte* at(std::uint64_t physical) const;
    std::uint64_t new_table();
    void map(std::uint64_t address, std::uint64_t physical, unsigned level, std::uint64_t flags);
    std::uint64_t text_physical(std::uint64_t place) const;
    void make_ring();
    void make_variables();
    void make_symbols();
    std::uint64_t make_room(std::size_t text_bytes, std::uint64_t& next);

    Options options_;
    std::array<std::unique_ptr<std::byte[]>, 2> ranges_;
    std::uint64_t next_table_ = 0x1'0010'0000;
    std::uint64_t seq_ = 0;
};

} // namespace parker::introspect
