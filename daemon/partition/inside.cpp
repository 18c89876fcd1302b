// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/inside.h"

#include <algorithm>
#include <cstring>
#include <utility>

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
                                const std::vector<std::unique_ptr<Mapping>>& mappings,
                                const std::shared_ptr<introspect::Look>& look)
{
    std::vector<introspect::PhysicalMemory::Piece> pieces;
    for (std::size_t i = 0; i < ranges.size(); ++i)
        pieces.push_back({ranges[i].start, mappings[i]->bytes()});
    return introspect::PhysicalMemory{std::move(pieces), look};
}

introspect::Look::Limits whole_search(const std::vector<MemoryRange>& ranges)
{
    std::uint64_t bytes = 0;
    for (const auto& range : ranges)
        bytes += range.bytes();
    return introspect::Look::search(bytes / page_bytes);
}

} // namespace

Inside::Inside(Control& control, const HeldPartition& held, std::shared_ptr<introspect::Look> look)
    : control_{control}, ranges_{held.memory}, mappings_{map_all(control, ranges_)}, look_{std::move(look)},
      memory_{view(ranges_, mappings_, look_)}, notes_{memory_}, tables_{memory_}, left_{whole_search(ranges_)}
{
}

bool Inside::search(std::size_t pages, bool early)
{
    if (kernel_ && kernel_->has_note())
        return true;
    look_->begin(left_);
    const bool found = search_round(pages, early);
    left_ = look_->left();
    given_up_.clear();
    if (look_->over() && !found) {
        given_up_ = look_->why();
        came_round_ = true;
        notes_.restart();
        tables_.restart();
    }
    if (came_round_) {
        notes_done_ = false;
        left_ = whole_search(ranges_);
    }
    if (found || came_round_)
        map_anew();
    return found;
}

bool Inside::search_round(std::size_t pages, bool early)
{
    const bool found = !notes_done_ && search_notes(pages);
    came_round_ = notes_done_ && (!early || search_tables(pages));
    return found;
}

// True: it is found.
bool Inside::search_notes(std::size_t& pages)
{
    while (pages > 0 && !notes_done_ && !look_->over()) {
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
    while (pages > 0 && !look_->over()) {
        const auto table = tables_.next(pages);
        pages -= std::min(pages, tables_.looked());
        if (!table)
            return tables_.done();
        auto kernel = introspect::Kernel::open_early(memory_, *table);
        if (look_->over()) // and what was read of this one is not all
            return false;
        if (kernel && (!kernel_ || kernel->ring().last() > kernel_->ring().last()))
            kernel_ = std::move(kernel);
    }
    return false;
}

// What was looked at stays in this process's page tables, which come to 1/512 of it; little of it is needed again.
void Inside::map_anew()
{
    mappings_ = map_all(control_, ranges_);
    memory_ = view(ranges_, mappings_, look_);
}

void Inside::under(std::shared_ptr<introspect::Look> look)
{
    look_ = std::move(look);
    memory_ = view(ranges_, mappings_, look_);
}

void Inside::blot_out()
{
    if (!kernel_)
        return;
    under(std::make_shared<introspect::Look>()); // also when the one before was cancelled
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
