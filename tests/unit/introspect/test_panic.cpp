// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>
#include <initializer_list>

#include "introspect/panic.h"

using namespace parker::introspect;

namespace {

std::string line(std::initializer_list<const char*> texts)
{
    PanicWatch watch;
    for (const char* text : texts) {
        LogRecord record;
        record.text = text;
        watch.see(record);
    }
    return watch.line();
}

} // namespace

TEST_CASE("The line that says why a kernel died")
{
    CHECK(line({}).empty());
    CHECK(line({"Linux version 6.1", "random: crng init done"}).empty());
    CHECK(line({"Kernel panic - not syncing: sysrq triggered crash", "CPU: 0"}) ==
          "Kernel panic - not syncing: sysrq triggered crash");
    CHECK(line({"Kernel panic - not syncing: first", "Kernel panic - not syncing: second"}) ==
          "Kernel panic - not syncing: first");
    CHECK(line({"BUG: kernel NULL pointer dereference, address: 0000000000000000", "#PF: supervisor write access",
                "Oops: 0002 [#1] PREEMPT SMP NOPTI"}) ==
          "BUG: kernel NULL pointer dereference, address: 0000000000000000");
    CHECK(line({"kernel BUG at mm/slub.c:1!", "Kernel panic - not syncing: Fatal exception in interrupt"}) ==
          "kernel BUG at mm/slub.c:1!; Kernel panic - not syncing: Fatal exception in interrupt");
    CHECK(line({"BUG: something that was survived", "Kernel panic - not syncing: Attempted to kill init!"}) ==
          "Kernel panic - not syncing: Attempted to kill init!");
    CHECK(line({"watchdog: BUG: soft lockup - CPU#1 stuck for 26s!"}) ==
          "watchdog: BUG: soft lockup - CPU#1 stuck for 26s!");
}

TEST_CASE("The line is one, printable and not long")
{
    CHECK(line({"Kernel panic - not syncing: a\x1b[31m\xff\nb"}) == "Kernel panic - not syncing: a?[31m?");
    CHECK(line({("Kernel panic - not syncing: " + std::string(1000, 'x')).c_str()}).size() == PanicWatch::most_bytes);
}
