// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/directory_watch.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"

namespace parker {
namespace {

constexpr std::chrono::milliseconds quiet_for{200};
constexpr std::chrono::seconds wait_at_most{2}; // however long somebody keeps writing

constexpr std::uint32_t any_change = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |
                                     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t child_appears = IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

} // namespace

DirectoryWatch::DirectoryWatch(Loop& loop, std::vector<std::filesystem::path> directories,
                               std::function<void()> changed)
    : loop_{loop}, directories_{std::move(directories)}, changed_{std::move(changed)}
{
    quiet_ = loop_.timer([this] {
        first_touch_.reset();
        arm(); // before reading, so that nothing falls in between
        changed_();
    });
    arm();
}

void DirectoryWatch::arm()
{
    watches_.clear();
    for (const auto& directory : directories_)
        watch(directory);
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
