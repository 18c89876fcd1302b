// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>

namespace parker {

// What a partition was started with and the module cannot tell a later daemon. Without it, all is well but for what
// is shown: these fields, and whether a restart is needed.
struct RunRecord {
    std::string definition; // digest of the manifest's source; empty: not known
    std::string kernel_release;
    std::string cmdline;
    bool operator==(const RunRecord&) const = default;
};

// DIRECTORY/runs/NAME.json. An empty directory: nothing is kept. Saving throws Error; loading gives an empty record for
// anything but a good file.
void save(const std::filesystem::path& directory, const std::string& name, const RunRecord& record);
RunRecord load_run(const std::filesystem::path& directory, const std::string& name);
void forget_run(const std::filesystem::path& directory, const std::string& name);

} // namespace parker
