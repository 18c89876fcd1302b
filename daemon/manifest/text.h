// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "manifest/report.h"

namespace parker {

inline constexpr std::size_t max_documents = 1024; // of one file

// One YAML document's part of a file.
struct Document {
    std::string_view text; // from its `---`, if it has one
    unsigned line = 1;     // of the file, where it begins
};

// False, and a finding, if the bytes are no text as YAML wants it: UTF-8 without control characters.
bool check_text(std::string_view text, Report& report);

// Without a byte order mark, and with lines that end in LF alone. Lines and columns of what is left stay the same.
std::string normalise(std::string_view text);

// Where documents begin and end shows at the start of a line, inside any block or quotes (YAML 1.2, 9.1.2). Knowing it
// before parsing keeps a syntax error in one document from hiding the next. Parts without content are left out.
std::vector<Document> split_documents(std::string_view text);

} // namespace parker
