// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/finding.h"

#include <fmt/format.h>

#include <algorithm>

#include "manifest/utf8.h"

namespace parker {
namespace {

// White space that puts a caret under byte `column` of `line`: tabs stay tabs, a character of several bytes is one.
std::string indent_to(const std::string& line, unsigned column)
{
    std::string indent;
    for (std::size_t i = 0; i + 1 < column; ++i) {
        const auto byte = static_cast<unsigned char>(line[i]);
        if ((byte & 0xc0) != 0x80)
            indent += byte == '\t' ? '\t' : ' ';
    }
    return indent;
}

std::string place(const Finding& finding)
{
    const auto& at = finding.at;
    if (at.file.empty())
        return finding.partition.empty() ? "" : fmt::format("partition {}: ", printable(finding.partition));
    const auto file = printable(at.file);
    return at.line == 0 ? file + ": " : fmt::format("{}:{}:{}: ", file, at.line, at.column);
}

} // namespace

bool has_errors(const Findings& findings)
{
    return std::ranges::find(findings, Severity::error, &Finding::severity) != findings.end();
}

std::string to_text(const Finding& finding)
{
    auto text = fmt::format("{}{}[{}]: {}", place(finding), finding.severity == Severity::error ? "error" : "warning",
                            info(finding.code).name, printable(finding.message));
    if (!finding.source_line.empty()) {
        const auto line = printable(finding.source_line);
        text += "\n    " + line;
        // The column right behind the line stands for its end.
        if (finding.at.column != 0 && finding.at.column <= line.size() + 1)
            text += "\n    " + indent_to(line, finding.at.column) + '^';
    }
    if (!finding.holder.empty())
        text += "\n    held by: " + printable(finding.holder);
    if (!finding.suggestion.empty())
        text += "\n    help: " + printable(finding.suggestion);
    return text;
}

} // namespace parker
