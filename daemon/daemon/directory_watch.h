// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "daemon/loop.h"

namespace parker {

// Calls when something may have changed in one of some directories, once things have been quiet for a moment: 200 files
// dropped at once, or an editor's temporary files, are one change. A directory need not exist: its nearest ancestor is
// watched until it does.
class DirectoryWatch {
public:
    DirectoryWatch(Loop& loop, std::vector<std::filesystem::path> directories, std::function<void()> changed);

    // Something has changed that `changed` has not been called for yet.
    bool pending() const { return first_touch_.has_value(); }

private:
    void arm();
    void watch(const std::filesystem::path& directory);
    void touch();

    Loop& loop_;
    std::vector<std::filesystem::path> directories_;
    std::function<void()> changed_;
    std::vector<Loop::Handle> watches_;
    Loop::Handle quiet_;
    std::optional<Loop::Clock::time_point> first_touch_;
};

} // namespace parker
