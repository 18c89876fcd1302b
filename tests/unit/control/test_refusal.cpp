// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <parker.h>

#include <cerrno>
#include <initializer_list>
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

TEST_CASE("each refusal of the module has the code that says what to do about it")
{
    struct Row {
        int error;
        std::uint32_t why;
        const char* object;
        Code code;
    };
    const char* const cpu = "CPU 3";
    const char* const node = "node 1";
    const char* const function = "0000:01:00.0";
    const char* const partition = "partition db";
    for (const auto& row : std::initializer_list<Row>{
             {ENXIO, PARKER_WHY_NO_SUCH, cpu, Code::no_such_cpu},
             {ENXIO, PARKER_WHY_NO_SUCH, node, Code::no_such_node},
             {ENXIO, PARKER_WHY_NO_SUCH, function, Code::no_such_device},
             {EPERM, PARKER_WHY_BSP, cpu, Code::boot_cpu},
             {EBUSY, PARKER_WHY_LAST, cpu, Code::not_enough_cpus},
             {EBUSY, PARKER_WHY_OFFLINE, cpu, Code::cpu_busy},
             {EBUSY, PARKER_WHY_HELD, cpu, Code::cpu_busy},
             {EBUSY, PARKER_WHY_HELD, function, Code::device_busy},
             {EINVAL, PARKER_WHY_NOT_HELD, cpu, Code::invalid_argument},
             {EINVAL, PARKER_WHY_NOT_HELD, partition, Code::invalid_argument},
             {EBUSY, PARKER_WHY_REFUSED, cpu, Code::cpu_busy},
             {EBUSY, PARKER_WHY_REFUSED, function, Code::device_busy},
             {EPERM, PARKER_WHY_ROOT_BUS, function, Code::root_bus},
             {EPERM, PARKER_WHY_BRIDGE, function, Code::bridge},
             {EPERM, PARKER_WHY_SHARED_BUS, function, Code::shared_bus},
             {EBUSY, PARKER_WHY_NOT_BOUND, function, Code::device_busy},
             {ENODEV, PARKER_WHY_IOMMU, function, Code::dma_unconfined},
             {ENOSPC, PARKER_WHY_NO_SLICE, partition, Code::no_low_slice},
             {EBUSY, PARKER_WHY_RUNNING, partition, Code::wrong_state},
             {EPERM, PARKER_WHY_LOCKDOWN, partition, Code::locked_down},
             {EFAULT, PARKER_WHY_OUTSIDE, partition, Code::failed},
             {EBUSY, PARKER_WHY_BUSY, partition, Code::busy},
             {ETIMEDOUT, PARKER_WHY_NO_ANSWER, partition, Code::start_failed},
             {EPERM, PARKER_WHY_NONE, partition, Code::not_permitted},
             {EACCES, PARKER_WHY_NONE, partition, Code::not_permitted},
             {ENOENT, PARKER_WHY_NONE, partition, Code::no_such_partition},
             {EEXIST, PARKER_WHY_NONE, partition, Code::wrong_state},
             {ENOSPC, PARKER_WHY_NONE, partition, Code::memory_busy},
             {ENOMEM, PARKER_WHY_NONE, partition, Code::memory_busy},
             {EBUSY, PARKER_WHY_NONE, partition, Code::wrong_state},
             {ENXIO, PARKER_WHY_NONE, node, Code::no_such_node},
             {ENXIO, PARKER_WHY_NONE, cpu, Code::no_such_cpu},
             {ENXIO, PARKER_WHY_NONE, function, Code::no_such_device},
             {ENODEV, PARKER_WHY_NONE, function, Code::dma_unconfined},
             {ETIMEDOUT, PARKER_WHY_NONE, partition, Code::start_failed},
             {ENOTTY, PARKER_WHY_NONE, partition, Code::module_missing},
             {E2BIG, PARKER_WHY_NONE, partition, Code::module_missing},
         }) {
        CAPTURE(row.error, row.why, row.object);
        const auto error = refusal(row.error, row.why, row.object, "doing it");
        CHECK(error.code() == row.code);
        CHECK(error.object() == row.object);
        CHECK(error.reason().starts_with("doing it: "));
    }
}

TEST_CASE("a refusal that nobody foresaw keeps the kernel's own word")
{
    const auto error = refusal(EDOM, PARKER_WHY_NONE, "CPU 3", "taking it");
    CHECK(error.code() == Code::kernel_refused);
    CHECK(error.what() == std::string{"CPU 3: taking it: "} + errno_text(EDOM));
    CHECK(refusal(EBUSY, 4711, "CPU 3", "taking it").code() == Code::kernel_refused); // of a newer module
}
