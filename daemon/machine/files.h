// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <concepts>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "machine/text.h"

namespace parker {

// The files of a machine under a root folder, which may be anybody's making: what is not there, no regular file or
// larger than its limit is nothing. Paths are relative to the root ("sys/class/iommu"). Nothing here blocks.
class Files {
public:
    static constexpr std::size_t small = 64 * KiB; // enough for every sysfs attribute
    static constexpr std::size_t max_entries = 65536;

    explicit Files(const std::filesystem::path& root); // throws Error if it is no folder

    std::optional<Files> folder(const std::string& path) const; // for many files in one
    std::optional<std::string> read(const std::string& path, std::size_t limit = small) const;
    // What it begins with, `bytes` at most: the rest may be slow to read.
    std::optional<std::string> start(const std::string& path, std::size_t bytes) const;
    std::string line(const std::string& path) const; // trimmed and printable; empty if there is none
    std::vector<std::string> list(const std::string& folder) const;
    std::string link(const std::string& path) const; // what a symbolic link says; empty if it is none
    bool exists(const std::string& path) const;

    template <std::integral T>
    std::optional<T> number(const std::string& path, int base = 10) const
    {
        return text::number<T>(line(path), base);
    }

private:
    explicit Files(Fd root);

    Fd root_;
};

} // namespace parker
