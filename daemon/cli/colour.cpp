// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/colour.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

namespace parker::cli {
namespace {

// ECMA-48, 8.3.117: Select Graphic Rendition.
constexpr int sgr(Colour colour)
{
    switch (colour) {
    case Colour::red:
        return 31;
    case Colour::yellow:
        return 33;
    case Colour::green:
        return 32;
    }
    return 0;
}

std::string_view variable(const char* name)
{
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view{} : value;
}

} // namespace

bool shows_colours(std::FILE* stream)
{
    return ::isatty(::fileno(stream)) == 1 && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
}

std::string coloured(const std::string& text, std::optional<Colour> colour, std::FILE* stream)
{
    return colour && shows_colours(stream) ? fmt::format("\033[{}m{}\033[0m", sgr(*colour), text) : text;
}

std::optional<Colour> state_colour(std::string_view state)
{
    if (state == "active")
        return Colour::green;
    if (state == "activating" || state == "deactivating" || state == "ignored")
        return Colour::yellow;
    if (state == "failed" || state == "invalid" || state == "empty")
        return Colour::red;
    return std::nullopt;
}

} // namespace parker::cli
