// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/text.h"

#include <fmt/format.h>

#include "manifest/utf8.h"

namespace parker {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

bool is_marker(std::string_view line, std::string_view marker)
{
    return line.starts_with(marker) &&
           (line.size() == marker.size() || line[marker.size()] == ' ' || line[marker.size()] == '\t');
}

// Neither blank, nor a comment, nor a directive.
bool has_content(std::string_view line)
{
    const auto first = line.find_first_not_of(" \t");
    return first != std::string_view::npos && line[first] != '#' && line[0] != '%';
}

} // namespace

bool check_text(std::string_view text, Report& report)
{
    if (text.starts_with(byte_order_mark))
        text.remove_prefix(byte_order_mark.size());
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
        report.error(Code::not_yaml, {1, 1}, "the text is UTF-16, not UTF-8", "save the file as UTF-8");
        return false;
    }
    Mark at{1, 1};
    while (!text.empty()) {
        const auto length = utf8_length(text);
        const auto byte = static_cast<unsigned>(static_cast<unsigned char>(text[0]));
        if (length == 0) {
            report.error(Code::not_yaml, at, fmt::format("byte 0x{:02x} is not UTF-8 text", byte),
                         "save the file as UTF-8");
            return false;
        }
        if (byte == '\r' && !text.starts_with("\r\n")) {
            report.error(Code::not_yaml, at, "a carriage return without a line feed", "end lines with LF or CRLF");
            return false;
        }
        if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) {
            report.error(Code::not_yaml, at, fmt::format("control character 0x{:02x} in the text", byte),
                         "in a quoted value, write it as an escape");
            return false;
        }
        if (byte == '\n')
            at = {at.line + 1, 1};
        else
            at.column += static_cast<unsigned>(length);
        text.remove_prefix(length);
    }
    return true;
}

std::string normalise(std::string_view text)
{
    if (text.starts_with(byte_order_mark))
        text.remove_prefix(byte_order_mark.size());
    std::string result;
    result.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        // Files that were put together have one in front of each document.
        if (i > 0 && text[i - 1] == '\n' && text.substr(i).starts_with(byte_order_mark) &&
            text.substr(i + byte_order_mark.size()).starts_with("---"))
            i += byte_order_mark.size();
        if (text[i] != '\r') // check_text() lets it stand before a line feed only
            result += text[i];
    }
    return result;
}

std::vector<Document> split_documents(std::string_view text)
{
    std::vector<Document> documents;
    std::size_t start = 0;
    unsigned start_line = 1;
    bool content = false;
    bool marked = false; // the part has its `---`
    const auto close = [&documents, &start, &start_line, &content, &marked, text](std::size_t end, unsigned line) {
        if (content)
            documents.push_back({text.substr(start, end - start), start_line});
        start = end;
        start_line = line;
        content = false;
        marked = false;
    };

    unsigned line_number = 1;
    for (std::size_t at = 0; at < text.size(); ++line_number) {
        const auto end = std::min(text.find('\n', at), text.size() - 1) + 1;
        auto line = text.substr(at, end - at);
        if (line.ends_with('\n'))
            line.remove_suffix(1);
        if (is_marker(line, "---")) {
            if (content || marked)
                close(at, line_number);
            marked = true;
            content = has_content(line.substr(3));
        } else if (is_marker(line, "...")) {
            close(end, line_number + 1);
        } else {
            content = content || has_content(line) || (marked && line.starts_with('%'));
        }
        at = end;
    }
    close(text.size(), line_number);
    return documents;
}

} // namespace parker
