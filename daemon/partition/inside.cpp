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
      search_{memory_}
{
}

bool Inside::search(std::size_t pages)
{
    if (kernel_)
        return true;
    while (!kernel_ && pages > 0) {
        const auto step = search_.next(pages);
        pages -= std::min(pages, search_.looked());
        if (!step)
            break;
        kernel_ = introspect::Kernel::open(memory_, *step);
        note_ = search_.address();
    }
    if (kernel_ || search_.done())
        map_anew();
    return kernel_.has_value();
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
    for (std::size_t i = 0; i < ranges_.size(); ++i)
        if (ranges_[i].contains(note_, introspect::NoteSearch::head_bytes))
            std::memset(mappings_[i]->bytes().data() + (note_ - ranges_[i].start), 0,
                        introspect::NoteSearch::head_bytes);
}

} // namespace parker
