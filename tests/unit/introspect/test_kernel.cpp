// SPDX-License-Identifier: LGPL-2.1-or-later
// Finding the kernel in a partition's memory: the search for its note, and what speaks against one.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/bytes.h"
#include "image.h"
#include "introspect/kernel.h"
#include "introspect/note.h"

using namespace parker;
using namespace parker::introspect;

namespace {

constexpr std::size_t all_pages = (Image::range_bytes[0] + Image::range_bytes[1]) / page_bytes + 2;

std::string with(std::string note, const std::string& key, const std::string& value)
{
    const auto at = note.find(key + '=');
    REQUIRE(at != std::string::npos);
    const auto begin = at + key.size() + 1;
    note.replace(begin, note.find('\n', begin) - begin, value);
    return note;
}

} // namespace

TEST_CASE("The note is found in steps of any size")
{
    const auto pages = GENERATE(as<std::size_t>{}, 1, 7, 1000000);
    const Image image;
    const auto memory = image.memory();
    NoteSearch search{memory};
    std::optional<std::string> found;
    std::size_t steps = 0;
    while (!found && !search.done() && steps++ < 2 * all_pages)
        found = search.next(pages);
    REQUIRE(found == image.note());
    CHECK_FALSE(search.next(2 * all_pages)); // there is only one
    CHECK(search.done());
    CHECK(search.next(2 * all_pages) == image.note()); // and it begins again
}

TEST_CASE("Several notes are found one after the other, those that are cut off or too long are none")
{
    Image image;
    image.put_note(0x1'0001'0000, "first");
    image.put_note(0x1'0001'1008, "not at the beginning of a page");
    image.put_note(0x1'0001'2000, std::string(Vmcoreinfo::most_bytes + 1, 'x'));
    image.put_note(0x101'001f'f000, "last page");
    image.poke(0x101'001f'f004, page_bytes << 32 >> 32); // its size: beyond the end of memory
    const auto memory = image.memory();
    NoteSearch search{memory};
    CHECK(search.next(all_pages) == "first");
    CHECK(search.next(all_pages) == image.note());
    CHECK_FALSE(search.next(all_pages));
}

TEST_CASE("A kernel is recognised by what its note and its memory say alike")
{
    const bool five = GENERATE(false, true);
    Image image{{.five_levels = five}};
    const auto memory = image.memory();
    const auto kernel = Kernel::open(memory, image.note());
    REQUIRE(kernel);
    CHECK(kernel->release() == "6.1.0-test");
    CHECK(kernel->build_id() == "00112233445566778899aabbccddeeff00112233");
}

TEST_CASE("A note that memory does not bear out is refused")
{
    Image image;
    const auto memory = image.memory();
    const auto note = image.note();
    CHECK_FALSE(Kernel::open(memory, "garbage"));
    CHECK_FALSE(Kernel::open(memory, with(note, "OSRELEASE", "6.1.0-other"))); // of another run
    CHECK_FALSE(Kernel::open(memory, with(note, "NUMBER(phys_base)", "0")));
    CHECK_FALSE(Kernel::open(memory, with(note, "NUMBER(phys_base)", "1")));
    CHECK_FALSE(Kernel::open(memory, with(note, "NUMBER(pgtable_l5_enabled)", "1")));
    CHECK_FALSE(Kernel::open(memory, with(note, "SYMBOL(swapper_pg_dir)", "1000")));
    CHECK_FALSE(Kernel::open(memory, with(note, "SYMBOL(swapper_pg_dir)", "ffffffffffffffff")));
    CHECK_FALSE(Kernel::open(memory, with(note, "SYMBOL(prb)", "ffffffffc0000000")));
    CHECK_FALSE(Kernel::open(memory, with(note, "SYMBOL(init_uts_ns)", "0")));
    CHECK_FALSE(Kernel::open(memory, with(note, "SIZE(printk_info)", "20")));
    CHECK_FALSE(Kernel::open(memory, with(note, "SIZE(printk_info)", "100000")));
    CHECK_FALSE(Kernel::open(memory, with(note, "OFFSET(printk_info.caller_id)", "24")));
    CHECK_FALSE(Kernel::open(memory, with(note, "OFFSET(prb_desc.state_var)", "17")));
    CHECK_FALSE(Kernel::open(memory, with(note, "OFFSET(prb_desc_ring.descs)", "4294967295")));
    CHECK_FALSE(Kernel::open(memory, with(note, "OFFSET(prb_data_ring.size_bits)", "x")));
    CHECK(Kernel::open(memory, note));
}

TEST_CASE("A ring of impossible size is no kernel's")
{
    Image image;
    const auto memory = image.memory();
    const auto field = GENERATE(0, 48); // count_bits, size_bits
    const auto bits = GENERATE(0, 32, 0xffffffff);
    image.poke(Image::physical_of(Image::ring_at) + static_cast<std::uint64_t>(field),
               static_cast<std::uint64_t>(bits));
    CHECK_FALSE(Kernel::open(memory, image.note()));
}
