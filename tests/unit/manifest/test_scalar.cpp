// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "manifest/scalar.h"
#include "manifest/tree.h"

using namespace parker;
using namespace std::chrono_literals;
using Kind = Node::Kind;

TEST_CASE("plain scalars are what YAML 1.2's core schema says")
{
    struct Row {
        const char* text;
        Kind kind;
        std::optional<std::int64_t> integer;
    };
    const auto row = GENERATE(values<Row>({
        {"", Kind::null, {}},
        {"~", Kind::null, {}},
        {"null", Kind::null, {}},
        {"nULL", Kind::string, {}},
        {"true", Kind::boolean, {}},
        {"False", Kind::boolean, {}},
        {"yes", Kind::string, {}},
        {"off", Kind::string, {}},
        {"0", Kind::integer, 0},
        {"-12", Kind::integer, -12},
        {"+12", Kind::integer, 12},
        {"+-12", Kind::string, {}},
        {"010", Kind::integer, 10},
        {"0x1F", Kind::integer, 31},
        {"0o17", Kind::integer, 15},
        {"0x", Kind::string, {}},
        {"0x-1", Kind::string, {}},
        {"0o8", Kind::string, {}},
        {"9223372036854775807", Kind::integer, INT64_MAX},
        {"9223372036854775808", Kind::integer, {}},
        {"99999999999999999999999999", Kind::integer, {}},
        {"1.5", Kind::real, {}},
        {".5", Kind::real, {}},
        {"1.", Kind::real, {}},
        {"1e5", Kind::real, {}},
        {"1e", Kind::string, {}},
        {".", Kind::string, {}},
        {"-.inf", Kind::real, {}},
        {".nan", Kind::real, {}},
        {"1_000", Kind::string, {}},
        {"0000:01:00.0", Kind::string, {}},
        {"4-7", Kind::string, {}},
        {"144d", Kind::string, {}},
        {"-", Kind::string, {}},
    }));
    CAPTURE(row.text);
    Node node;
    node.text = row.text;
    resolve_scalar(node);
    CHECK(node.kind == row.kind);
    CHECK(node.integer == row.integer);
}

TEST_CASE("durations")
{
    struct Row {
        const char* text;
        std::optional<std::chrono::milliseconds> expected;
    };
    const auto row = GENERATE(values<Row>({
        {"60s", 60s},
        {"500ms", 500ms},
        {"2min", 2min},
        {"1h", 1h},
        {"24h", 24h},
        {"5 min", 5min},
        {"0s", 0s},
        {"25h", std::nullopt},
        {"86400001ms", std::nullopt},
        {"99999999999999999999s", std::nullopt},
        {"60", std::nullopt},
        {"s", std::nullopt},
        {"-1s", std::nullopt},
        {"1.5s", std::nullopt},
        {"1m", std::nullopt},
        {"1  s", std::nullopt},
        {"1s ", std::nullopt},
        {"", std::nullopt},
    }));
    CAPTURE(row.text);
    CHECK(parse_duration(row.text) == row.expected);
}
