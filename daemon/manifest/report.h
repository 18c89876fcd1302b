// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/finding.h"

namespace parker {

// A place in the text of one file, counted from 1; line 0: the file as a whole.
struct Mark {
    unsigned line = 0;
    unsigned column = 0;
};

inline constexpr std::size_t max_findings = 100;    // of one file
inline constexpr std::size_t max_source_line = 200; // bytes of a line that a finding cites

// Collects the findings of one file and puts positions and source lines to them. Holds on to `text`.
class Report {
public:
    Report(std::string file, std::string_view text);

    void error(Code code, Mark at, std::string message, std::string suggestion = {});
    void warning(Code code, Mark at, std::string message, std::string suggestion = {});
    void set_partition(std::string name) { partition_ = std::move(name); } // of the findings that follow

    std::size_t errors() const { return errors_; }
    Position position(Mark at) const { return {file_, at.line, at.column}; }
    std::string_view line(unsigned number) const; // without its end; empty if there is none
    Findings take();                              // in the order of the file

private:
    void add(Severity severity, Code code, Mark at, std::string message, std::string suggestion);

    std::string file_;
    std::string_view text_;
    std::vector<std::size_t> line_starts_;
    std::string partition_;
    Findings findings_;
    std::size_t errors_ = 0;
};

} // namespace parker
