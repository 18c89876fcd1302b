// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "machines.h"
#include "plan/preview.h"

using namespace parker;
using namespace parker::test;

namespace {

Holding held(const char* name, const char* cpus, std::uint64_t bytes, std::vector<Bdf> devices = {},
             bool running = true)
{
    return {name, CpuSet::parse(cpus).value(), {{4 * GiB, 4 * GiB + bytes, 0}}, std::move(devices), running};
}

// CPUs that are held are offline.
Machine machine_with(const std::vector<Holding>& holdings)
{
    auto machine = make_machine({1, 8, 2, 16 * GiB, 1});
    add_bus(machine, 1);
    add_bus(machine, 2);
    for (const auto& holding : holdings)
        machine.online -= holding.cpus;
    return machine;
}

Preview preview(const std::vector<Manifest>& manifests, const std::vector<Holding>& holdings)
{
    return make_preview(machine_with(holdings), manifests, holdings);
}

// "db change restart 2-3 -> 4-7".
std::string text(const Preview& preview)
{
    std::string all;
    for (const auto& change : preview.changes)
        all += change.name + ' ' + std::string{to_string(change.action())} +
               (change.needs_restart ? " restart " : " ") + change.held.cpus.to_string() + " -> " +
               change.planned.cpus.to_string() + '\n';
    return all;
}

std::string text(const std::vector<Step>& steps)
{
    std::string all;
    for (const auto& step : steps)
        all += step.partition + ": " + std::string{to_string(step.verb)} + (step.what.empty() ? "" : " ") + step.what +
               '\n';
    return all;
}

} // namespace

TEST_CASE("what is held and still wanted is kept, and what is new is taken")
{
    const auto result =
        preview({manifest("db"), manifest("web").count(4).device("01:00.0")}, {held("db", "2-3", 512 * MiB)});
    CHECK(text(result) == "db keep 2-3 -> 2-3\nweb take  -> 12-15\n");
    CHECK(text(steps(result)) == "web: take-cpus 12-15\nweb: take-memory 512MiB of node 0\n"
                                 "web: take-devices 0000:01:00.0\n");
}

TEST_CASE("a partition that is to have more is stopped, gives back, takes and is started again")
{
    const std::vector<Holding> holdings{held("db", "2-3", 512 * MiB, {bdf("01:00.0")})};
    const auto result = preview({manifest("db").list("2-5").memory(GiB)}, holdings);
    CHECK(text(result) == "db change restart 2-3 -> 2-5\n");
    CHECK(text(steps(result)) == "db: stop\ndb: give-devices 0000:01:00.0\ndb: give-memory 512MiB of node 0\n"
                                 "db: give-cpus 2-3\ndb: take-cpus 2-5\ndb: take-memory 1GiB of node 0\ndb: start\n");
    CHECK(result.findings.empty());
}

TEST_CASE("one that does not run changes without a restart")
{
    const auto result = preview({manifest("db").list("4-5")}, {held("db", "2-3", 512 * MiB, {}, false)});
    CHECK(text(result) == "db change 2-3 -> 4-5\n");
    CHECK(text(steps(result)).starts_with("db: give-memory"));
}

TEST_CASE("what has no manifest any more is given back, and is in the way until then")
{
    const auto result = preview({manifest("db").list("2-3")}, {held("old", "2-3", 512 * MiB)});
    CHECK(text(result) == "old give 2-3 -> \n");
    CHECK(text(steps(result)) == "old: stop\nold: give-memory 512MiB of node 0\nold: give-cpus 2-3\n");
    CHECK(text(result.findings) == "2: cpu-busy | taken already: CPUs 2-3 | partition old | free are 4-15\n");
}

TEST_CASE("one that would not fit after a restart stays as it is, and says why")
{
    const std::vector<Holding> holdings{held("a", "2-3", 512 * MiB), held("b", "4-5", 512 * MiB)};
    const auto result = preview({manifest("a").list("4-7"), manifest("b").count(2)}, holdings);
    CHECK(text(result) == "a keep 2-3 -> 2-3\nb keep 4-5 -> 4-5\n");
    CHECK(steps(result).empty());
    CHECK(text(result.findings) == "2: cpu-busy | taken already: CPUs 4-5 | partition b | free are 2-3,6-15\n");
}

TEST_CASE("two may swap places")
{
    const std::vector<Holding> holdings{held("a", "2-3", 512 * MiB), held("b", "4-5", 512 * MiB)};
    const auto result = preview({manifest("a").list("4-5"), manifest("b").list("2-3")}, holdings);
    CHECK(text(result) == "a change restart 2-3 -> 4-5\nb change restart 4-5 -> 2-3\n");
    CHECK(text(steps(result)).find("b: give-cpus 4-5\na: take-cpus 4-5\n") != std::string::npos);
}

TEST_CASE("only what was asked for is shown")
{
    auto result = preview({manifest("a"), manifest("b"), manifest("c").count(400)}, {});
    const std::vector<std::string> names{"b"};
    keep_only(result, names);
    CHECK(result.changes.size() == 1);
    CHECK(result.findings.empty());
    CHECK(text(steps(result)).find("a: ") == std::string::npos);
}

TEST_CASE("a memory floor is a size")
{
    CHECK(memory_floor("4GiB") == 4 * GiB);
    CHECK(memory_floor("0KiB") == 0);
    for (const auto* wrong : {"", "4", "4GB", "-1GiB"})
        CHECK_THROWS_AS(memory_floor(wrong), Error);
}
