// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <vector>

extern "C" {
#include <guard/pages.h>
}

// Page tables in a memory of their own: table n, from 1 on, has the address n * 4 KiB.
class Tables : public guard_pages {
public:
    explicit Tables(std::size_t most, bool has_gigantic = true,
                    u64 inner_flags = PAGES_PRESENT | PAGES_WRITE | PAGES_USER)
        : guard_pages{}, most_{most}
    {
        memory_.reserve(most);
        inner = inner_flags;
        gigantic = has_gigantic;
        at = [](guard_pages* p, u64 table) { return of(p)->memory_.at(table / GUARD_PAGE - 1).data(); };
        fresh = [](guard_pages* p) { return of(p)->take(); };
        root = take();
    }
    Tables(const Tables&) = delete;
    Tables& operator=(const Tables&) = delete;

    std::size_t used() const { return memory_.size(); }
    void allow(std::size_t most)
    {
        most_ = most;
        memory_.reserve(most);
    }

    guard_pages& pages = *this;

private:
    static Tables* of(guard_pages* p) { return static_cast<Tables*>(p); }

    u64 take()
    {
        if (memory_.size() == most_)
            return 0;
        memory_.emplace_back();
        return memory_.size() * GUARD_PAGE;
    }

    std::size_t most_;
    std::vector<std::array<u64, 512>> memory_;
};
