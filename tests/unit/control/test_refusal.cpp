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

TEST_CASE("what the module says of functions that could write elsewhere")
{
    const auto memory = refusal(EBUSY, PARKER_WHY_USED, "0x140000000-0x150000000 of node 0", "giving it back");
    CHECK(memory.code() == Code::not_returned);
    CHECK(memory.what() ==
          std::string{"0x140000000-0x150000000 of node 0: giving it back: a device that its last kernel "
                      "used was not reset, and could still write there"});

    const auto part = refusal(EPERM, PARKER_WHY_VIRTUAL, "0000:01:00.1", "taking it");
    CHECK(part.what() == std::string{"0000:01:00.1: taking it: is a virtual function (SR-IOV)"});
    CHECK_FALSE(part.suggestion().empty());

    const auto whole = refusal(EBUSY, PARKER_WHY_HAS_VIRTUAL, "0000:01:00.0", "taking it");
    CHECK(whole.what() == std::string{"0000:01:00.0: taking it: has virtual functions (SR-IOV)"});
    CHECK(whole.suggestion() == "write 0 to its `sriov_numvfs` in /sys/bus/pci/devices first");

    // Where DMA may be confined or not, the next attempt is without; where it must be, this is the reason.
    const auto ats = refusal(EPERM, PARKER_WHY_ATS, "0000:01:00.0", "taking it");
    CHECK(ats.code() == Code::dma_unconfined);
}
