// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace parker {

// What has been done so far and how to take it back. Unless kept, everything is undone last-in first-out when the
// scope ends. A step must not throw: what it cannot give back it reports by its own means.
class Undo {
public:
    Undo() = default;
    ~Undo()
    {
        for (auto step = steps_.rbegin(); step != steps_.rend(); ++step)
            (*step)();
    }
    Undo(const Undo&) = delete;
    Undo& operator=(const Undo&) = delete;

    void add(std::function<void()> step) { steps_.push_back(std::move(step)); }
    void keep() { steps_.clear(); }

private:
    std::vector<std::function<void()>> steps_;
};

} // namespace parker
