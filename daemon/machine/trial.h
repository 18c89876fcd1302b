// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace parker {

struct Trial {
    std::optional<std::string> result; // none if it failed
    std::string words;                 // what it wrote to stderr, the first line
    bool refused = false;              // with an Error, whose reason is the words
};

// Lets a child process, with little memory and time, make something of input that may be anybody's: there a library
// may crash, or never end.
Trial try_in_child(const std::function<std::optional<std::string>()>& attempt);

} // namespace parker
