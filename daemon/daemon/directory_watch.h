// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "daemon/loop.h"
#include "manifest/reading.h"

namespace parker {

// Calls when something may have changed in one of some directories, once things have been quiet for a moment: 200 files
// dropped at once, or an editor's temporary files, are one change. A directory need not exist: its nearest ancestor is
// watched until it does. Where links lead elsewhere, what they lead to is watched, too; and so are mounts, which can
// put another text in the place of one without touching it.
class DirectoryWatch {
public:
    DirectoryWatch(Loop& loop, std::vector<std::filesystem::path> directories, std::function<void()> changed);

    // What lies outside of the directories, in place of what this was last called with. If that is another than before,
    // it may have changed before it was watched: `changed` is called.
    void also(const std::vector<WatchedEntry>& entries);

    // Something has changed that `changed` has not been called for yet.
    bool pending() const { return first_touch_.has_value(); }

private:
    void arm();
    void watch(const std::filesystem::path& directory);
    void watch_entries();
    void touch();

    Loop& loop_;
    std::vector<std::filesystem::path> directories_;
    std::vector<WatchedEntry> entries_; // ordered
    std::function<void()> changed_;
    std::vector<Loop::Handle> watches_;
    Loop::Handle quiet_;
    Fd mounts_;
    Loop::Handle mounted_;
    std::optional<Loop::Clock::time_point> first_touch_;
};

} // namespace parker
