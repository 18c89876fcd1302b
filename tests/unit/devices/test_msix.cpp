// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>
#include <catch2/catch.hpp>

#include "base/little_endian.h"
#include "devices/function.h"
#include "devices/msix.h"

using namespace parker;
using namespace parker::devices;

namespace {

struct Table {
    alignas(16) std::array<std::byte, 256> config{};
    alignas(16) std::array<std::byte, 2048> entries{};
    std::uint64_t pending = 0;
    Msix msix{config.data(), entries, 3, pending};

    Table()
    {
        reset_msix(entries, 3);
        control(0x8000);
        entry(1, 0xfee03000, 0x41, 0);
    }
    void control(std::uint16_t bits) { put<std::uint16_t>(config, 0x42, bits); }
    void entry(std::size_t vector, std::uint64_t address, std::uint32_t data, std::uint32_t mask)
    {
        put(std::span{entries}, vector * 16, address);
        put(std::span{entries}, vector * 16 + 8, data);
        put(std::span{entries}, vector * 16 + 12, mask);
    }
    std::vector<Message> flush()
    {
        std::vector<Message> messages;
        msix.flush(messages);
        return messages;
    }
};

} // namespace

TEST_CASE("An interrupt goes where its entry says, once")
{
    Table table;
    table.msix.raise(1);
    table.msix.raise(1);
    CHECK(table.flush() == std::vector<Message>{{0xfee03000, 0x41}});
    CHECK(table.flush().empty());
    CHECK(table.pending == 0);
}

TEST_CASE("An interrupt that may not be sent waits until it may")
{
    Table table;
    SECTION("the function's MSI-X is off")
    {
        table.control(0);
    }
    SECTION("the function is masked")
    {
        table.control(0xc000);
    }
    SECTION("the vector is masked")
    {
        table.entry(1, 0xfee03000, 0x41, 1);
    }
    table.msix.raise(1);
    CHECK(table.flush().empty());
    CHECK(table.flush().empty());
    table.control(0x8000);
    table.entry(1, 0xfee02000, 0x51, 0); // and goes to where it is sent by then
    CHECK(table.flush() == std::vector<Message>{{0xfee02000, 0x51}});
}

TEST_CASE("What is no ordinary interrupt is not sent")
{
    struct Row {
        const char* name;
        std::uint64_t address;
        std::uint32_t data;
        bool sent;
    };
    const auto row = GENERATE(
        Row{"fixed", 0xfee01000, 0x20, true}, Row{"lowest priority", 0xfee01000, 0x120, true},
        Row{"a redirection hint", 0xfee01008, 0x20, true}, Row{"level asserted", 0xfee01000, 0x4020, true},
        Row{"SMI", 0xfee01000, 0x230, false}, Row{"NMI", 0xfee01000, 0x430, false},
        Row{"INIT", 0xfee01000, 0x530, false}, Row{"ExtINT", 0xfee01000, 0x730, false},
        Row{"a reserved mode", 0xfee01000, 0x630, false}, Row{"an exception's vector", 0xfee01000, 0x1f, false},
        Row{"logical destination", 0xfee01004, 0x30, false}, Row{"remappable format", 0xfee01010, 0x30, false},
        Row{"an extended destination", 0xfee01020, 0x30, false}, Row{"plain memory", 0x140000000, 0x30, false},
        Row{"above 4 GiB", 0x1fee01000, 0x30, false}, Row{"level triggered", 0xfee01000, 0x8030, false},
        Row{"reserved data", 0xfee01000, 0x10030, false}, Row{"zeros", 0, 0, false});
    INFO(row.name);
    Table table;
    table.entry(2, row.address, row.data, 0);
    table.msix.raise(2);
    CHECK(table.flush().size() == (row.sent ? 1U : 0U));
    CHECK(table.pending == 0);
}

TEST_CASE("A vector that the function has not is nobody's")
{
    Table table;
    table.msix.raise(3);
    table.msix.raise(64);
    table.msix.raise(~0U);
    CHECK(table.pending == 0);
    table.msix.raise_all();
    CHECK(table.pending == 7);
}
