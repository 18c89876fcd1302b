// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever a kernel in a guarded partition does: orders, registers and ports are judged within the guard's promises,
// and page tables that are changed at will say what a plain list of ranges says.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <map>

#include "guard/tables.h"
#include "require.h"

extern "C" {
#include <guard/cpuid.h>
#include <guard/icr.h>
#include <guard/io.h>
#include <guard/msr.h>
}

namespace {

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : data_{data}, size_{size} {}

    bool ended() const { return !size_; }

    u64 number(std::size_t bytes)
    {
        u64 value = 0;
        bytes = std::min(bytes, size_);
        std::memcpy(&value, data_, bytes);
        data_ += bytes;
        size_ -= bytes;
        return value;
    }

private:
    const std::uint8_t* data_;
    std::size_t size_;
};

void try_icr(Input& in)
{
    const u64 value = in.number(8);
    const auto icr = guard_icr_decode(value);
    const u64 mode = value >> 8 & 7;
    require(icr.order <= ICR_FORBIDDEN || mode == 0 || mode == 4 || mode == 5 || mode == 6, "no SMI, no ExtINT");
    require(icr.order <= ICR_FORBIDDEN || (value & 0xc0000) || !(value & 0x800), "no logical destination");
    require(icr.order != ICR_INTERRUPT || icr.vector >= 16, "no exception's vector");
    const auto self = static_cast<u32>(in.number(4));
    const auto other = static_cast<u32>(in.number(4));
    if (icr.order > ICR_INTERRUPT && icr.shorthand)
        require(!guard_icr_hits(&icr, self, self), "not to itself");
    if (guard_icr_names(&icr, other))
        require(guard_icr_hits(&icr, self, other), "who is named is hit");
    const auto short_form =
        guard_icr_decode(guard_icr_from_xapic(static_cast<u32>(value >> 8), static_cast<u32>(value)));
    require(short_form.order == icr.order && short_form.vector == icr.vector, "one meaning in both modes");
}

void try_msr(Input& in)
{
    const auto msr = static_cast<u32>(in.number(4));
    const u64 value = in.number(8);
    guard_msr_rule(msr);
    u64 efer = 0;
    const u64 old = in.number(8) & EFER_GUEST;
    const bool paging = in.number(1) & 1;
    if (guard_efer(old, value, paging, &efer)) {
        require(!(efer & ~EFER_GUEST), "EFER has no more than a guest's bits");
        require(!((efer ^ old) & EFER_LMA), "the CPU alone switches long mode on");
        require(!paging || !((efer ^ old) & EFER_LME), "not under paging");
    }
    const auto lvt = guard_lvt(0x832 + msr % 6, value);
    const u32 mode = lvt >> 8 & 7;
    require((lvt & 0x10000) || mode == 0 || mode == 4, "a local vector is an interrupt or an NMI");
    require(!(lvt & 0xfff80000), "no bit that would fault");
}

void try_io(Input& in)
{
    const auto io = guard_io_decode(in.number(8));
    guard_ports ports{.epoch = in.number(5), .tsc = in.number(8), .tsc_khz = in.number(3) + 1, .index = 0};
    const auto sent = static_cast<u32>(in.number(4));
    const bool good = guard_out(&ports, &io, sent);
    const bool resets = io.port == 0x92 || io.port == 0xb2 || (io.port == 0xcf9 && io.bytes <= 1) ||
                        (io.port == 0x64 && io.bytes == 1 && (sent & 0xff) == 0xfe);
    require(!good || (!io.string && !resets), "nothing that resets the machine, no string");
    require(ports.index < 0x80, "the clock's index");
    u32 value = 0;
    require(guard_in(&ports, &io, in.number(8), &value) == !io.string, "reading is no violation");
    const u8 clock = guard_clock(in.number(6), static_cast<u32>(in.number(1) % 10));
    require((clock & 0xf) <= 9 && clock >> 4 <= 9, "BCD");
}

void try_cpuid(Input& in)
{
    const auto leaf = static_cast<u32>(in.number(4));
    const auto subleaf = static_cast<u32>(in.number(4));
    guard_leaf machine{static_cast<u32>(in.number(4)), static_cast<u32>(in.number(4)), static_cast<u32>(in.number(4)),
                       static_cast<u32>(in.number(4))};
    const u64 cr4 = in.number(8);
    guard_cpuid(leaf, subleaf, cr4, &machine);
    if (leaf == 1)
        require(((machine.ecx >> 27 ^ cr4 >> 18) & 1) == 0 && !(machine.ecx & 1u << 5), "features");
    if (leaf == 0x80000001)
        require(!(machine.ecx & 0x1004), "no SVM");
}

// The same as a list: what is mapped where, in ranges by their beginning.
struct Model {
    struct Range {
        u64 end, to, flags;
    };

    auto overlapping(u64 from, u64 end)
    {
        auto at = ranges.lower_bound(from);
        if (at != ranges.begin() && std::prev(at)->second.end > from)
            --at;
        return at != ranges.end() && at->first < end ? at : ranges.end();
    }

    void remove(u64 from, u64 end)
    {
        for (auto at = overlapping(from, end); at != ranges.end(); at = overlapping(from, end)) {
            const auto [begin, range] = *at;
            ranges.erase(at);
            if (begin < from)
                ranges[begin] = {from, range.to, range.flags};
            if (range.end > end)
                ranges[end] = {range.end, range.to + (end - begin), range.flags};
        }
    }

    u64 page(u64 address)
    {
        const auto at = overlapping(address, address + 1);
        return at == ranges.end() ? 0 : (at->second.to + (address - at->first)) | at->second.flags | PAGES_PRESENT;
    }

    std::map<u64, Range> ranges;
};

u64 page_walked(Tables& tables, u64 address)
{
    u64 bytes = 0;
    const u64 entry = guard_pages_walk(&tables.pages, address, &bytes);
    require(bytes > 0 && bytes <= 512ull << 30, "a walk goes on");
    if (!(entry & PAGES_PRESENT))
        return 0;
    u64 size = GUARD_PAGE;
    if (entry & PAGES_LARGE) {
        size = 2ull << 20;
        // What is left of the page tells how large it is at least.
        while (size < bytes)
            size <<= 9;
        u64 before = 0;
        if (const u64 start = address & ~((1ull << 30) - 1);
            guard_pages_walk(&tables.pages, start, &before) == entry && before == 1ull << 30)
            size = 1ull << 30;
    }
    return (entry & ~PAGES_LARGE) + (address & (size - 1));
}

// Any length in pages, more often a small one, or whole large ones.
u64 length(Input& in)
{
    const u64 n = in.number(2);
    return ((n >> 4 & 0x3f) + 1) * GUARD_PAGE << 9 * std::min<u64>(n & 3, 2);
}

u64 place(Input& in)
{
    const u64 n = in.number(3);
    return (n & 0x7ff) * GUARD_PAGE + (n >> 11 & 0x3ff) * (2ull << 20) + (n >> 21) * (1ull << 30);
}

void try_pages(Input& in)
{
    const u64 kind = in.number(1);
    Tables tables{1 + (kind >> 1), (kind & 1) != 0};
    Model model;
    for (unsigned turns = 0; turns < 50 && !in.ended(); turns++) {
        const u64 what = in.number(1), from = place(in), bytes = length(in);
        int result = 0;
        if (what & 1) {
            const u64 to = place(in), flags = what & 2 ? PAGES_WRITE : 0;
            result = guard_pages_map(&tables.pages, from, to, bytes, flags);
            const bool taken = model.overlapping(from, from + bytes) != model.ranges.end();
            require((result == PAGES_TAKEN) == taken, "nothing is mapped over another");
            if (result == PAGES_DONE)
                model.ranges[from] = {from + bytes, to, flags};
        } else {
            result = guard_pages_unmap(&tables.pages, from, bytes);
            if (result == PAGES_DONE)
                model.remove(from, from + bytes);
        }
        require(result == PAGES_DONE || result == PAGES_TAKEN || result == PAGES_FULL, "whole pages are good");
        if (result == PAGES_FULL) { // a part was done: the whole must go, once there is room
            tables.allow(tables.used() + 8);
            require(guard_pages_unmap(&tables.pages, from, bytes) == PAGES_DONE, "what was begun can be undone");
            model.remove(from, from + bytes);
        }
        for (const u64 address : {from - GUARD_PAGE, from, from + bytes / 2 / GUARD_PAGE * GUARD_PAGE,
                                  from + bytes - GUARD_PAGE, from + bytes, place(in)})
            if (address < PAGES_END)
                require(page_walked(tables, address) == model.page(address), "a walk finds what was mapped");
    }
}

} // namespace

// libFuzzer's name for it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    Input in{data, size};
    switch (in.number(1) % 5) {
    case 0:
        try_icr(in);
        break;
    case 1:
        try_msr(in);
        break;
    case 2:
        try_io(in);
        break;
    case 3:
        try_cpuid(in);
        break;
    default:
        try_pages(in);
    }
    return 0;
}
