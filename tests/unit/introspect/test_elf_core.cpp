// SPDX-License-Identifier: LGPL-2.1-or-later
#include <elf.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

#include "base/bytes.h"
#include "image.h"
#include "introspect/elf_core.h"

using namespace parker;
using namespace parker::introspect;

namespace {

template <typename T>
T at(const ElfCore& core, std::size_t offset)
{
    T value{};
    REQUIRE(offset + sizeof value <= core.head.size());
    std::memcpy(&value, core.head.data() + offset, sizeof value);
    return value;
}

Elf64_Phdr segment(const ElfCore& core, std::size_t number)
{
    return at<Elf64_Phdr>(core, sizeof(Elf64_Ehdr) + number * sizeof(Elf64_Phdr));
}

} // namespace

TEST_CASE("A core has the kernel's note, and a segment for each range at its place")
{
    const bool five = GENERATE(false, true);
    const Image image{{.five_levels = five}};
    const auto memory = image.memory();
    const auto kernel = Kernel::open(memory, image.note());
    REQUIRE(kernel);
    const auto core = elf_core(memory, &*kernel);

    const auto header = at<Elf64_Ehdr>(core, 0);
    CHECK(std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0);
    CHECK(header.e_ident[EI_CLASS] == ELFCLASS64);
    CHECK(header.e_type == ET_CORE);
    CHECK(header.e_machine == EM_X86_64);
    CHECK(header.e_phnum == 4);
    CHECK(header.e_phoff == sizeof header);

    const auto notes = segment(core, 0);
    CHECK(notes.p_type == PT_NOTE);
    CHECK(notes.p_offset + notes.p_filesz == core.head.size());
    const auto note = at<Elf64_Nhdr>(core, notes.p_offset);
    REQUIRE(note.n_namesz == 11);
    CHECK(std::memcmp(core.head.data() + notes.p_offset + sizeof note, "VMCOREINFO", 11) == 0);
    REQUIRE(note.n_descsz == image.note().size());
    CHECK(std::memcmp(core.head.data() + notes.p_offset + sizeof note + 12, image.note().data(), note.n_descsz) == 0);

    REQUIRE(core.segments.size() == 2);
    auto next = align_up(core.head.size(), page_bytes);
    for (std::size_t i = 0; i < 2; ++i) {
        const auto load = segment(core, i + 1);
        CHECK(load.p_type == PT_LOAD);
        CHECK(load.p_offset == next);
        CHECK(load.p_paddr == Image::range_start[i]);
        CHECK(load.p_vaddr == image.direct_map() + Image::range_start[i]);
        CHECK(load.p_filesz == Image::range_bytes[i]);
        CHECK(load.p_memsz == Image::range_bytes[i]);
        CHECK(core.segments[i].offset == next);
        CHECK(core.segments[i].bytes.data() == memory.pieces()[i].bytes.data());
        next += Image::range_bytes[i];
    }
    CHECK(core.file_bytes == next);

    const auto mapped = segment(core, 3); // the kernel's image, a part of the first range
    CHECK(mapped.p_type == PT_LOAD);
    CHECK(mapped.p_vaddr == image.virtual_of(0));
    CHECK(mapped.p_paddr == Image::physical_of(0));
    CHECK(mapped.p_filesz == 2 * MiB);
    CHECK(mapped.p_offset == segment(core, 1).p_offset + mapped.p_paddr - segment(core, 1).p_paddr);
}

TEST_CASE("Without a kernel a core is the memory alone")
{
    const Image image;
    const auto memory = image.memory();
    const auto core = elf_core(memory, nullptr);
    CHECK(segment(core, 0).p_filesz == 0);
    CHECK(segment(core, 1).p_vaddr == 0);
    CHECK(segment(core, 1).p_paddr == Image::range_start[0]);
    CHECK(core.segments.size() == 2);
    CHECK(at<Elf64_Ehdr>(core, 0).e_phnum == 3);
}
