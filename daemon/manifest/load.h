// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/finding.h"
#include "manifest/manifest.h"
#include "manifest/reading.h"

namespace parker {

inline constexpr std::size_t max_manifest_bytes = 1024 * 1024; // of one file
inline constexpr std::size_t max_manifests = 4096;             // in all

// What reading manifests gives: those without an error, and every finding of every file (100 of one file at most). A
// bad document never hides its neighbours.
struct Manifests {
    std::vector<Manifest> manifests; // ordered by name; names are unique
    Findings findings;
    Reading reading{}; // of folders; empty for texts and files that were named
};

// One file's text (several documents). `file` is used for positions only. Does not look at other files.
Manifests parse_manifests(std::string_view text, const std::string& file);

// The files named, and nothing else, for `validate FILE...`. That others may write a file is a warning here, since
// nothing is done on its word; in a directory it is an error, and the file is not read. A name that would not be read
// in a directory is a warning, too.
Manifests load_files(const std::vector<std::filesystem::path>& files);

// All of DIR/*.yaml, a file in an earlier directory masking the same name in later ones, a link to /dev/null disabling
// it; then checked against each other (a name that is used twice). Missing directories are empty ones.
Manifests load_directories(const std::vector<std::filesystem::path>& directories);

// /etc/parker.d, /run/parker.d, /usr/lib/parker.d below `root`.
std::vector<std::filesystem::path> manifest_directories(const std::filesystem::path& root = "/");

} // namespace parker
