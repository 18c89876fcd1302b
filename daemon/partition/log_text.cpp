// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/log_text.h"

#include <fmt/format.h>

#include "manifest/utf8.h"

namespace parker {

std::string log_text(std::uint64_t time_nsec, std::string_view text)
{
    const auto usec = time_nsec / 1000;
    const auto prefix = fmt::format("[{:5}.{:06}] ", usec / 1'000'000, usec % 1'000'000);
    std::string result;
    for (;;) {
        const auto line = text.substr(0, text.find('\n'));
        result += prefix + printable(line) + '\n';
        if (line.size() == text.size())
            return result;
        text.remove_prefix(line.size() + 1);
    }
}

} // namespace parker
