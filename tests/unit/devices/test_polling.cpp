// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "devices/polling.h"

using namespace parker::devices;
using namespace std::chrono_literals;

TEST_CASE("After work it looks again at once, then often, then seldom, and no less than that")
{
    Polling polling;
    Polling::Time now{1h};
    CHECK(polling.next(true, now) == 0us);
    CHECK(polling.next(false, now + 49us) == 0us);
    CHECK(polling.next(false, now + 50us) == 50us);
    CHECK(polling.next(false, now + 999us) == 50us);
    CHECK(polling.next(false, now + 1ms) == 100us);
    CHECK(polling.next(false, now + 1100us) == 200us);
    CHECK(polling.next(false, now + 1300us) == 400us);
    CHECK(polling.next(false, now + 1700us) == 800us);
    CHECK(polling.next(false, now + 2500us) == 1ms);
    CHECK(polling.next(false, now + 1h) == 1ms);
    CHECK(polling.next(true, now + 2h) == 0us);
    CHECK(polling.next(false, now + 2h + 60us) == 50us);
}
