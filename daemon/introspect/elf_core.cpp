// SPDX-License-Identifier: LGPL-2.1-or-later
#include "introspect/elf_core.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>

#include "base/bytes.h"
#include "introspect/note.h"

namespace parker::introspect {
namespace {

constexpr std::size_t note_align = 4; // of a note's name and text, elf(5)

template <typename T>
void append(std::vector<std::byte>& to, const T& value)
{
    static_assert(std::is_trivially_copyable_v<T>);
    const auto bytes = std::as_bytes(std::span{&value, 1});
    to.insert(to.end(), bytes.begin(), bytes.end());
}

void append(std::vector<std::byte>& to, std::string_view text)
{
    const auto bytes = std::as_bytes(std::span{text});
    to.insert(to.end(), bytes.begin(), bytes.end());
    to.resize(align_up(to.size(), note_align));
}

std::vector<std::byte> note(const Kernel* kernel)
{
    std::vector<std::byte> bytes;
    if (kernel == nullptr || !kernel->has_note())
        return bytes;
    const std::string_view text = kernel->info().text();
    append(bytes, Elf64_Nhdr{note_name.size(), static_cast<Elf64_Word>(text.size()), 0});
    append(bytes, note_name);
    append(bytes, text);
    return bytes;
}

Elf64_Ehdr file_header(std::size_t segments)
{
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_CORE;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<Elf64_Half>(segments); // far from PN_XNUM: see PARKER_RANGES_MAX
    return header;
}

Elf64_Phdr load(std::uint64_t offset, std::uint64_t address, std::uint64_t physical, std::uint64_t bytes)
{
    Elf64_Phdr header{};
    header.p_type = PT_LOAD;
    header.p_flags = PF_R | PF_W | PF_X;
    header.p_offset = offset;
    header.p_vaddr = address;
    header.p_paddr = physical;
    header.p_filesz = header.p_memsz = bytes;
    return header;
}

// The kernel's image has a second place in its address space, and so a second segment with the same bytes. Nothing:
// it does not lie in this segment.
std::optional<Elf64_Phdr> image_in(const Elf64_Phdr& segment, const Kernel::Mapped& image)
{
    if (image.bytes == 0 || image.physical < segment.p_paddr || image.physical - segment.p_paddr >= segment.p_filesz)
        return std::nullopt;
    const auto skipped = image.physical - segment.p_paddr;
    return load(segment.p_offset + skipped, image.address, image.physical,
                std::min(image.bytes, segment.p_filesz - skipped));
}

} // namespace

ElfCore elf_core(const PhysicalMemory& memory, const Kernel* kernel)
{
    ElfCore core;
    const auto notes = note(kernel);
    const auto direct_map = kernel != nullptr ? kernel->space().direct_map() : std::nullopt;
    const auto image = kernel != nullptr ? kernel->image() : Kernel::Mapped{};
    const auto notes_at = sizeof(Elf64_Ehdr) + (memory.pieces().size() + 2) * sizeof(Elf64_Phdr); // at the most

    std::vector<Elf64_Phdr> segments(1);
    segments.front().p_type = PT_NOTE;
    segments.front().p_offset = notes_at;
    segments.front().p_filesz = segments.front().p_memsz = notes.size();
    core.file_bytes = align_up(notes_at + notes.size(), page_bytes);
    for (const auto& piece : memory.pieces()) {
        segments.push_back(
            load(core.file_bytes, direct_map ? *direct_map + piece.start : 0, piece.start, piece.bytes.size()));
        core.segments.push_back({core.file_bytes, piece.bytes});
        core.file_bytes += align_up(piece.bytes.size(), page_bytes);
    }
    for (std::size_t i = 1; i <= memory.pieces().size(); ++i)
        if (const auto found = image_in(segments[i], image)) {
            segments.push_back(*found);
            break;
        }

    append(core.head, file_header(segments.size()));
    for (const auto& segment : segments)
        append(core.head, segment);
    core.head.resize(notes_at);
    core.head.insert(core.head.end(), notes.begin(), notes.end());
    return core;
}

} // namespace parker::introspect
