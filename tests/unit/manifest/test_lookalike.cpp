// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/lookalike.h"

#include <catch2/catch.hpp>

#include "manifest/load.h"
#include "manifest/utf8.h"

using namespace parker;

TEST_CASE("what nobody sees is shown")
{
    CHECK(visible("a\u200bb") == "a<U+200B>b");
    CHECK(visible("\u00a0\u202e\ufeff\u00ad") == "<U+00A0><U+202E><U+FEFF><U+00AD>");
    CHECK(visible("\u0085") == "<U+0085>");
    CHECK(visible("\U000e0041") == "<U+E0041>");
    CHECK(visible("Größe \u65e5\u672c \U0001f680") == "Größe \u65e5\u672c \U0001f680");
    CHECK(visible("\xff") == "\xff"); // printable() is for that
    CHECK(cited("\u200bname") == "`<U+200B>name`");
}

TEST_CASE("on a line of source, columns still hold")
{
    for (const auto* text : {"a\u200bb", "\u00a0b", "\U000e0041b", "plain", "ü\u3000"}) {
        CAPTURE(text);
        CHECK(visible_in_place(text).size() == std::string_view{text}.size());
        CHECK(hidden_character(visible_in_place(text)).empty());
    }
    const auto result = parse_manifests("\u200bname: db\n", "x.yaml");
    REQUIRE_FALSE(result.findings.empty());
    CHECK(result.findings[0].source_line == "\ufffdname: db");
}

TEST_CASE("what was probably meant")
{
    struct Row {
        const char* text;
        const char* meant;
    };
    const auto row = GENERATE(values<Row>({{"name", "name"},
                                           {"\u00a0\u00a0count", "count"},
                                           {"na\u200bme\u200e", "name"},
                                           {"4\u20137", "4-7"},
                                           {"4\u22127", "4-7"},
                                           {"whole\u2011cores", "whole-cores"},
                                           {"\u201cdb\u201d", "\"db\""},
                                           {"\u2018db\u2019", "'db'"},
                                           {"\uff44\uff42", "db"},
                                           {"\u0441ount", "count"},
                                           {"4\uff0c5", "4,5"},
                                           {"a\u3000b", "a b"},
                                           {"\u2026", "..."},
                                           {"größe", "größe"}}));
    CAPTURE(row.text);
    CHECK(look_alike(row.text) == row.meant);
    CHECK(odd_characters(row.text).empty() == (std::string_view{row.text} == row.meant));
}

TEST_CASE("odd characters have names")
{
    CHECK(odd_characters("a\u200b\u200b\u2013") == "U+200B (zero-width space), U+2013 (en dash)");
    CHECK(odd_characters("\u0430") == "U+0430 (a Cyrillic letter)");
    CHECK(odd_characters("\u2061") == "U+2061 (an invisible character)");
    CHECK(odd_characters("\u2003") == "U+2003 (a space of another kind)");
    CHECK(odd_characters("\uff1a") == "U+FF1A (a full-width character)");
    CHECK(odd_characters("plain").empty());
    CHECK(hidden_character("x\u00a0") == "U+00A0 (no-break space)");
    CHECK(hidden_character("4\u20137").empty());
}

TEST_CASE("files that were put together, and those of other systems")
{
    const std::string one =
        "apiVersion: parker/v1\nname: a\ncpus: {count: 1}\nmemory: {size: 2MiB}\nkernel: {image: /a}\n";
    auto two = one;
    two.replace(two.find("name: a"), 7, "name: b");
    CHECK(parse_manifests("\ufeff" + one + "\ufeff---\n" + two, "x").manifests.size() == 2);
    CHECK(parse_manifests("\ufeff---\n" + one, "x").manifests.size() == 1);
    CHECK(parse_manifests("\ufeff\ufeff---\n" + one, "x").manifests.size() == 1);
    const auto wide = parse_manifests(std::string_view{"\xff\xfe"
                                                       "a\0",
                                                       4},
                                      "x");
    REQUIRE(wide.findings.size() == 1);
    CHECK(wide.findings[0].message == "the text is UTF-16, not UTF-8");
}
