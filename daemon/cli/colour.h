// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace parker::cli {

enum class Colour { red, yellow, green };

// Whether somebody may see colours there: it is a terminal that knows them, and NO_COLOR (https://no-color.org) is not
// set.
bool shows_colours(std::FILE* stream);

// The text, in this colour if the stream shows any.
std::string coloured(const std::string& text, std::optional<Colour> colour, std::FILE* stream);

// Of a partition's state: what is well, on its way, or wrong. Nothing for the rest.
std::optional<Colour> state_colour(std::string_view state);

} // namespace parker::cli
