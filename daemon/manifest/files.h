// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "manifest/finding.h"
#include "manifest/reading.h"

namespace parker {

struct ManifestFiles {
    Listing listing;
    Findings findings; // of directories that cannot be read, and of files that are not called like manifests
};

// Which of DIR/*.yaml count: a file in an earlier directory masks the same name in later ones. Missing directories are
// empty ones. Opens no file.
ManifestFiles manifest_files(const std::vector<std::filesystem::path>& directories);

// Whether the name is a manifest's, DIR/NAME.yaml; one that begins with a dot is not.
bool is_manifest_name(const std::string& name);

// The links on the way to `path`, each with the folder in which it lies, and where the way ends.
std::vector<WatchedEntry> links_on_the_way(const std::filesystem::path& path);

// The text of one, or a little more than max_manifest_bytes, and what fstat(2) says of it. Never waits: a FIFO or a
// device is no manifest. Throws Error (unreadable).
std::string read_manifest(const std::filesystem::path& file, struct stat& status);

Finding about_file(const std::filesystem::path& file, Severity severity, Code code, std::string message,
                   std::string suggestion = {});

} // namespace parker
