// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "introspect/vmcoreinfo.h"

using namespace parker::introspect;

namespace {

const std::string least = "OSRELEASE=6.1.0-56-amd64\nPAGESIZE=4096\n";

} // namespace

TEST_CASE("A note's lines are found by kind and name")
{
    const auto info = Vmcoreinfo::parse(least + "BUILD-ID=0123abcd\nSYMBOL(prb)=ffffffff9a5c2b40\nSIZE(prb_desc)=24\n"
                                                "OFFSET(printk_info.seq)=0\nLENGTH(a.b)=16\nNUMBER(phys_base)=-1234\n"
                                                "KERNELOFFSET=1a000000\n");
    REQUIRE(info);
    CHECK(info->release() == "6.1.0-56-amd64");
    CHECK(info->build_id() == "0123abcd");
    CHECK(info->symbol("prb") == 0xffffffff9a5c2b40);
    CHECK(info->size("prb_desc") == 24);
    CHECK(info->offset("printk_info.seq") == 0);
    CHECK(info->length("a.b") == 16);
    CHECK(info->number("phys_base") == -1234);
    CHECK(info->hexadecimal("KERNELOFFSET") == 0x1a000000);
    CHECK_FALSE(info->symbol("log_buf"));
    CHECK_FALSE(info->size("prb"));
}

TEST_CASE("A number that is none is not there")
{
    const char* line = GENERATE("SYMBOL(x)=", "SYMBOL(x)=0x12", "SYMBOL(x)=12g", "SYMBOL(x)=-1", "SYMBOL(x)= 1",
                                "SYMBOL(x)=11112222333344445");
    CAPTURE(line);
    const auto info = Vmcoreinfo::parse(least + line + "\nOFFSET(x)=4294967296\nNUMBER(x)=1.5\nBUILD-ID=xyz\n");
    REQUIRE(info);
    CHECK_FALSE(info->symbol("x"));
    CHECK_FALSE(info->offset("x"));
    CHECK_FALSE(info->number("x"));
    CHECK(info->build_id().empty());
}

TEST_CASE("Of two lines with one key the first counts")
{
    CHECK(Vmcoreinfo::parse(least + "SIZE(a)=1\nSIZE(a)=2\n")->size("a") == 1);
}

TEST_CASE("What is no note is refused")
{
    using namespace std::string_literals;
    CHECK_FALSE(Vmcoreinfo::parse(""));
    CHECK_FALSE(Vmcoreinfo::parse("PAGESIZE=4096\n"));
    CHECK_FALSE(Vmcoreinfo::parse("OSRELEASE=6.1\n"));
    CHECK_FALSE(Vmcoreinfo::parse("OSRELEASE=6.1\nPAGESIZE=65536\n"));
    CHECK_FALSE(Vmcoreinfo::parse(least + "hello\n"));
    CHECK_FALSE(Vmcoreinfo::parse(least + "A=\x01\n"));
    CHECK_FALSE(Vmcoreinfo::parse(least + "A=\0\n"s));
    CHECK_FALSE(Vmcoreinfo::parse(least + "A=" + std::string(Vmcoreinfo::most_bytes, 'x')));
}
