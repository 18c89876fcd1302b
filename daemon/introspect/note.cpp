// SPDX-License-Identifier: LGPL-2.1-or-later
#include "introspect/note.h"

#include <array>
#include <span>
#include <string_view>

#include "base/little_endian.h"
#include "introspect/vmcoreinfo.h"

namespace parker::introspect {
namespace {

// elf(5), Elf64_Nhdr: sizes of name and description, type; then both, each padded to 4 bytes.
constexpr std::size_t name_at = 12;
constexpr std::size_t text_at = NoteSearch::head_bytes;
constexpr std::uint32_t note_type = 0;

} // namespace

std::optional<std::string> NoteSearch::next(std::size_t pages)
{
    std::optional<std::string> note;
    walk_.on(pages, [&](std::uint64_t address) {
        note = note_at(address);
        found_ = note ? address : found_;
        return note.has_value() || memory_->look().over();
    });
    return note;
}

std::optional<std::string> NoteSearch::note_at(std::uint64_t address) const
{
    std::array<std::byte, text_at> head{};
    if (!memory_->read(address, head))
        return std::nullopt;
    const auto bytes = get<std::uint32_t>(head, 4);
    const std::string_view name{reinterpret_cast<const char*>(head.data()) + name_at, note_name.size()};
    if (get<std::uint32_t>(head, 0) != note_name.size() || get<std::uint32_t>(head, 8) != note_type ||
        name != note_name || bytes == 0 || bytes > Vmcoreinfo::most_bytes)
        return std::nullopt;
    std::string text(bytes, '\0');
    if (!memory_->read(address + text_at, std::as_writable_bytes(std::span{text})))
        return std::nullopt;
    return text;
}

} // namespace parker::introspect
