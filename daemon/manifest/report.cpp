// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "manifest/lookalike.h"
#include "manifest/utf8.h"

namespace parker {
namespace {

// As much of a line as is cited, and no half of a character at its end.
std::string_view whole_characters(std::string_view line)
{
    auto end = std::min(line.size(), max_source_line);
    while (end > 0 && end < line.size() && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80)
        --end;
    return line.substr(0, end);
}

} // namespace

Report::Report(std::string file, std::string_view text) : file_{std::move(file)}, text_{text}, line_starts_{0}
{
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', end + 1))
        line_starts_.push_back(end + 1);
}

std::string_view Report::line(unsigned number) const
{
    if (number == 0 || number > line_starts_.size())
        return {};
    auto line = text_.substr(line_starts_[number - 1]);
    line = line.substr(0, line.find('\n'));
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    return line;
}

void Report::error(Code code, Mark at, std::string message, std::string suggestion)
{
    ++errors_;
    add(Severity::error, code, at, std::move(message), std::move(suggestion));
}

void Report::warning(Code code, Mark at, std::string message, std::string suggestion)
{
    add(Severity::warning, code, at, std::move(message), std::move(suggestion));
}

Findings Report::take()
{
    std::ranges::stable_sort(findings_, {}, [](const Finding& finding) {
        return std::pair{finding.at.line, finding.at.column};
    });
    if (findings_.size() > max_findings) {
        findings_.resize(max_findings);
        Finding more;
        more.code = Code::too_large;
        more.at.file = file_;
        more.message = fmt::format("more than {} findings in this file, the rest is not shown", max_findings);
        findings_.push_back(std::move(more));
    }
    return std::move(findings_);
}

void Report::add(Severity severity, Code code, Mark at, std::string message, std::string suggestion)
{
    if (findings_.size() > max_findings)
        return; // take() says so
    findings_.push_back({.severity = severity,
                         .code = code,
                         .at = position(at),
                         .partition = partition_,
                         .message = std::move(message),
                         .source_line = printable(visible_in_place(whole_characters(line(at.line)))),
                         .holder = {},
                         .suggestion = std::move(suggestion)});
}

} // namespace parker
