// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace parker {

// Where something stands in a file. Lines and columns count from 1, columns in bytes; line 0: the file as a whole.
struct Position {
    std::string file;
    unsigned line = 0;
    unsigned column = 0;
};

template <typename T>
struct Located {
    T value{};
    Position at{};
};

enum class Severity { error, warning };

// Something to tell the user about a manifest or a plan.
struct Finding {
    Severity severity = Severity::error;
    Code code = Code::failed;
    Position at;
    std::string partition;   // the one it is about, if its name is known
    std::string message;     // one sentence, no full stop
    std::string source_line; // the line of the file at `at`, without its end; empty if there is none
    std::string holder;      // who stands in the way: "partition web", "the boot kernel", "driver nvme"
    std::string suggestion;  // one thing to do about it, or "did you mean ...?"
};

using Findings = std::vector<Finding>;

bool has_errors(const Findings& findings);

// For people, without a line end behind it:
//   FILE:LINE:COL: error[CODE]: MESSAGE
//       SOURCE LINE
//           ^
//     held by: HOLDER
//     help: SUGGESTION
std::string to_text(const Finding& finding);

} // namespace parker
