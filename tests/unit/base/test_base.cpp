// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "base/bdf.h"
#include "base/bytes.h"
#include "base/cpu_set.h"
#include "base/error.h"
#include "base/undo.h"

using namespace parker;

TEST_CASE("CPU lists are read and written in the kernel's format")
{
    struct Row {
        const char* text;
        const char* expected; // nullptr: refused
    };
    const auto row = GENERATE(values<Row>({
        {"", ""},
        {"0", "0"},
        {"0-3,8", "0-3,8"},
        {"8,0-3", "0-3,8"},
        {"1,2,3", "1-3"},
        {"63-64", "63-64"},
        {"5-5", "5"},
        {"1-", nullptr},
        {"-1", nullptr},
        {"3-1", nullptr},
        {"1,", nullptr},
        {",1", nullptr},
        {"1 ", nullptr},
        {"a", nullptr},
        {"8191", "8191"},
        {"8192", nullptr},
        {"0-99999999999", nullptr},
    }));
    CAPTURE(row.text);
    const auto set = CpuSet::parse(row.text);
    REQUIRE(set.has_value() == (row.expected != nullptr));
    if (set)
        CHECK(set->to_string() == row.expected);
}

TEST_CASE("CPU sets do set arithmetic and compare by content")
{
    const CpuSet a{0, 1, 200};
    const CpuSet b{1, 2};
    CHECK((a | b) == CpuSet{0, 1, 2, 200});
    CHECK((b | a) == (a | b));
    CHECK((a & b) == CpuSet{1});
    CHECK((a - b) == CpuSet{0, 200});
    CHECK((a - CpuSet{200}) == CpuSet{0, 1});
    CHECK(a.size() == 3);
    CHECK(a.first() == 0U);
    CHECK(CpuSet{}.first() == std::nullopt);
    auto c = a;
    c.remove(200);
    CHECK(c == CpuSet{0, 1});
    CHECK_THROWS_AS(c.add(CpuSet::max_cpus), Error);
}

TEST_CASE("sizes need a unit and must be whole bytes")
{
    struct Row {
        const char* text;
        std::optional<std::uint64_t> bytes;
    };
    const auto row = GENERATE(values<Row>({
        {"512MiB", 512 * MiB},
        {"1.5GiB", 1536 * MiB},
        {"4 KiB", 4 * KiB},
        {"1TiB", 1024 * GiB},
        {"512", std::nullopt},
        {"512MB", std::nullopt},
        {"-1GiB", std::nullopt},
        {"1.GiB", std::nullopt},
        {".5GiB", std::nullopt},
        {"GiB", std::nullopt},
        {"0.3KiB", std::nullopt},
        {"99999999999TiB", std::nullopt},
        {"4097TiB", std::nullopt},
        {"1e3MiB", std::nullopt},
        {"0.0000001GiB", std::nullopt},
    }));
    CAPTURE(row.text);
    CHECK(parse_bytes(row.text) == row.bytes);
}

TEST_CASE("sizes are written with the largest unit")
{
    CHECK(format_bytes(0) == "0B");
    CHECK(format_bytes(36 * KiB) == "36KiB");
    CHECK(format_bytes(1536 * MiB) == "1.5GiB");
    CHECK(format_bytes(GiB - 1) == "1024MiB");
    CHECK(format_bytes(GiB + 50 * MiB) == "1.05GiB");
}

TEST_CASE("PCI addresses")
{
    CHECK(Bdf::parse("0000:81:00.0")->to_string() == "0000:81:00.0");
    CHECK(Bdf::parse("81:1f.7")->to_string() == "0000:81:1f.7");
    CHECK(Bdf::parse("ABCD:ef:00.1")->to_string() == "abcd:ef:00.1");
    CHECK(Bdf::parse("10000:01:00.0")->to_string() == "10000:01:00.0"); // behind VMD
    CHECK(Bdf::parse("10000:01:00.0")->domain == 0x10000);
    CHECK(Bdf::parse("FFFFFFFF:01:00.0")->to_string() == "ffffffff:01:00.0");
    CHECK(Bdf::parse("10000:01:00.0")->has_domain_of_software());
    CHECK_FALSE(Bdf::parse("ffff:01:00.0")->has_domain_of_software());
    CHECK(*Bdf::parse("ffff:ff:1f.7") < *Bdf::parse("10000:00:00.0"));
    for (const auto* text : {"", "81:00", "81:20.0", "81:00.8", "0:81:00.0", "0000:81:00.0 ", "0000:81:0g.0", "+1:00.0",
                             "100000000:01:00.0", "1000g:01:00.0", "10000::01:00.0", ":01:00.0"})
        CHECK_FALSE(Bdf::parse(text));
}

TEST_CASE("a memory range knows what lies in it, without overflow")
{
    const MemoryRange range{0x1000, 0x3000};
    CHECK(range.contains(0x1000, 0x2000));
    CHECK_FALSE(range.contains(0x1000, 0x2001));
    CHECK_FALSE(range.contains(0xfff, 1));
    CHECK_FALSE(range.contains(0x2000, ~std::uint64_t{0}));
}

TEST_CASE("what is not kept is undone, last first")
{
    std::string order;
    {
        Undo undo;
        undo.add([&order] { order += 'a'; });
        undo.add([&order] { order += 'b'; });
    }
    CHECK(order == "ba");
    {
        Undo undo;
        undo.add([&order] { order += 'c'; });
        undo.keep();
    }
    CHECK(order == "ba");
}

TEST_CASE("every code is found by its name")
{
    const auto* row = find_code("unknown-key");
    REQUIRE(row != nullptr);
    CHECK(row->code == Code::unknown_key);
    CHECK(row->exit_code == 5);
    CHECK(find_code("nonsense") == nullptr);
}
