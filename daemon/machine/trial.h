// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "base/fd.h"

namespace parker {

// Lets a child process, with little memory and time, make something of input that may be anybody's: there a library
// may crash, or never end. It begins at once, and this process can do something else meanwhile.
class Trial {
public:
    struct Outcome {
        std::optional<std::string> result; // none if it failed
        std::string words;                 // what it wrote to stderr, the first line
        bool refused = false;              // with an Error, whose reason is the words
    };

    explicit Trial(const std::function<std::optional<std::string>()>& attempt); // throws Error if there is no child
    ~Trial();                                                                   // ends a child that runs still
    Trial(const Trial&) = delete;
    Trial& operator=(const Trial&) = delete;

    Outcome finish(); // waits; once

private:
    Fd result_;
    Fd words_;
    pid_t child_ = -1; // -1: none runs
};

} // namespace parker
