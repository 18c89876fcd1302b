// SPDX-License-Identifier: LGPL-2.1-or-later
// The table of symbols of an Image's kernel, as scripts/kallsyms.c writes it.
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "image.h"

namespace parker::introspect {
namespace {

// Beside a letter for each letter.
constexpr unsigned kernel_token = 1, percpu_token = 2;
constexpr std::string_view kernel_text = "Dkernel_", percpu_text = "__per_cpu_";
constexpr unsigned fillers = 300; // so that the names go over a border of pages and of what is read at once

std::string packed(std::string text)
{
    for (const auto& [token, meaning] : {std::pair{kernel_token, kernel_text}, std::pair{percpu_token, percpu_text}})
        if (const auto at = text.find(meaning); at != std::string::npos)
            text.replace(at, meaning.size(), 1, static_cast<char>(token));
    std::string length;
    if (text.size() >= 0x80)
        length += static_cast<char>(0x80 | (text.size() & 0x7f));
    return length + static_cast<char>(length.empty() ? text.size() : text.size() >> 7) + text;
}

} // namespace

void Image::make_symbols()
{
    const bool plain = options_.symbols == Options::Symbols::plain;
    std::vector<std::pair<std::string, std::uint64_t>> symbols; // the type and the name
    symbols.emplace_back("Afixed_percpu_data", plain ? virtual_of(0) : 0);
    symbols.emplace_back("Dkernel_cpustat", plain ? virtual_of(times_at) : times_absolute);
    symbols.emplace_back("T_stext", virtual_of(0x1000));
    for (unsigned i = 0; i < fillers; ++i)
        symbols.emplace_back(fmt::format("tfiller_{}", i), virtual_of(0x1000 + 16 * i));
    symbols.emplace_back('t' + std::string(300, 'x'), virtual_of(0x3000));
    symbols.emplace_back("Davenrun", virtual_of(load_at));
    symbols.emplace_back("davenrun", virtual_of(0x3000)); // another file's static variable
    symbols.emplace_back("D_totalram_pages", virtual_of(pages_total_at));
    symbols.emplace_back("Dvm_zone_stat", virtual_of(zones_at));
    symbols.emplace_back("Dnr_cpu_ids", virtual_of(cpu_ids_at));
    symbols.emplace_back("D__cpu_online_mask", virtual_of(online_at));
    symbols.emplace_back("D__per_cpu_offset", virtual_of(percpu_offsets_at));

    const auto put_bytes = [this](std::uint64_t at, std::string_view bytes) {
        for (std::size_t i = 0; i < bytes.size(); ++i)
            *this->at(physical_of(at + i)) = static_cast<std::byte>(bytes[i]);
    };
    const auto put_number = [&put_bytes](std::uint64_t at, std::uint64_t value, unsigned bytes) {
        std::string text;
        for (unsigned i = 0; i < bytes; ++i)
            text += static_cast<char>(value >> 8 * i & 0xff);
        put_bytes(at, text);
    };
    const auto base = virtual_of(0x1000);
    put_number(symbol_count_at, symbols.size(), 4);
    put_number(symbol_base_at, plain ? virtual_of(0) : base, 8);
    auto next = names_at;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        const auto& [name, address] = symbols[i];
        const bool absolute = address < 0x8000'0000;
        const auto offset = plain ? address - virtual_of(0) : absolute ? address : base - 1 - address;
        put_number(symbol_offsets_at + 4 * i, offset, 4);
        const auto bytes = packed(name);
        put_bytes(next, bytes);
        next += bytes.size();
    }
    std::uint64_t token_at = 0;
    for (unsigned i = 0; i < 256; ++i) {
        std::string token{i == kernel_token ? kernel_text : i == percpu_token ? percpu_text : ""};
        if (i > ' ' && i <= '~')
            token = static_cast<char>(i);
        put_number(token_index_at + 2 * i, token_at, 2);
        put_bytes(tokens_at + token_at, token + '\0');
        token_at += token.size() + 1;
    }
}

std::string Image::note_of_symbols() const
{
    if (options_.symbols == Options::Symbols::none)
        return {};
    std::string text;
    for (const auto& [name, at] : {std::pair{"_stext", std::uint64_t{0x1000}},
                                   {"kallsyms_names", names_at},
                                   {"kallsyms_num_syms", symbol_count_at},
                                   {"kallsyms_token_table", tokens_at},
                                   {"kallsyms_token_index", token_index_at},
                                   {"kallsyms_offsets", symbol_offsets_at},
                                   {"kallsyms_relative_base", symbol_base_at}})
        text += fmt::format("SYMBOL({})={:x}\n", name, virtual_of(at));
    return text;
}

} // namespace parker::introspect
