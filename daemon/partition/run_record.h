// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "manifest/reading.h"

namespace parker {

// What a partition was started with and the module cannot tell a later daemon. Without it, all is well but for what
// is shown: these fields, and whether a restart is needed.
struct RunRecord {
    std::string definition; // digest of the manifest's source; empty: not known
    std::string kernel_release;
    std::string cmdline;
    std::string id;                 // another one for each start, by which its log is told from the next one's
    std::uint64_t started_usec = 0; // CLOCK_REALTIME; 0: not known
    Origin origin = {};             // of the manifest: what has become of it, a later daemon must be able to tell
    bool operator==(const RunRecord&) const = default;
};

std::uint64_t realtime_usec(); // CLOCK_REALTIME now

// DIRECTORY/runs/NAME.json. An empty directory: nothing is kept. Saving throws Error; loading gives an empty record for
// anything but a good file.
void save(const std::filesystem::path& directory, const std::string& name, const RunRecord& record);
RunRecord load_run(const std::filesystem::path& directory, const std::string& name);
void forget_run(const std::filesystem::path& directory, const std::string& name);

} // namespace parker
