// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/directory_watch.h"

#include <fcntl.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/error.h"

namespace parker {
namespace {

constexpr std::chrono::milliseconds quiet_for{200};
constexpr std::chrono::seconds wait_at_most{2}; // however long somebody keeps writing

constexpr std::size_t most_folders = 256; // that links lead to; more are seen at the next start

constexpr std::uint32_t any_change = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |
                                     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t child_appears = IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

} // namespace

DirectoryWatch::DirectoryWatch(Loop& loop, std::vector<std::filesystem::path> directories,
                               std::function<void()> changed)
    : loop_{loop}, directories_{std::move(directories)}, changed_{std::move(changed)}, mounts_{::open(
                                                                                           "/proc/self/mountinfo",
                                                                                           O_RDONLY | O_CLOEXEC)}
{
    quiet_ = loop_.timer([this] {
        first_touch_.reset();
        arm(); // before reading, so that nothing falls in between
        changed_();
    });
    if (mounts_)
        mounted_ = loop_.on_urgent(mounts_.get(), [this] { touch(); });
    arm();
}

void DirectoryWatch::also(const std::vector<WatchedEntry>& entries)
{
    if (entries == entries_)
        return;
    entries_ = entries;
    arm();
    touch();
}

void DirectoryWatch::arm()
{
    watches_.clear();
    for (const auto& directory : directories_)
        watch(directory);
    watch_entries();
}

// A folder that links lead to may be busy with other things: only the names that matter count.
void DirectoryWatch::watch_entries()
{
    std::size_t folders = 0;
    for (auto first = entries_.begin(); first != entries_.end() && folders < most_folders; ++folders) {
        const auto last = std::ranges::find_if(
            first, entries_.end(), [first](const WatchedEntry& entry) { return entry.folder != first->folder; });
        std::set<std::string> names;
        for (auto entry = first; entry != last; ++entry)
            names.insert(entry->name);
        try {
            watches_.push_back(loop_.on_inotify(first->folder, any_change, [this, names](const inotify_event& event) {
                if (event.len == 0 || names.contains(event.name))
                    touch();
            }));
        } catch (const Error&) {
            // Not there: a link that leads nowhere, which is an error of its manifest.
        }
        first = last;
    }
}

void DirectoryWatch::watch(const std::filesystem::path& directory)
{
    auto path = std::filesystem::absolute(directory).lexically_normal();
    std::string missing; // the next component, if `path` is an ancestor
    std::error_code ignored;
    for (;;) {
        const auto appearing = [this, missing](const inotify_event& event) {
            const bool named = event.len > 0;
            if (missing.empty() || !named || missing == event.name)
                touch();
        };
        if (std::filesystem::is_directory(path, ignored)) {
            try {
                watches_.push_back(loop_.on_inotify(path, missing.empty() ? any_change : child_appears, appearing));
                return;
            } catch (const Error&) {
                if (std::filesystem::is_directory(path, ignored) && !path.has_relative_path())
                    throw;
                // Gone in between: the ancestor will tell.
            }
        }
        if (!path.has_relative_path())
            return;
        missing = path.filename();
        path = path.parent_path();
    }
}

void DirectoryWatch::touch()
{
    const auto now = Loop::Clock::now();
    if (!first_touch_)
        first_touch_ = now;
    quiet_->at(std::min(now + quiet_for, *first_touch_ + wait_at_most));
}

} // namespace parker
