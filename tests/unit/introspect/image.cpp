// SPDX-License-Identifier: LGPL-2.1-or-later
#include "image.h"

#include <atomic>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "base/bytes.h"

namespace parker::introspect {
namespace {

constexpr std::uint64_t image_map = 0xffff'ffff'8000'0000;
constexpr std::uint64_t kernel_offset = 0x1a00'0000; // KASLR
constexpr std::uint64_t image_virtual = image_map + kernel_offset + 0x100'0000;
constexpr std::uint64_t image_physical = Image::physical_of(0);
constexpr std::uint64_t present = 3, large = 0x80, pat_large = 0x1000, no_execute = std::uint64_t{1} << 63;
constexpr std::uint64_t desc_bytes = 24, info_bytes = 88;
constexpr std::uint64_t head_id = 24, tail_id = 32;
constexpr std::uint64_t text_data = 8, head_lpos = 16, tail_lpos = 24; // of the ring of text
constexpr std::uint64_t id_mask = (std::uint64_t{1} << 62) - 1;
enum : std::uint64_t { reserved, committed, finalized, reusable };

} // namespace

Image::Image(Options options) : options_{std::move(options)}
{
    for (std::size_t i = 0; i < ranges_.size(); ++i)
        ranges_[i] = std::make_unique<std::byte[]>(range_bytes[i]);
    map(image_virtual, image_physical, 2, present | large | pat_large);
    if (options_.direct_map)
        map(direct_map() + range_start[0], range_start[0], 2, present | large | no_execute);
    for (std::uint64_t place = 0; place < std::uint64_t{1} << options_.size_bits; place += page_bytes)
        map(text_virtual(place), text_physical(place), 1, present | no_execute);
    std::memcpy(at(physical_of(uts_at) + 4 + 2 * 65), options_.release.c_str(), options_.release.size() + 1);
    make_ring();
    if (options_.symbols != Options::Symbols::none) {
        make_variables();
        make_symbols();
    }
    poke(image_physical, 0x0f00'2a05'8d48'f631); // startup_64
    if (!options_.early)
        put_note(note_at, note());
}

std::string Image::banner() const
{
    return "Linux version " + options_.release + " (builder@example) (gcc 12.2.0) #1 SMP";
}

PhysicalMemory Image::memory() const
{
    return PhysicalMemory{
        {{range_start[1], {ranges_[1].get(), range_bytes[1]}}, {range_start[0], {ranges_[0].get(), range_bytes[0]}}}};
}

std::byte* Image::at(std::uint64_t physical) const
{
    for (std::size_t i = 0; i < range_start.size(); ++i)
        if (physical >= range_start[i] && physical - range_start[i] < range_bytes[i])
            return ranges_[i].get() + (physical - range_start[i]);
    throw std::out_of_range{"image"};
}

void Image::poke(std::uint64_t physical, std::uint64_t value)
{
    std::memcpy(at(physical), &value, sizeof value);
    // As of WRITE_ONCE(): one who reads at the same time sees things in the order of the ring's protocol.
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

std::uint64_t Image::peek(std::uint64_t physical) const
{
    std::uint64_t value = 0;
    std::memcpy(&value, at(physical), sizeof value);
    return value;
}

std::uint64_t Image::virtual_of(std::uint64_t image_offset) const
{
    return image_virtual + image_offset;
}

// With KASLR: some GiB from where it is without.
std::uint64_t Image::direct_map() const
{
    return options_.five_levels ? 0xff10'0000'4000'0000 : 0xffff'8801'4000'0000;
}

// As if it came from vmalloc().
std::uint64_t Image::text_virtual(std::uint64_t place) const
{
    return (options_.five_levels ? 0xff11'0000'0012'3000 : 0xffff'c880'0012'3000) + place;
}

// Neighbours in the ring lie apart in memory, the last one first.
std::uint64_t Image::text_physical(std::uint64_t place) const
{
    return range_start[1] + range_bytes[1] - (place / page_bytes + 1) * 2 * page_bytes + place % page_bytes;
}

std::uint64_t Image::desc_physical(std::uint64_t id) const
{
    return physical_of(descs_at) + (id & ((1U << options_.count_bits) - 1)) * desc_bytes;
}

std::uint64_t Image::info_physical(std::uint64_t id) const
{
    return physical_of(infos_at) + (id & ((1U << options_.count_bits) - 1)) * info_bytes;
}

std::uint64_t Image::new_table()
{
    return std::exchange(next_table_, next_table_ + page_bytes);
}

void Image::map(std::uint64_t address, std::uint64_t physical, unsigned level, std::uint64_t flags)
{
    auto table = physical_of(top_table_at);
    for (unsigned at_level = options_.five_levels ? 5 : 4;; --at_level) {
        const auto entry = table + (address >> (12 + 9 * (at_level - 1)) & 511) * 8;
        if (at_level == level) {
            poke(entry, physical | flags);
            return;
        }
        if (peek(entry) == 0)
            poke(entry, new_table() | present);
        table = align_down(peek(entry), page_bytes);
    }
}

std::string Image::note() const
{
    const auto hex = [](std::uint64_t value) {
        char text[17];
        std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(value));
        return std::string{text};
    };
    const auto physical_base = static_cast<std::int64_t>(image_physical - (image_virtual - image_map));
    return "OSRELEASE=" + options_.release + "\nBUILD-ID=00112233445566778899aabbccddeeff00112233\nPAGESIZE=4096\n" +
           "SYMBOL(init_uts_ns)=" + hex(virtual_of(uts_at)) + "\nOFFSET(uts_namespace.name)=4\n" +
           "SYMBOL(swapper_pg_dir)=" + hex(virtual_of(top_table_at)) + "\nSYMBOL(prb)=" + hex(virtual_of(prb_at)) +
           "\nOFFSET(printk_ringbuffer.desc_ring)=0\nOFFSET(printk_ringbuffer.text_data_ring)=" +
           std::to_string(options_.text_ring_at) +
           "\n"
           "OFFSET(prb_desc_ring.count_bits)=0\nOFFSET(prb_desc_ring.descs)=8\nOFFSET(prb_desc_ring.infos)=16\n"
           "OFFSET(prb_desc_ring.head_id)=24\nOFFSET(prb_desc_ring.tail_id)=32\nSIZE(prb_desc)=24\n"
           "OFFSET(prb_desc.state_var)=0\nOFFSET(prb_desc.text_blk_lpos)=8\nOFFSET(prb_data_blk_lpos.begin)=0\n"
           "OFFSET(prb_data_blk_lpos.next)=8\nSIZE(printk_info)=88\nOFFSET(printk_info.seq)=0\n"
           "OFFSET(printk_info.ts_nsec)=8\nOFFSET(printk_info.text_len)=16\nOFFSET(printk_info.caller_id)=20\n"
           "OFFSET(prb_data_ring.size_bits)=0\nOFFSET(prb_data_ring.data)=8\n"
           "NUMBER(phys_base)=" +
           std::to_string(physical_base) + "\nNUMBER(pgtable_l5_enabled)=" + (options_.five_levels ? "1" : "0") +
           "\nKERNELOFFSET=" + hex(kernel_offset) + "\nNUMBER(sme_mask)=0\n" + note_of_symbols();
}

void Image::put_note(std::uint64_t physical, std::string_view text)
{
    const std::uint32_t head[] = {11, static_cast<std::uint32_t>(text.size()), 0};
    std::memcpy(at(physical), head, sizeof head);
    std::memcpy(at(physical + 12), "VMCOREINFO\0", 12);
    std::memcpy(at(physical + 24), text.data(), text.size());
}

void Image::make_variables()
{
    const auto set = [this](std::uint64_t at, std::uint64_t value) { poke(physical_of(at), value); };
    set(load_at, 3 << 10); // 1.5, 0.25, 0
    set(load_at + 8, 1 << 9);
    set(pages_total_at, 1024);
    set(zones_at, 256);
    set(cpu_ids_at, 3);
    set(online_at, 0b101);
    const auto times = options_.symbols == Options::Symbols::plain ? virtual_of(times_at) : times_absolute;
    for (unsigned cpu = 0; cpu < 3; ++cpu) {
        const auto area = text_virtual(0) + 0x40'0000 + cpu * percpu_bytes;
        map(area, align_down(times_physical(cpu), page_bytes), 1, present | no_execute);
        set(percpu_offsets_at + cpu * 8, area + times_physical(cpu) % page_bytes - times);
        for (unsigned i = 0; i < 10; ++i)
            poke(times_physical(cpu) + i * 8, (cpu + 1) * 1'000'000'000ULL + i);
    }
}

// _DEFINE_PRINTKRB() of kernel/printk/printk_ringbuffer.h
void Image::make_ring()
{
    const auto ring = physical_of(ring_at);
    const auto count = std::uint64_t{1} << options_.count_bits;
    const auto first_id = (std::uint64_t{1} << 32) - (count + 1);
    const auto first_lpos = 0 - (std::uint64_t{1} << options_.size_bits);
    poke(physical_of(prb_at), virtual_of(ring_at));
    poke(ring + 0, options_.count_bits);
    poke(ring + 8, virtual_of(descs_at));
    poke(ring + 16, virtual_of(infos_at));
    poke(ring + head_id, first_id);
    poke(ring + tail_id, first_id);
    const auto texts = ring + options_.text_ring_at;
    poke(texts, options_.size_bits);
    poke(texts + text_data, text_virtual(0));
    poke(texts + head_lpos, first_lpos);
    poke(texts + tail_lpos, first_lpos);
    poke(desc_physical(first_id), reusable << 62 | first_id);
    poke(desc_physical(first_id) + 8, 1);
    poke(desc_physical(first_id) + 16, 1);
    poke(info_physical(0), 0 - count);
}

// data_alloc(): where the block begins; takes away what is in its way.
std::uint64_t Image::make_room(std::size_t text_bytes, std::uint64_t& next)
{
    const auto texts = physical_of(ring_at) + options_.text_ring_at;
    const auto size = std::uint64_t{1} << options_.size_bits;
    const auto block = align_up(text_bytes + 8, 8);
    const auto begin = peek(texts + head_lpos);
    next = begin + block;
    if (begin / size != (next - (options_.tight ? 1 : 0)) / size)
        next = align_down(next, size) + block;
    while (next - peek(texts + tail_lpos) > size) {
        const auto tail = peek(texts + tail_lpos);
        const auto place = tail & (size - 1);
        auto id = peek(text_physical(place));
        if (peek(desc_physical(id) + 8) != tail) // that block lies at the beginning
            throw std::logic_error{"ring"};
        poke(desc_physical(id), reusable << 62 | id);
        poke(texts + tail_lpos, peek(desc_physical(id) + 16));
    }
    poke(texts + head_lpos, next);
    return begin;
}

std::uint64_t Image::reserve(std::string_view text, const Meta& meta)
{
    const auto ring = physical_of(ring_at);
    const auto count = std::uint64_t{1} << options_.count_bits;
    const auto size = std::uint64_t{1} << options_.size_bits;
    const auto id = (peek(ring + head_id) + 1) & id_mask;
    if (peek(ring + tail_id) == ((id - count) & id_mask)) { // desc_push_tail()
        const auto tail = peek(ring + tail_id);
        const auto desc = desc_physical(tail);
        if (peek(desc) >> 62 == finalized && (peek(desc + 8) & 1) == 0)
            poke(ring + options_.text_ring_at + tail_lpos, peek(desc + 16));
        poke(desc, reusable << 62 | tail);
        poke(ring + tail_id, (tail + 1) & id_mask);
    }
    poke(ring + head_id, id);
    const auto desc = desc_physical(id);
    const auto info = info_physical(id);
    poke(desc, reserved << 62 | id);
    poke(info, seq_++);
    std::uint64_t begin = 3, next = 3;
    if (!text.empty()) {
        begin = make_room(text.size(), next);
        const bool wraps = begin / size != (next - 1) / size;
        const auto place = wraps ? 0 : begin & (size - 1);
        poke(text_physical(begin & (size - 1)), id); // of a block that is wrapped the ID stands at both places
        poke(text_physical(place), id);
        for (std::size_t i = 0; i < text.size(); ++i)
            *at(text_physical(place + 8 + i)) = static_cast<std::byte>(text[i]);
    }
    poke(desc + 8, begin);
    poke(desc + 16, next);
    poke(info + 8, meta.time_nsec);
    const std::uint64_t flags = (meta.continues ? 8U : 0U) | static_cast<unsigned>(meta.level) << 5;
    poke(info + 16, text.size() | std::uint64_t{meta.facility} << 16 | flags << 24 | std::uint64_t{meta.caller} << 32);
    return id;
}

void Image::commit(std::uint64_t id)
{
    poke(desc_physical(id), committed << 62 | id);
}

void Image::finalize(std::uint64_t id)
{
    poke(desc_physical(id), finalized << 62 | id);
}

void Image::log(std::string_view text, const Meta& meta)
{
    finalize(reserve(text, meta));
}

} // namespace parker::introspect
