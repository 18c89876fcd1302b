// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>
#include <optional>
#include <string>

#include "base/quota.h"

using namespace parker;

TEST_CASE("each has so many places, and gets one back when it drops one")
{
    std::optional<Quota<std::string>> quota{std::in_place, 2};
    auto one = quota->take("a");
    auto two = quota->take("a");
    REQUIRE(one);
    REQUIRE(two);
    CHECK_FALSE(quota->take("a"));
    CHECK(quota->take("b"));
    CHECK(quota->taken("b") == 0); // dropped at once
    CHECK(quota->taken("a") == 2);
    const auto copy = one;
    one.reset();
    CHECK_FALSE(quota->take("a"));
    two.reset();
    two = quota->take("a");
    CHECK(two);
    quota.reset(); // places may outlive it
    two.reset();
}
