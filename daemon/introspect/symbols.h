// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "introspect/address_space.h"
#include "introspect/vmcoreinfo.h"

namespace parker::introspect {

// The kernel's own table of its symbols (kernel/kallsyms.c, scripts/kallsyms.c), which VMCOREINFO leads to since Linux
// 6.0. Symbols of data are in it where the kernel was built with CONFIG_KALLSYMS_ALL.
class Symbols {
public:
    // Kernels of distributions have about 200,000 symbols, whose packed names come to 2 to 4 MB.
    static constexpr std::uint32_t most_symbols = 1U << 21;
    static constexpr std::size_t most_names_bytes = std::size_t{32} << 20;

    // nullopt: the note lacks a line, or what is there cannot be such a table.
    static std::optional<Symbols> open(const AddressSpace& space, const Vmcoreinfo& info);

    // The addresses of these names, of several symbols with one name the first's; nullopt in their place: not there.
    // All in one pass over the table. What it says is believed if it has _stext where the note has it; otherwise, and
    // when the table ends before it should, nothing is found.
    std::vector<std::optional<std::uint64_t>> find(std::span<const std::string_view> names) const;

private:
    static constexpr unsigned tokens = 256; // a byte of a packed name stands for one

    explicit Symbols(const AddressSpace& space) : space_{&space} {}
    bool read_tokens(const Vmcoreinfo& info);
    std::optional<std::vector<std::optional<std::uint32_t>>> places(std::span<const std::string_view> names) const;
    std::optional<std::uint64_t> address(std::uint32_t place, bool absolute_percpu) const;

    const AddressSpace* space_;
    std::uint32_t count_ = 0;
    std::uint64_t names_ = 0, offsets_ = 0, base_ = 0; // virtual addresses
    std::uint64_t stext_ = 0;                          // as the note has it
    std::array<std::string, tokens> tokens_;
};

} // namespace parker::introspect
