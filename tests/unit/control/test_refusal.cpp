// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <parker.h>

#include <cerrno>
#include <string>

#include "control/refusal.h"

using namespace parker;

TEST_CASE("one reason is told as it concerns a function, or a partition's start")
{
    const auto function = refusal(EIO, PARKER_WHY_RESET, "0000:01:00.0", "giving it back");
    CHECK(function.code() == Code::device_busy);
    CHECK(function.what() == std::string{"0000:01:00.0: giving it back: could not be reset"});

    const auto start = refusal(EIO, PARKER_WHY_RESET, "partition db", "starting it on CPU 2");
    CHECK(start.code() == Code::start_failed);
    CHECK(start.what() ==
          std::string{"partition db: starting it on CPU 2: a device could not be reset after the last kernel"});
    CHECK_FALSE(start.suggestion().empty());
}
