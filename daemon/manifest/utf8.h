// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace parker {

// How many bytes the first character of `text` has: 1 to 4, or 0 if it is no UTF-8 (overlong forms and surrogates are
// none either).
std::size_t utf8_length(std::string_view text);

// The code point of one whole character of UTF-8, as utf8_length() finds it.
char32_t code_of(std::string_view character);

// Fit for a terminal, D-Bus and JSON, whatever it was: each byte that is no UTF-8 and each control character but the
// tab becomes '?'. Keeps the number of bytes, so that columns still hold.
std::string printable(std::string_view text);

// The same, between backquotes, on one line, cut to a readable length and with what nobody sees shown as <U+200B>: how
// messages cite a user's words.
std::string cited(std::string_view text);

// ": TEXT", in quotes or not, for the end of a suggestion; nothing if that would be long.
std::string behind_colon(std::string_view text, bool quotes);

} // namespace parker
