// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "manifest/finding.h"
#include "manifest/suggest.h"
#include "manifest/utf8.h"

using namespace parker;

namespace {

Finding finding_at(unsigned line, unsigned column, std::string source_line)
{
    Finding finding;
    finding.code = Code::bad_value;
    finding.at = {"x.yaml", line, column};
    finding.message = "no";
    finding.source_line = std::move(source_line);
    return finding;
}

} // namespace

TEST_CASE("a finding as text")
{
    auto finding = finding_at(3, 7, "name: DB");
    CHECK(to_text(finding) == "x.yaml:3:7: error[bad-value]: no\n    name: DB\n          ^");

    finding.severity = Severity::warning;
    finding.holder = "partition web";
    finding.suggestion = "stop it";
    CHECK(to_text(finding) == "x.yaml:3:7: warning[bad-value]: no\n    name: DB\n          ^\n"
                              "    held by: partition web\n    help: stop it");
}

TEST_CASE("the caret stands under the character, not under the byte")
{
    CHECK(to_text(finding_at(1, 4, "\tä!")) == "x.yaml:1:4: error[bad-value]: no\n    \tä!\n    \t ^");
    CHECK(to_text(finding_at(1, 3, "ab")).ends_with("    ab\n      ^"));
    CHECK(to_text(finding_at(1, 4, "ab")).ends_with("\n    ab")); // beyond the line: no caret
}

TEST_CASE("a finding without a line, or without a file")
{
    CHECK(to_text(finding_at(0, 0, "")) == "x.yaml: error[bad-value]: no");
    Finding finding;
    finding.code = Code::not_enough_cpus;
    finding.message = "too few";
    CHECK(to_text(finding) == "error[not-enough-cpus]: too few");
    finding.partition = "db";
    CHECK(to_text(finding) == "partition db: error[not-enough-cpus]: too few");
}

TEST_CASE("a finding does not command the terminal")
{
    auto finding = finding_at(1, 1, "\x1b[2J\xff");
    finding.message = "a\nb";
    CHECK(to_text(finding) == "x.yaml:1:1: error[bad-value]: a?b\n    ?[2J?\n    ^");
}

TEST_CASE("only errors are errors")
{
    Findings findings{finding_at(1, 1, "")};
    CHECK(has_errors(findings));
    findings[0].severity = Severity::warning;
    CHECK_FALSE(has_errors(findings));
    CHECK_FALSE(has_errors({}));
}

TEST_CASE("the nearest word")
{
    struct Row {
        const char* word;
        const char* expected;
    };
    const std::vector<std::string> choices{"count", "list", "node", "sharing", "whole-cores"};
    const auto row = GENERATE(values<Row>({
        {"count", "count"},
        {"cuont", "count"},
        {"Count", "count"},
        {"lists", "list"},
        {"whole_core", "whole-cores"},
        {"nodes", "node"},
        {"shareing", "sharing"},
        {"x", ""},
        {"no", "node"},
        {"cat", ""},
        {"", ""},
        {"something-else", ""},
    }));
    CAPTURE(row.word);
    CHECK(nearest(row.word, choices) == row.expected);
    CHECK(nearest(std::string(1000, 'a'), choices).empty());
}

TEST_CASE("citing keeps it short and whole")
{
    CHECK(cited("a\tb\n") == "`a b?`");
    CHECK(cited(std::string(80, 'x')) == '`' + std::string(80, 'x') + '`');
    CHECK(cited(std::string(81, 'x')) == '`' + std::string(80, 'x') + "...`");
    CHECK(cited(std::string(79, 'x') + "ää") == '`' + std::string(79, 'x') + "...`");
}
