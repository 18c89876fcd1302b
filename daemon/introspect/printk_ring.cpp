// SPDX-License-Identifier: LGPL-2.1-or-later
// Facts from kernel/printk/printk_ringbuffer.{h,c}, the same from 5.10 on:
//  - a descriptor's state_var is its ID with its state in the upper two bits; ID and sequence number have the same
//    place in the arrays, which is their lower count_bits;
//  - a text block is its descriptor's ID, then the text; its ends are "logical positions" that only ever grow, of which
//    the lower size_bits are the place. A block that would cross the end begins at place 0 instead (before 6.18 also
//    one that would just touch it);
//  - an odd position stands for no block: 3 for an empty text, 1 for one that found no room;
//  - a reader that finds a descriptor in the same state before and after copying has a whole record.
#include "introspect/printk_ring.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/little_endian.h"

namespace parker::introspect {
namespace {

constexpr unsigned most_count_bits =
    24; // 31, the limit of the text (LOG_BUF_LEN_MAX), less 5 of an average record, and some
constexpr unsigned most_size_bits = 31;
constexpr std::uint32_t most_struct_bytes = 4096;
constexpr unsigned state_shift = 62;
constexpr std::uint64_t id_mask = (std::uint64_t{1} << state_shift) - 1;
constexpr std::uint64_t no_text = 3;
constexpr unsigned tries = 4; // at a record that changes under the reader

bool fits(std::uint32_t offset, std::uint32_t bytes, std::uint32_t whole)
{
    return offset <= whole && bytes <= whole - offset;
}

} // namespace

std::optional<PrintkRing> PrintkRing::open(const AddressSpace& space, const Vmcoreinfo& info)
{
    const auto pointer = info.symbol("prb");
    const auto ring = pointer ? space.load<std::uint64_t>(*pointer) : std::nullopt;
    return ring ? open_at(space, info, *ring) : std::nullopt;
}

std::optional<PrintkRing> PrintkRing::open_at(const AddressSpace& space, const Vmcoreinfo& info, std::uint64_t ring)
{
    constexpr std::uint64_t steps = 64; // of looking for some twenty lines in the note
    PrintkRing opened{space};
    if (!space.look().spend(0, steps))
        return std::nullopt;
    if (!opened.measure(info) || !opened.place(info, ring))
        return std::nullopt;
    return opened;
}

bool PrintkRing::measure(const Vmcoreinfo& info)
{
    const auto desc = info.size("prb_desc");
    const auto state_var = info.offset("prb_desc.state_var");
    const auto block = info.offset("prb_desc.text_blk_lpos");
    const auto begin = info.offset("prb_data_blk_lpos.begin");
    const auto next = info.offset("prb_data_blk_lpos.next");
    const auto record = info.size("printk_info");
    const auto seq = info.offset("printk_info.seq");
    const auto time = info.offset("printk_info.ts_nsec");
    const auto text_len = info.offset("printk_info.text_len");
    const auto caller = info.offset("printk_info.caller_id");
    if (!desc || !state_var || !block || !begin || !next || !record || !seq || !time || !text_len || !caller ||
        *desc > most_struct_bytes || *record > most_struct_bytes || *block > *desc || *begin > *desc || *next > *desc)
        return false;
    layout_ = {*desc, *state_var, *block + *begin, *block + *next, *record, *seq, *time, *text_len, *caller};
    // Facility, flags and level have no line of their own: two bytes between text_len and caller_id.
    return fits(*state_var, word, *desc) && fits(layout_.text_begin, word, *desc) &&
           fits(layout_.text_next, word, *desc) && fits(*seq, word, *record) && fits(*time, word, *record) &&
           fits(*text_len, 4, *record) && fits(*caller, 4, *record) && *caller == *text_len + 4;
}

bool PrintkRing::place(const Vmcoreinfo& info, std::uint64_t ring)
{
    const auto descs = info.offset("printk_ringbuffer.desc_ring");
    const auto texts = info.offset("printk_ringbuffer.text_data_ring");
    const auto count_bits = info.offset("prb_desc_ring.count_bits");
    const auto desc = info.offset("prb_desc_ring.descs");
    const auto record = info.offset("prb_desc_ring.infos");
    const auto head = info.offset("prb_desc_ring.head_id");
    const auto tail = info.offset("prb_desc_ring.tail_id");
    const auto size_bits = info.offset("prb_data_ring.size_bits");
    const auto data = info.offset("prb_data_ring.data");
    for (const auto& line : {descs, texts, count_bits, desc, record, head, tail, size_bits, data})
        if (!line || *line > most_struct_bytes)
            return false;
    if (ring > ~std::uint64_t{0} - 4 * most_struct_bytes)
        return false;
    const auto counts = space_->load<std::uint32_t>(ring + *descs + *count_bits);
    const auto sizes = space_->load<std::uint32_t>(ring + *texts + *size_bits);
    const auto desc_array = space_->load<std::uint64_t>(ring + *descs + *desc);
    const auto info_array = space_->load<std::uint64_t>(ring + *descs + *record);
    const auto text_array = space_->load<std::uint64_t>(ring + *texts + *data);
    if (!counts || !sizes || !desc_array || !info_array || !text_array || *counts == 0 || *counts > most_count_bits ||
        *sizes <= 4 || *sizes > most_size_bits || *desc_array % word != 0 || *info_array % word != 0)
        return false;
    count_bits_ = *counts;
    size_bits_ = *sizes;
    descs_ = *desc_array;
    infos_ = *info_array;
    data_ = *text_array;
    head_id_ = ring + *descs + *head;
    tail_id_ = ring + *descs + *tail;
    return true;
}

std::optional<PrintkRing::Desc> PrintkRing::desc(std::uint64_t index) const
{
    std::array<std::byte, most_struct_bytes> bytes; // only layout_.desc of it is used
    const std::span copy{bytes.data(), layout_.desc};
    if (!space_->read(descs_ + index * layout_.desc, copy))
        return std::nullopt;
    const auto state_var = get<std::uint64_t>(copy, layout_.state_var);
    return Desc{state_var & id_mask, static_cast<State>(state_var >> state_shift),
                get<std::uint64_t>(copy, layout_.text_begin), get<std::uint64_t>(copy, layout_.text_next)};
}

bool PrintkRing::info(std::uint64_t index, LogRecord& record, std::uint16_t& text_bytes) const
{
    std::array<std::byte, most_struct_bytes> bytes;
    const std::span copy{bytes.data(), layout_.info};
    if (!space_->read(infos_ + index * layout_.info, copy))
        return false;
    constexpr std::uint8_t flag_continues = 8; // LOG_CONT of include/linux/printk.h, kernel/printk/internal.h
    const auto flags = get<std::uint8_t>(copy, layout_.text_len + 3); // 5 bits of flags, then 3 of level
    record.seq = get<std::uint64_t>(copy, layout_.seq);
    record.time_nsec = get<std::uint64_t>(copy, layout_.time);
    record.facility = get<std::uint8_t>(copy, layout_.text_len + 2);
    record.level = flags >> 5;
    record.continues = (flags & flag_continues) != 0;
    record.caller = get<std::uint32_t>(copy, layout_.caller);
    text_bytes = get<std::uint16_t>(copy, layout_.text_len);
    return true;
}

bool PrintkRing::text(const Desc& desc, std::uint16_t text_bytes, std::string& text) const
{
    text.clear();
    if ((desc.begin & 1) != 0 && (desc.next & 1) != 0)
        return desc.begin == no_text && desc.next == no_text;
    const auto place_mask = (std::uint64_t{1} << size_bits_) - 1;
    auto place = desc.begin & place_mask;
    auto bytes = desc.next - desc.begin;
    if (desc.begin >> size_bits_ != (desc.next - 1) >> size_bits_) { // crosses the end: lies at the beginning
        if ((desc.begin + place_mask + 1) >> size_bits_ != (desc.next - 1) >> size_bits_)
            return false;
        place = 0;
        bytes = desc.next & place_mask;
    }
    if (desc.begin % word != 0 || desc.next % word != 0 || bytes <= word || bytes > place_mask + 1 - place)
        return false;
    // The block may have gone to another record, which the ID before the text then says.
    if (space_->load<std::uint64_t>(data_ + place) != desc.id)
        return false;
    text.resize(std::min<std::uint64_t>(text_bytes, bytes - word));
    return space_->read(data_ + place + word, std::as_writable_bytes(std::span{text}));
}

PrintkRing::Outcome PrintkRing::read(std::uint64_t seq, LogRecord& record, bool dead) const
{
    for (unsigned i = 0; i < tries; ++i) {
        const auto before = desc(index(seq));
        std::uint16_t text_bytes = 0;
        if (!before || index(before->id) != index(seq) || !info(index(seq), record, text_bytes))
            return Outcome::pending;
        // Which is the newer one: numbers are compared as the kernel does, so that they may wrap.
        const auto ahead = static_cast<std::int64_t>(record.seq - seq);
        const bool whole = before->state == State::finalized || (dead && before->state == State::committed);
        const bool here = ahead == 0 && whole && text(*before, text_bytes, record.text);
        const auto after = desc(index(seq));
        if (!after || after->id != before->id || after->state != before->state)
            continue;
        if (ahead > 0)
            return Outcome::gone;
        if (ahead < 0)
            return Outcome::pending;
        if (here)
            return Outcome::record;
        return whole || before->state == State::reusable ? Outcome::lost : Outcome::pending;
    }
    return Outcome::pending;
}

std::optional<std::uint64_t> PrintkRing::seq_of(std::uint64_t id_address, bool newest) const
{
    for (unsigned i = 0; i < tries; ++i) {
        const auto id = space_->load<std::uint64_t>(id_address);
        const auto found = id ? desc(index(*id & id_mask)) : std::nullopt;
        LogRecord record;
        std::uint16_t text_bytes = 0;
        if (!found || !info(index(*id & id_mask), record, text_bytes))
            return std::nullopt;
        // The tail is moved before its descriptor is used again, the head before its descriptor is filled.
        const bool right = found->id == (*id & id_mask) && (newest || found->state != State::reserved);
        if (right && space_->load<std::uint64_t>(id_address) == id)
            return record.seq;
    }
    return std::nullopt;
}

std::optional<std::uint64_t> PrintkRing::first() const
{
    return seq_of(tail_id_, false);
}

std::optional<std::uint64_t> PrintkRing::last() const
{
    return seq_of(head_id_, true);
}

} // namespace parker::introspect
