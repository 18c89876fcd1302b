// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "manifest/finding.h"

namespace parker {

struct ManifestFile {
    std::filesystem::path path;
    bool disables = false; // a link to /dev/null, which only masks others of its name
};

struct ManifestFiles {
    std::vector<ManifestFile> files; // ordered by file name
    Findings findings;               // of directories that cannot be read
};

// Which of DIR/*.yaml count: a file in an earlier directory masks the same name in later ones. Missing directories are
// empty ones.
ManifestFiles manifest_files(const std::vector<std::filesystem::path>& directories);

// The text of one, or a little more than max_manifest_bytes, and what fstat(2) says of it. Never waits: a FIFO or a
// device is no manifest. Throws Error (unreadable).
std::string read_manifest(const std::filesystem::path& file, struct stat& status);

Finding about_file(const std::filesystem::path& file, Severity severity, Code code, std::string message,
                   std::string suggestion = {});

} // namespace parker
