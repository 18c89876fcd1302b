// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace parker {

// A new file of mode 0600 beside PATH, as PATH.XXXXXX, which goes with the object unless it takes that name. Error
// (failed) if that cannot be done, or if there is something at PATH that is no regular file: a device must not become
// one.
class FreshFile {
public:
    explicit FreshFile(std::filesystem::path path);
    ~FreshFile();
    FreshFile(const FreshFile&) = delete;
    FreshFile& operator=(const FreshFile&) = delete;

    const Fd& file() const { return file_; }
    const std::string& name() const { return name_; } // for now
    void replace();                                   // once

private:
    std::filesystem::path path_;
    std::string name_;
    Fd file_;
};

// The file is the whole text or what it was before, also for a reader at the same moment: written beside it as
// PATH.XXXXXX, then renamed. Throws as FreshFile.
void replace_file(const std::filesystem::path& path, std::string_view text, mode_t mode);

} // namespace parker
