// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

namespace parker {

// Characters that come into a file by way of web pages, word processors and messengers, and that nobody sees, or takes
// for others: zero-width and no-break spaces, direction marks, curly quotes, dashes, Cyrillic and full-width letters.

bool is_invisible(char32_t character); // shows nothing at all
bool is_odd_space(char32_t character); // shows as white space, and is none to YAML or a kernel

char32_t first_character(std::string_view text); // U+FFFD: none, or no UTF-8

// Those that cannot be seen as what they are: "<U+200B>name".
std::string visible(std::string_view text);

// The same on a line of source, whose bytes keep their number, so that columns still hold.
std::string visible_in_place(std::string_view text);

// In ASCII what was probably meant; without white space at either end. What has no look-alike stays as it is.
std::string look_alike(std::string_view text);

// "U+200B (zero-width space)", the first few that look_alike() would replace; empty if there are none.
std::string odd_characters(std::string_view text);

// "U+00A0 (no-break space)", the first invisible character or odd space; empty if there is none.
std::string hidden_character(std::string_view text);

} // namespace parker
