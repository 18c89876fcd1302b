// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace parker::introspect {

// What a kernel says about its own layout (Documentation/admin-guide/kdump/vmcoreinfo.rst): lines KEY=VALUE. It is the
// partition's word: plausible or not, every number in it has yet to be checked against memory.
class Vmcoreinfo {
public:
    // VMCOREINFO_BYTES is one page so far; more lines than fit into that many bytes are not read.
    static constexpr std::size_t most_bytes = std::size_t{16} << 10;

    // nullopt: longer, not printable ASCII, a line without '=', or without OSRELEASE= and PAGESIZE=4096.
    static std::optional<Vmcoreinfo> parse(std::string_view text);

    const std::string& text() const { return text_; }
    std::string release() const { return value("OSRELEASE"); }
    std::string build_id() const; // lower-case hexadecimal; empty before 5.14 and for what is none

    // nullopt: no such line, or not a number as it should be.
    std::optional<std::uint64_t> symbol(std::string_view name) const;     // SYMBOL(prb)=ffffffff...
    std::optional<std::uint32_t> size(std::string_view type) const;       // SIZE(prb_desc)=24
    std::optional<std::uint32_t> offset(std::string_view member) const;   // OFFSET(prb_desc.state_var)=0
    std::optional<std::uint32_t> length(std::string_view array) const;    // LENGTH(...)=16
    std::optional<std::int64_t> number(std::string_view name) const;      // NUMBER(phys_base)=-123
    std::optional<std::uint64_t> hexadecimal(std::string_view key) const; // KERNELOFFSET=1a000000

private:
    std::string value(std::string_view key) const;
    std::optional<std::uint32_t> small(std::string_view kind, std::string_view name) const;

    std::string text_;
    std::map<std::string, std::string, std::less<>> values_; // of several lines with one key, the first
};

} // namespace parker::introspect
