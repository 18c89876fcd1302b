// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string_view>

namespace parker {

// The file is the whole text or what it was before, also for a reader at the same moment: written beside it as
// PATH.XXXXXX, then renamed. Error (failed) if that cannot be done, or if there is something at `path` that is no
// regular file: a device must not become one.
void replace_file(const std::filesystem::path& path, std::string_view text, mode_t mode);

} // namespace parker
