// SPDX-License-Identifier: LGPL-2.1-or-later
#include "maze.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/bytes.h"

namespace parker::introspect {
namespace {

constexpr std::uint64_t table_entry = 3, large_entry = 0x80 | table_entry;
constexpr std::size_t table_entries = 512;

class Pages {
public:
    Pages(std::span<std::byte> bytes, std::uint64_t start) : bytes_{bytes}, start_{start} {}

    std::size_t count() const { return bytes_.size() / page_bytes; }
    std::uint64_t address(std::size_t page) const { return start_ + page * page_bytes; }
    void poke(std::size_t page, std::size_t entry, std::uint64_t value)
    {
        std::memcpy(bytes_.data() + page * page_bytes + entry * sizeof value, &value, sizeof value);
    }
    template <typename Value>
    void fill(std::size_t page, const Value& value)
    {
        for (std::size_t entry = 0; entry < table_entries; ++entry)
            poke(page, entry, value(entry));
    }

private:
    std::span<std::byte> bytes_;
    std::uint64_t start_;
};

// As a struct prb_desc_ring begins, over and over: two pointers of the kernel's, then an ID as early ones are.
std::uint64_t log_word(std::size_t entry)
{
    return entry % 3 == 2 ? 0xff00'0000 | entry : 0xffff'ffff'8000'0000 + entry * 8;
}

void lay_tables(Pages pages, bool small)
{
    for (std::size_t page = 0; page < pages.count(); ++page) {
        pages.fill(page, log_word);
        pages.poke(page, table_entries - 1, pages.address(1) | table_entry);
    }
    // Page 1 is a table of the third level and, by its last entry, of the fourth and fifth, too; page 2 of the second.
    pages.fill(1, [&](std::size_t entry) { return pages.address(entry == table_entries - 1 ? 1 : 2) | table_entry; });
    const auto pieces = pages.count() * page_bytes / (2 * MiB);
    pages.fill(2, [&](std::size_t entry) {
        return small ? pages.address(3) | table_entry : pages.address(entry % pieces * table_entries) | large_entry;
    });
    pages.fill(3, [&](std::size_t entry) { return pages.address(entry % 2 == 0 ? 0 : 4) | table_entry; });
}

void lay_self_maps(Pages pages)
{
    for (std::size_t page = 0; page < pages.count(); ++page)
        pages.fill(page, [&](std::size_t entry) { return pages.address(entry % 2 == 0 ? 0 : page) | table_entry; });
}

void lay_notes(Pages pages, std::span<std::byte> bytes)
{
    std::string note{"\x0b\0\0\0\xe8\x0f\0\0\0\0\0\0VMCOREINFO\0\0", 24}; // 4072 bytes of text: the page
    note += "OSRELEASE=6.1.0-maze\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=ffffffff80001000\nNUMBER(phys_base)=0\n";
    for (unsigned line = 0; note.size() < page_bytes; ++line)
        note += "SYMBOL(s" + std::to_string(line) + ")=ffffffff80000000\n";
    note.resize(page_bytes);
    note.replace(page_bytes - 4, 4, "=\n\n\n"); // whatever line was cut, it has a '='
    for (std::size_t page = 0; page < pages.count(); ++page)
        std::memcpy(bytes.data() + page * page_bytes, note.data(), note.size());
}

} // namespace

void lay_out(Maze maze, std::span<std::byte> bytes, std::uint64_t start)
{
    const Pages pages{bytes, start};
    switch (maze) {
    case Maze::self_maps:
        return lay_self_maps(pages);
    case Maze::dense:
        return lay_tables(pages, false);
    case Maze::small_pages:
        return lay_tables(pages, true);
    case Maze::notes:
        return lay_notes(pages, bytes);
    }
}

} // namespace parker::introspect
