// SPDX-License-Identifier: LGPL-2.1-or-later
// Facts from kernel/kallsyms.c and scripts/kallsyms.c:
//  - a name is its length and then so many bytes, each of which stands for a token; the tokens' first letter is the
//    symbol's type. The length is a byte or, since 6.1, of long names two: the lower 7 bits first, with bit 7 set;
//  - tokens are texts that end with 0, each at its place in the table that its index has. The indexes follow the table
//    in memory;
//  - of each symbol there is an offset of 32 bits. Until 6.14, on x86 with SMP (KALLSYMS_ABSOLUTE_PERCPU), one that is
//    not negative is an address, of a per-CPU variable, and one that is negative counts down from right below the
//    base; from 6.15 on all count up from it.
#include "introspect/symbols.h"

#include <algorithm>
#include <map>

#include "base/bytes.h"
#include "base/little_endian.h"

namespace parker::introspect {
namespace {

constexpr std::size_t most_token_bytes = 256;
constexpr std::size_t most_name_bytes = 512; // KSYM_NAME_LEN since 6.1, with the type in place of the 0
constexpr std::size_t chunk_bytes = std::size_t{64} << 10;

// The names as they come, copied in chunks: forward only, within most_names_bytes.
class Packed {
public:
    Packed(const AddressSpace& space, std::uint64_t address) : space_{space}, next_{address} {}

    std::optional<std::uint8_t> byte()
    {
        if (at_ == chunk_.size() && !fill())
            return std::nullopt;
        return std::to_integer<std::uint8_t>(chunk_[at_++]);
    }

private:
    bool fill()
    {
        // Where not all of a chunk is mapped, perhaps its first page is: the table may end there.
        const auto bytes = std::min(chunk_bytes - next_ % chunk_bytes, Symbols::most_names_bytes - taken_);
        chunk_.resize(bytes);
        at_ = 0;
        if (bytes > 0 && !space_.read(next_, chunk_)) {
            chunk_.resize(std::min<std::size_t>(bytes, page_bytes - next_ % page_bytes));
            if (!space_.read(next_, chunk_))
                chunk_.clear();
        }
        next_ += chunk_.size();
        taken_ += chunk_.size();
        return !chunk_.empty();
    }

    const AddressSpace& space_;
    std::uint64_t next_;
    std::size_t taken_ = 0;
    std::vector<std::byte> chunk_;
    std::size_t at_ = 0;
};

} // namespace

std::optional<Symbols> Symbols::open(const AddressSpace& space, const Vmcoreinfo& info)
{
    const auto names = info.symbol("kallsyms_names");
    const auto count = info.symbol("kallsyms_num_syms");
    const auto offsets = info.symbol("kallsyms_offsets");
    const auto base = info.symbol("kallsyms_relative_base");
    const auto stext = info.symbol("_stext");
    if (!names || !count || !offsets || !base || !stext || *offsets % sizeof(std::uint32_t) != 0)
        return std::nullopt;
    Symbols symbols{space};
    symbols.names_ = *names;
    symbols.offsets_ = *offsets;
    symbols.stext_ = *stext;
    const auto number = space.load<std::uint32_t>(*count);
    const auto from = space.load<std::uint64_t>(*base);
    if (!number || *number == 0 || *number > most_symbols || !from || !symbols.read_tokens(info))
        return std::nullopt;
    symbols.count_ = *number;
    symbols.base_ = *from;
    return symbols;
}

bool Symbols::read_tokens(const Vmcoreinfo& info)
{
    const auto table = info.symbol("kallsyms_token_table");
    const auto indexes = info.symbol("kallsyms_token_index");
    std::array<std::byte, tokens * sizeof(std::uint16_t)> copy{};
    if (!table || !indexes || !space_->read(*indexes, copy))
        return false;
    std::uint16_t last = 0;
    for (unsigned i = 0; i < tokens; ++i)
        last = std::max(last, get<std::uint16_t>(copy, i * sizeof(std::uint16_t)));
    // Behind the last token come the indexes, so this much can be read.
    std::string texts(last + most_token_bytes, '\0');
    if (!space_->read(*table, std::as_writable_bytes(std::span{texts})))
        return false;
    for (unsigned i = 0; i < tokens; ++i) {
        const auto begin = get<std::uint16_t>(copy, i * sizeof(std::uint16_t));
        const auto end = texts.find('\0', begin);
        if (end == std::string::npos || end - begin >= most_token_bytes)
            return false;
        tokens_[i] = texts.substr(begin, end - begin);
    }
    return true;
}

// Where in the table each name stands, nullopt for one that does not; nullopt for all: the table is broken.
std::optional<std::vector<std::optional<std::uint32_t>>> Symbols::places(std::span<const std::string_view> names) const
{
    std::vector<std::optional<std::uint32_t>> found(names.size());
    std::multimap<std::string_view, std::size_t> wanted;
    for (std::size_t i = 0; i < names.size(); ++i)
        wanted.emplace(names[i], i);
    Packed packed{*space_, names_};
    std::string name;
    for (std::uint32_t place = 0; place < count_; ++place) {
        const auto first = packed.byte();
        if (!first)
            return std::nullopt;
        std::size_t length = *first;
        if (constexpr std::uint8_t more = 0x80; (*first & more) != 0) {
            const auto second = packed.byte();
            if (!second)
                return std::nullopt;
            length = (*first & (more - 1U)) | static_cast<std::size_t>(*second) << 7;
        }
        constexpr std::size_t tokens_a_step = 8;
        if (!space_->look().spend(0, 1 + length / tokens_a_step))
            return std::nullopt;
        name.clear();
        for (; length > 0; --length) {
            const auto token = packed.byte();
            if (!token)
                return std::nullopt;
            name += tokens_[*token];
            if (name.size() > most_name_bytes)
                return std::nullopt;
        }
        if (name.empty())
            return std::nullopt;
        const auto [begin, end] = wanted.equal_range(std::string_view{name}.substr(1));
        for (auto each = begin; each != end; ++each)
            if (!found[each->second])
                found[each->second] = place;
    }
    return found;
}

std::optional<std::uint64_t> Symbols::address(std::uint32_t place, bool absolute_percpu) const
{
    const auto offset = space_->load<std::uint32_t>(offsets_ + std::uint64_t{place} * sizeof(std::uint32_t));
    if (!offset)
        return std::nullopt;
    if (!absolute_percpu)
        return base_ + *offset;
    const auto is_negative = *offset >> 31 != 0;
    return is_negative ? base_ - 1 + (std::uint64_t{1} << 32) - *offset : *offset;
}

std::vector<std::optional<std::uint64_t>> Symbols::find(std::span<const std::string_view> names) const
{
    std::vector<std::optional<std::uint64_t>> addresses(names.size());
    std::vector<std::string_view> all{names.begin(), names.end()};
    all.emplace_back("_stext");
    const auto found = places(all);
    if (!found || !found->back())
        return addresses;
    const bool absolute_percpu = address(*found->back(), true) == stext_;
    if (!absolute_percpu && address(*found->back(), false) != stext_)
        return addresses;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (const auto place = (*found)[i])
            addresses[i] = address(*place, absolute_percpu);
    return addresses;
}

} // namespace parker::introspect
