// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <set>
#include <string>

namespace parker {

// `autostart` asks systemd once, when a manifest appears: not again when parkerd is restarted, or somebody's `systemctl
// stop` would not last. Which names have been seen since the machine booted is kept in a file below /run.
class Seen {
public:
    explicit Seen(std::filesystem::path file); // empty: remembers nothing beyond its own life

    bool add(const std::string& name); // true: it is new
    void remove(const std::string& name);
    void save(); // what has changed; once for many names, as each time writes all. Throws Error

private:
    std::filesystem::path file_;
    std::set<std::string> names_;
    bool changed_ = false;
};

} // namespace parker
