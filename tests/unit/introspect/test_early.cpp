// SPDX-License-Identifier: LGPL-2.1-or-later
// A kernel that has no note yet: its tables, its image and its log are found without.
#include <elf.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "image.h"
#include "introspect/early.h"
#include "introspect/elf_core.h"
#include "introspect/kernel.h"
#include "introspect/panic.h"

using namespace parker;
using namespace parker::introspect;

namespace {

constexpr std::uint64_t top_table = Image::physical_of(Image::top_table_at);

// Of all tables, as whoever looks for a kernel tries them.
std::vector<Kernel> kernels(const PhysicalMemory& memory, std::size_t pages = 1000000)
{
    std::vector<Kernel> found;
    TableSearch search{memory};
    do {
        const auto table = search.next(pages);
        CHECK(search.looked() <= pages);
        if (auto kernel = table ? Kernel::open_early(memory, *table) : std::nullopt)
            found.push_back(std::move(*kernel));
    } while (!search.done());
    return found;
}

} // namespace

TEST_CASE("A kernel without a note is found by its page tables, with its log")
{
    const bool five_levels = GENERATE(false, true);
    const auto text_ring_at = GENERATE(as<std::uint64_t>{}, 40, 48);
    const auto pages = GENERATE(as<std::size_t>{}, 1, 1000000);
    Image image{{.five_levels = five_levels, .early = true, .text_ring_at = text_ring_at}};
    image.log(image.banner(), {.level = 5});
    image.log("Kernel panic - not syncing: alloc_low_pages: can not alloc memory", {.level = 0});
    const auto memory = image.memory();
    const auto found = kernels(memory, pages);
    REQUIRE(found.size() == 1);
    const auto& kernel = found.front();
    CHECK_FALSE(kernel.has_note());
    CHECK(kernel.release() == "6.1.0-test");
    CHECK(kernel.build_id().empty());
    CHECK(cause_of_death(kernel.ring()) == "Kernel panic - not syncing: alloc_low_pages: can not alloc memory");
    LogRecord record;
    REQUIRE(kernel.ring().read(0, record, false) == PrintkRing::Outcome::record);
    CHECK(record.level == 5);
    CHECK(kernel.image().address == image.virtual_of(0));
    CHECK(kernel.image().physical == Image::physical_of(0));
}

TEST_CASE("A dump of such a kernel has its virtual addresses, and no note")
{
    Image image{{.early = true}};
    image.log(image.banner());
    const auto memory = image.memory();
    const auto kernel = Kernel::open_early(memory, top_table);
    REQUIRE(kernel);
    const auto segments = [](const ElfCore& core) {
        Elf64_Ehdr header;
        REQUIRE(core.head.size() > sizeof header);
        std::memcpy(&header, core.head.data(), sizeof header);
        return header.e_phnum;
    };
    const auto core = elf_core(memory, &*kernel);
    const auto without = elf_core(memory, nullptr);
    CHECK(segments(core) == segments(without) + 1); // the image
    CHECK(core.head.size() == without.head.size()); // a note would come after the headers
}

TEST_CASE("Of several rings in the image, the longest is the log")
{
    Image image{{.early = true}};
    image.log(image.banner());
    image.log("two");
    image.log("three");
    const auto ring = Image::physical_of(Image::ring_at);
    const auto at = GENERATE(0x200, -0x200); // after or before it: the same ring, as it was with two lines
    for (std::uint64_t i = 0; i < 96; i += 8)
        image.poke(ring + static_cast<std::uint64_t>(at) + i, image.peek(ring + i) - (i == 24 ? 1 : 0));
    const auto memory = image.memory();
    const auto kernel = Kernel::open_early(memory, top_table);
    REQUIRE(kernel);
    CHECK(kernel->ring().last() == 2);
}

TEST_CASE("What is no kernel in the middle of its start is not taken for one")
{
    Image image{{.early = true}};
    SECTION("no log") {}
    SECTION("a log that does not begin with the kernel's name")
    {
        image.log("Linux");
    }
    SECTION("one without an end of the name")
    {
        image.log("Linux version 6.1.0-test");
    }
    SECTION("one whose beginning is overwritten")
    {
        image.log(image.banner());
        for (int i = 0; i < 40; ++i)
            image.log("later");
    }
    SECTION("an image that was blotted out")
    {
        image.log(image.banner());
        image.poke(Image::physical_of(0), 0);
    }
    SECTION("a table that is not in the image: another one than the kernel's own")
    {
        image.log(image.banner());
        for (std::uint64_t i = 0; i < page_bytes; i += 8) {
            image.poke(Image::range_start[0] + i, image.peek(top_table + i));
            image.poke(top_table + i, 0);
        }
    }
    SECTION("a table with a large page at the top")
    {
        image.log(image.banner());
        image.poke(top_table + page_bytes - 8, image.peek(top_table + page_bytes - 8) | 0x80);
    }
    CHECK(kernels(image.memory()).empty());
}
