// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/report.h"
#include "manifest/text.h"

namespace parker {

inline constexpr std::size_t max_depth = 32;           // of lists and maps in each other
inline constexpr std::size_t max_nodes = 10'000;       // of one document, its aliases written out
inline constexpr std::size_t max_scalar_bytes = 4'096; // of one key or value

// A YAML value and where it stands. Aliases and merge keys are already written out.
struct Node {
    enum class Kind { null, boolean, integer, real, string, sequence, map };
    enum class Style { plain, quoted, block, flow }; // block: `|` or `>`; flow: a map within braces
    struct Member;

    Kind kind = Kind::null;
    Style style = Style::plain;
    Mark at;
    std::string text;                    // a scalar as it stands in the file, quotes and escapes resolved
    bool boolean = false;                // its value, if it is one
    std::optional<std::int64_t> integer; // its value, if it is one and fits
    std::vector<Node> items;             // of a sequence
    std::vector<Member> members;         // of a map, in the file's order, no key twice
    std::size_t nodes = 1;               // this one and all below

    const Member* find(std::string_view key) const; // nullptr also for what is no map
};

struct Node::Member {
    std::string key;
    Mark key_at;
    Node value;
};

// Reads one document. Reports all that is wrong with it as YAML and as maps: nullopt if nothing can be made of it, else
// the tree without the faulty parts.
std::optional<Node> parse_document(const Document& document, Report& report);

} // namespace parker
