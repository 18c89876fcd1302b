// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/type_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>

#include "manifest/lookalike.h"
#include "manifest/scalar.h"
#include "manifest/schema.h"
#include "manifest/utf8.h"

namespace parker {
namespace {

using nlohmann::json;
using Kind = Node::Kind;

std::string in_words(const std::vector<std::string>& types)
{
    std::vector<std::string_view> parts;
    for (const auto& type : types)
        parts.push_back(type == "integer"   ? "a whole number"
                        : type == "boolean" ? "true or false"
                        : type == "string"  ? "text"
                        : type == "array"   ? "a list"
                                            : "a map of keys");
    return fmt::format("{}", fmt::join(parts, " or "));
}

// "512MiB" for a map whose `size` it would be.
std::string wrapped(const Place& place)
{
    auto keys = strings_of(*place.schema, "required");
    if (const auto* branches = member(*place.schema, "oneOf"))
        for (const auto& branch : *branches)
            for (auto& key : strings_of(branch, "required"))
                keys.push_back(std::move(key));
    const auto* properties = member(*place.schema, "properties");
    const auto& text = place.node->text;
    if (place.path.empty() || text.size() > max_source_line)
        return {};
    for (const auto& key : keys) {
        const auto* about = properties == nullptr ? nullptr : member(*properties, key);
        if (about == nullptr)
            continue;
        const auto& schema = *resolve(about, schema_document());
        const auto types = strings_of(schema, "type");
        const bool number = place.node->kind == Kind::integer && contains(types, "integer");
        if (!number && !(contains(types, "string") && schema.contains("pattern") && matches(schema, text)))
            continue;
        const bool quotes = text.find_first_of(":,") != std::string::npos;
        return fmt::format("write {{{}: {}{}{}}}", key, quotes ? "\"" : "", printable(text), quotes ? "\"" : "");
    }
    return {};
}

// "put it in quotes", in the words that the schema has for what becomes of it without.
std::string quotes_help(const Place& place)
{
    const auto& node = *place.node;
    if (node.kind == Kind::boolean) // which of its words was written, nobody can know
        return node.boolean ? R"(put the word that you mean in quotes: "true", "yes" or "on")"
                            : R"(put the word that you mean in quotes: "false", "no" or "off")";
    return "put it in quotes" + behind_colon(node.text, true);
}

void word_text_type(const Place& place, const std::string& must, Report& report)
{
    const auto& node = *place.node;
    if (matches(*place.schema, node.text)) {
        report.error(Code::wrong_type, place.at, fmt::format("{} must be text", name_of(place)), quotes_help(place));
        return;
    }
    const bool number = node.kind == Kind::integer || node.kind == Kind::real;
    report.error(Code::bad_value, place.at, fmt::format("{} {}, not {}", name_of(place), must, cited(node.text)),
                 number ? text_of(*place.schema, "numberErrorHelp") : std::string{});
}

// A list where one text should be that has the items in it.
std::string joined(const Place& place)
{
    std::string text;
    for (const auto& item : place.node->items) {
        if (text.size() > max_source_line)
            return {};
        text += (text.empty() ? "" : ",") + item.text;
    }
    return matches(*place.schema, text) ? "write it as one text" + behind_colon(text, true) : std::string{};
}

// What would make the value do.
std::string type_help(const Place& place, const std::vector<std::string>& types)
{
    const auto& node = *place.node;
    if (node.kind == Kind::sequence)
        return contains(types, "string") ? joined(place) : std::string{};
    if (contains(types, "array") && !contains(types, "string"))
        return "begin each item with `- `";
    if (contains(types, "object"))
        return node.kind == Kind::map ? std::string{} : wrapped(place);
    if (node.kind != Kind::string)
        return {};
    Node plain;
    plain.text = node.text;
    resolve_scalar(plain);
    if (plain.kind != Kind::string && contains(types, type_name(plain.kind)))
        return "write it without quotes" + behind_colon(node.text, false);
    if (contains(types, "boolean")) {
        constexpr std::string_view yes[] = {"yes", "Yes", "YES", "on", "On", "ON", "y", "Y", "1"};
        constexpr std::string_view no[] = {"no", "No", "NO", "off", "Off", "OFF", "n", "N", "0"};
        if (std::ranges::find(yes, node.text) != std::end(yes))
            return "write true";
        if (std::ranges::find(no, node.text) != std::end(no))
            return "write false";
    }
    return look_alike_help(*place.schema, node);
}

} // namespace

std::string look_alike_help(const json& schema, const Node& node)
{
    const auto odd = odd_characters(node.text);
    if (odd.empty())
        return {};
    auto meant = look_alike(node.text);
    const bool curly = meant.size() > 1 && (meant[0] == '"' || meant[0] == '\'') && meant.front() == meant.back();
    if (curly)
        meant = meant.substr(1, meant.size() - 2);
    Node plain;
    plain.text = meant;
    resolve_scalar(plain);
    const auto types = strings_of(schema, "type");
    const bool fits = contains(types, "string") ? matches(schema, meant) : contains(types, type_name(plain.kind));
    return fits ? fmt::format("write {}: the text has {} in it", cited(meant), odd)
                : fmt::format("the text has {} in it", odd);
}

void word_type(const Place& place, const std::vector<std::string>& types, Report& report)
{
    const auto& node = *place.node;
    const auto name = name_of(place);
    const bool scalar = node.kind != Kind::sequence && node.kind != Kind::map;
    if (node.kind == Kind::null) {
        const auto* what =
            contains(types, "object") ? "add keys below it, or remove it" : "give it a value, or remove it";
        report.error(Code::wrong_type, place.at, fmt::format("{} is empty", name), what);
        return;
    }
    auto must = text_of(*place.schema, "patternErrorMessage");
    if (must.empty()) {
        const auto choices = strings_of(*place.schema, "enum");
        must = "must be " + (choices.empty() ? in_words(types) : listed(choices, "or"));
    }
    if (scalar && contains(types, "string")) {
        word_text_type(place, must, report);
        return;
    }
    auto found = scalar ? cited(node.text) : in_words({std::string{type_name(node.kind)}});
    if (node.kind == Kind::string && node.style == Node::Style::quoted)
        found = cited('"' + node.text + '"');
    else if (node.kind == Kind::sequence && contains(types, "string"))
        found = "a list of items";
    report.error(Code::wrong_type, place.at, fmt::format("{} {}, not {}", name, must, found), type_help(place, types));
}

} // namespace parker
