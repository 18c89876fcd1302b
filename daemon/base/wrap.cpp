// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/wrap.h"

#include <algorithm>

namespace parker {
namespace {

constexpr std::size_t columns = 80;

void add_line(std::string& out, std::string_view line, std::size_t column)
{
    line = line.substr(0, line.find_last_not_of(' ') + 1);
    std::size_t indent = 0; // of the part that is to come
    while (line.size() + indent > columns) {
        const auto text = line.find_first_not_of(' ');
        const auto fits = line.rfind(' ', columns - indent);
        // Without a space that fits behind its first word, the first there is.
        const auto space = fits != line.npos && fits > text ? fits : line.find(' ', text);
        if (space == line.npos)
            break;
        out.append(indent, ' ').append(line.substr(0, line.find_last_not_of(' ', space) + 1)) += '\n';
        if (indent == 0 && line.starts_with("  "))
            indent = column;
        line.remove_prefix(line.find_first_not_of(' ', space));
    }
    out.append(line.empty() ? 0 : indent, ' ').append(line) += '\n';
}

} // namespace

std::string wrapped(std::string_view text, std::size_t column)
{
    std::string out;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        add_line(out, line, column);
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    return out;
}

} // namespace parker
