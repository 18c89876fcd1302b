// SPDX-License-Identifier: LGPL-2.1-or-later
#include "introspect/early.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/bytes.h"
#include "base/little_endian.h"
#include "introspect/vmcoreinfo.h"

namespace parker::introspect {
namespace {

// Intel SDM volume 3, "Paging": the last entry of a top table, which is where Linux has its image.
constexpr std::uint64_t last_entry = page_bytes - word;
constexpr std::uint64_t entry_present = 1U << 0;
constexpr std::uint64_t entry_large = 1U << 7; // reserved at the top

// struct prb_desc_ring of kernel/printk/printk_ringbuffer.h, in words: count_bits, descs, infos, head_id. Before the
// first line head_id is DESC0_ID(): one more than 2^count_bits below 2^32, and it counts up from there.
constexpr std::size_t head_id_at = 3;
constexpr std::uint64_t early_id = 0xff;              // above the bits that count
constexpr unsigned early_id_shift = 24;               // most that count_bits can be
constexpr std::uint64_t kernel_half_of_five = 0xff00; // the upper bits of its addresses, at least
constexpr unsigned kernel_half_shift = 48;

// What the notes of the kernels from 5.10 on say: since 6.8 there is one more word between descriptors and text.
constexpr std::string_view common_lines =
    "OSRELEASE=any\nPAGESIZE=4096\n"
    "OFFSET(printk_ringbuffer.desc_ring)=0\n"
    "OFFSET(prb_desc_ring.count_bits)=0\nOFFSET(prb_desc_ring.descs)=8\nOFFSET(prb_desc_ring.infos)=16\n"
    "OFFSET(prb_desc_ring.head_id)=24\nOFFSET(prb_desc_ring.tail_id)=32\n"
    "OFFSET(prb_data_ring.size_bits)=0\nOFFSET(prb_data_ring.data)=8\n"
    "SIZE(prb_desc)=24\nOFFSET(prb_desc.state_var)=0\nOFFSET(prb_desc.text_blk_lpos)=8\n"
    "OFFSET(prb_data_blk_lpos.begin)=0\nOFFSET(prb_data_blk_lpos.next)=8\n"
    "SIZE(printk_info)=88\nOFFSET(printk_info.seq)=0\nOFFSET(printk_info.ts_nsec)=8\n"
    "OFFSET(printk_info.text_len)=16\nOFFSET(printk_info.caller_id)=20\n";
constexpr std::array<std::string_view, 2> text_ring_lines{"OFFSET(printk_ringbuffer.text_data_ring)=40\n",
                                                          "OFFSET(printk_ringbuffer.text_data_ring)=48\n"};

const std::array<Vmcoreinfo, 2>& layouts()
{
    static const std::array<Vmcoreinfo, 2> both{
        *Vmcoreinfo::parse(std::string{common_lines}.append(text_ring_lines[0])),
        *Vmcoreinfo::parse(std::string{common_lines}.append(text_ring_lines[1]))};
    return both;
}

// "Linux version RELEASE (...": linux_banner of init/version.c. Empty: the log does not begin with that.
std::string release_of(const PrintkRing& ring)
{
    constexpr std::string_view banner = "Linux version ";
    constexpr std::size_t most_bytes = 64; // of struct new_utsname
    LogRecord record;
    if (ring.read(0, record, true) != PrintkRing::Outcome::record || !record.text.starts_with(banner))
        return {};
    const auto release = record.text.substr(banner.size(), most_bytes + 1);
    const auto end = release.find(' ');
    const auto is_graphic = [](char c) { return c > ' ' && c <= '~'; };
    return end != std::string::npos &&
                   std::all_of(release.begin(), release.begin() + static_cast<std::ptrdiff_t>(end), is_graphic)
               ? release.substr(0, end)
               : std::string{};
}

} // namespace

std::optional<std::uint64_t> TableSearch::next(std::size_t pages)
{
    std::optional<std::uint64_t> found;
    walk_.on(pages, [&](std::uint64_t address) {
        const auto entry = memory_->load<std::uint64_t>(address + last_entry);
        if (entry && (*entry & (entry_present | entry_large)) == entry_present)
            found = address;
        return found.has_value() || memory_->look().over();
    });
    return found;
}

std::optional<EarlyLog> early_log(const AddressSpace& space, std::uint64_t image, std::uint64_t image_bytes)
{
    std::optional<EarlyLog> longest;
    std::uint64_t last = 0;
    const auto look = [&](std::uint64_t ring_at) {
        for (const auto& layout : layouts()) {
            const auto ring = PrintkRing::open_at(space, layout, ring_at);
            const auto newest = ring ? ring->last() : std::nullopt;
            if (!newest || *newest >= ring->most_records() || (longest && *newest <= last))
                continue;
            if (auto release = release_of(*ring); !release.empty()) {
                last = *newest;
                longest = EarlyLog{*ring, std::move(release)};
            }
        }
    };
    std::array<std::byte, page_bytes> page; // written before it is read
    const auto is_kernel = [&page](std::size_t at) {
        return get<std::uint64_t>(page, at * word) >> kernel_half_shift >= kernel_half_of_five;
    };
    for (std::uint64_t at = 0; at < image_bytes && !space.look().over(); at += page.size()) {
        if (at % image_step == 0 && !space.translate(image + at)) {
            at += image_step - page.size();
            continue;
        }
        if (!space.read(image + at, page))
            continue;
        for (std::size_t i = 0; i < page.size() / word; ++i)
            if (get<std::uint64_t>(page, i * word) >> early_id_shift == early_id &&
                (i < head_id_at || (is_kernel(i - 1) && is_kernel(i - 2)))) // the page before has the others
                look(image + at + i * word - head_id_at * word);
    }
    return longest;
}

} // namespace parker::introspect
