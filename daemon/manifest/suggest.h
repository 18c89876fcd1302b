// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace parker {

// Which of `choices` was meant by `word`: the nearest, if it is near enough for a slip of the fingers. Else empty.
std::string nearest(std::string_view word, std::span<const std::string> choices);

} // namespace parker
