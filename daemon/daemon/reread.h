// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <vector>

#include "manifest/load.h"

namespace parker {

// How long an editor may take to write a file anew that it has renamed or removed.
inline constexpr std::chrono::milliseconds rewriting{500};

// All manifests anew. What is gone since `before` is looked for once more, after a moment.
Manifests reread(const std::vector<std::filesystem::path>& directories, const Listing& before,
                 std::chrono::milliseconds moment = rewriting);

// The same, but nothing if nothing has changed since `before`.
std::optional<Manifests> reread_if_changed(const std::vector<std::filesystem::path>& directories, const Listing& before,
                                           std::chrono::milliseconds moment = rewriting);

} // namespace parker
