// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/dialect.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <optional>

#include "manifest/scalar.h"
#include "manifest/schema.h"
#include "manifest/schema_look.h"
#include "manifest/utf8.h"

namespace parker {
namespace {

using nlohmann::json;
using Kind = Node::Kind;
using Style = Node::Style;

// A word that YAML 1.1 reads as true or false, and 1.2 as text.
std::optional<bool> old_boolean(const Node& node)
{
    constexpr std::array<std::string_view, 6> yes{"yes", "Yes", "YES", "on", "On", "ON"};
    constexpr std::array<std::string_view, 6> no{"no", "No", "NO", "off", "Off", "OFF"};
    if (node.kind == Kind::boolean)
        return node.boolean;
    if (node.kind != Kind::string || node.style != Style::plain)
        return std::nullopt;
    if (std::ranges::find(yes, node.text) != yes.end())
        return true;
    if (std::ranges::find(no, node.text) != no.end())
        return false;
    return std::nullopt;
}

// 010 is 8 by YAML 1.1 and 10 by YAML 1.2.
bool is_ambiguous(const Node& node)
{
    constexpr std::int64_t same_below = 8;
    return node.kind == Kind::integer && node.style == Style::plain && node.text.size() > 1 && node.text[0] == '0' &&
           node.text.find_first_not_of("01234567") == std::string::npos && node.integer && *node.integer >= same_below;
}

class Reader {
public:
    explicit Reader(Report& report) : whole_{schema_document()}, report_{report} {}

    void take(Node& node, const json& schema)
    {
        if (node.kind == Kind::map)
            take_members(node, schema);
        else if (node.kind == Kind::sequence)
            take_items(node, schema);
        else
            take_scalar(node, schema);
    }

private:
    const json* below(const json& schema, const char* key) const
    {
        const auto found = schema.find(key);
        return found == schema.end() || !found->is_object() ? nullptr : resolve(&*found, whole_);
    }

    void take_members(Node& map, const json& schema)
    {
        const auto* properties = below(schema, "properties");
        const auto required = strings_of(schema, "required");
        std::erase_if(map.members, [&required, properties](const Node::Member& member) {
            return member.value.kind == Kind::null && properties != nullptr && properties->contains(member.key) &&
                   !contains(required, member.key);
        });
        for (auto& member : map.members)
            if (properties != nullptr && properties->contains(member.key))
                take(member.value, *resolve(&(*properties)[member.key], whole_));
    }

    void take_items(Node& list, const json& schema)
    {
        if (const auto* items = below(schema, "items"))
            for (auto& item : list.items)
                take(item, *items);
    }

    void take_scalar(Node& node, const json& schema)
    {
        const auto types = strings_of(schema, "type");
        const bool text = contains(types, "string");
        if (text && node.kind == Kind::string && node.style == Style::block)
            node.text.erase(node.text.find_last_not_of(" \n") + 1);
        if (contains(types, "boolean") && !text) {
            if (const auto value = old_boolean(node)) {
                node.kind = Kind::boolean;
                node.boolean = *value;
            }
        } else if (text && contains(strings_of(schema, "enum"), "off")) {
            if (const auto value = old_boolean(node); value && !*value) {
                node.kind = Kind::string;
                node.text = "off";
            }
        } else if (contains(types, "integer")) {
            take_number(node, text);
        }
    }

    void take_number(Node& node, bool text)
    {
        if (is_ambiguous(node))
            report_.error(Code::bad_value, node.at,
                          fmt::format("{} is another number to YAML 1.1 than to YAML 1.2", cited(node.text)),
                          fmt::format("write {}, if that is meant", *node.integer));
        if (text || node.kind != Kind::string || node.style != Style::quoted)
            return;
        Node plain;
        plain.text = node.text;
        resolve_scalar(plain);
        if (plain.kind == Kind::integer && node.text.find_first_not_of("0123456789") == std::string::npos) {
            node.kind = Kind::integer;
            node.integer = plain.integer;
        }
    }

    const json& whole_;
    Report& report_;
};

} // namespace

void take_dialects(Node& root, Report& report)
{
    Reader{report}.take(root, schema_document());
}

} // namespace parker
