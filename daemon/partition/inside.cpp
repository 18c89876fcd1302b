// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/inside.h"

#include <algorithm>
#include <cstring>

namespace parker {
namespace {

std::vector<std::unique_ptr<Mapping>> map_all(Control& control, const std::vector<MemoryRange>& ranges)
{
    std::vector<std::unique_ptr<Mapping>> mappings;
    for (const auto& range : ranges)
        mappings.push_back(control.map(range));
    return mappings;
}

introspect::PhysicalMemory view(const std::vector<MemoryRange>& ranges,
                                const std::vector<std::unique_ptr<Mapping>>& mappings)
{
    std::vector<introspect::PhysicalMemory::Piece> pieces;
    for (std::size_t i = 0; i < ranges.size(); ++i)
        pieces.push_back({ranges[i].start, mappings[i]->bytes()});
    return introspect::PhysicalMemory{std::move(pieces)};
}

} // namespace

Inside::Inside(Control& control, const HeldPartition& held)
    : control_{control}, ranges_{held.memory}, mappings_{map_all(control, ranges_)}, memory_{view(ranges_, mappings_)},
      notes_{memory_}, tables_{memory_}
{
}

bool Inside::search(std::size_t pages, bool early)
{
    if (kernel_ && kernel_->has_note())
        return true;
    const bool found = !notes_done_ && search_notes(pages);
    came_round_ = notes_done_ && (!early || search_tables(pages));
    if (came_round_)
        notes_done_ = false;
    if (found || came_round_)
        map_anew();
    return found;
}

// True: it is found.
bool Inside::search_notes(std::size_t& pages)
{
    while (pages > 0 && !notes_done_) {
        const auto note = notes_.next(pages);
        pages -= std::min(pages, notes_.looked());
        notes_done_ = notes_.done();
        if (!note)
            continue;
        if (auto kernel = introspect::Kernel::open(memory_, *note)) {
            kernel_ = std::move(kernel);
            note_ = notes_.address();
            return true;
        }
    }
    return false;
}

// True: that was the last page. Of several tables, which one kernel has, that which leads to the longest log.
bool Inside::search_tables(std::size_t pages)
{
    while (pages > 0) {
        const auto table = tables_.next(pages);
        pages -= std::min(pages, tables_.looked());
        if (!table)
            return tables_.done();
        auto kernel = introspect::Kernel::open_early(memory_, *table);
        if (kernel && (!kernel_ || kernel->ring().last() > kernel_->ring().last()))
            kernel_ = std::move(kernel);
    }
    return false;
}

// What was looked at stays in this process's page tables, which come to 1/512 of it; little of it is needed again.
void Inside::map_anew()
{
    mappings_ = map_all(control_, ranges_);
    memory_ = view(ranges_, mappings_);
}

void Inside::blot_out()
{
    if (!kernel_)
        return;
    if (kernel_->has_note())
        blot_out(note_, introspect::NoteSearch::head_bytes);
    blot_out(kernel_->image().physical, introspect::Kernel::image_head_bytes);
}

void Inside::blot_out(std::uint64_t address, std::size_t bytes)
{
    for (std::size_t i = 0; i < ranges_.size(); ++i)
        if (ranges_[i].contains(address, bytes))
            std::memset(mappings_[i]->bytes().data() + (address - ranges_[i].start), 0, bytes);
}

} // namespace parker
