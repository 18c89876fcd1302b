// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "base/explain.h"

using namespace parker;

TEST_CASE("every code has a paragraph of its own")
{
    std::set<std::string_view> seen;
    for (const auto& row : all_codes()) {
        const auto text = explain(row.code);
        CAPTURE(row.name);
        CHECK(&info(row.code) == &row);
        CHECK(find_code(row.name) == &row);
        CHECK(text.ends_with('.'));
        CHECK(std::ranges::count(text, '.') >= 2);
        CHECK(text.size() >= 120);
        CHECK(text.find('\n') == std::string_view::npos);
        CHECK(text.find("  ") == std::string_view::npos);
        CHECK(seen.insert(text).second);
    }
}
