// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace parker {

// A kernel image or initrd, whole. Throws unreadable (missing, no regular file, shrank while being read) and
// image_too_large above `limit`.
std::vector<std::byte> read_image(const std::string& path, std::uint64_t limit);

// 64 lower-case hexadecimal digits.
std::string sha256(std::span<const std::byte> bytes);
std::string sha256(std::string_view text);

} // namespace parker
