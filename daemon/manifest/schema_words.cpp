// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/schema_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <regex>
#include <vector>

#include "manifest/scalar.h"
#include "manifest/suggest.h"
#include "manifest/utf8.h"

namespace parker {
namespace {

using nlohmann::json;
using Kind = Node::Kind;

const json* member(const json& object, std::string_view key)
{
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
}

std::string text_of(const json& object, const char* key)
{
    const auto* value = member(object, key);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string{};
}

std::optional<std::int64_t> number_of(const json& object, const char* key)
{
    const auto* value = member(object, key);
    return value != nullptr && value->is_number_integer() ? std::optional{value->get<std::int64_t>()} : std::nullopt;
}

// "type", "required", "enum": a string or a list of strings.
std::vector<std::string> strings_of(const json& object, const char* key)
{
    std::vector<std::string> strings;
    const auto* value = member(object, key);
    if (value != nullptr && value->is_string())
        strings.push_back(value->get<std::string>());
    else if (value != nullptr && value->is_array())
        for (const auto& item : *value)
            if (item.is_string())
                strings.push_back(item.get<std::string>());
    return strings;
}

std::vector<std::string> keys_of(const json& object)
{
    std::vector<std::string> keys;
    if (const auto* properties = member(object, "properties"))
        for (const auto& [key, value] : properties->items())
            keys.push_back(key);
    return keys;
}

bool contains(const std::vector<std::string>& strings, std::string_view wanted)
{
    return std::ranges::find(strings, wanted) != strings.end();
}

const json* resolve(const json* schema, const json& whole)
{
    const auto reference = text_of(*schema, "$ref");
    constexpr std::string_view prefix = "#/definitions/";
    if (!reference.starts_with(prefix))
        return schema;
    const auto* definitions = member(whole, "definitions");
    const auto* target =
        definitions == nullptr ? nullptr : member(*definitions, std::string_view{reference}.substr(prefix.size()));
    return target == nullptr ? schema : target;
}

std::string name_of(const Place& place)
{
    return place.path.empty() ? "the document" : cited(place.path);
}

std::string listed(const std::vector<std::string>& words, std::string_view last)
{
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i != 0)
            text += i + 1 == words.size() ? fmt::format(" {} ", last) : ", ";
        text += cited(words[i]);
    }
    return text;
}

std::string_view type_name(Kind kind)
{
    switch (kind) {
    case Kind::null:
        return "null";
    case Kind::boolean:
        return "boolean";
    case Kind::integer:
        return "integer";
    case Kind::real:
        return "number";
    case Kind::string:
        return "string";
    case Kind::sequence:
        return "array";
    case Kind::map:
        return "object";
    }
    return {};
}

std::string in_words(const std::vector<std::string>& types)
{
    std::vector<std::string_view> words;
    for (const auto& type : types)
        words.push_back(type == "integer"   ? "a whole number"
                        : type == "boolean" ? "true or false"
                        : type == "string"  ? "text"
                        : type == "array"   ? "a list"
                                            : "a map of keys");
    return fmt::format("{}", fmt::join(words, " or "));
}

bool matches(const json& schema, const std::string& text)
{
    const auto choices = strings_of(schema, "enum");
    if (!choices.empty() && !contains(choices, text))
        return false;
    const auto pattern = text_of(schema, "pattern");
    if (!pattern.empty() && !std::regex_search(text, std::regex{pattern}))
        return false;
    const auto most = number_of(schema, "maxLength");
    return !most || text.size() <= static_cast<std::uint64_t>(*most);
}

// A path in the schema that ends in `key`, for what stands at the wrong level: "cpus" for "count". Empty if none.
std::string home_of(std::string_view key, const json& schema, const json& whole, const std::string& path, int levels)
{
    const auto* properties = member(schema, "properties");
    if (properties == nullptr || levels == 0)
        return {};
    if (!path.empty() && properties->contains(key))
        return path;
    for (const auto& [name, below] : properties->items()) {
        const auto home =
            home_of(key, *resolve(&below, whole), whole, path.empty() ? name : path + '.' + name, levels - 1);
        if (!home.empty())
            return home;
    }
    return {};
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
        if (matches(*place.schema, node.text))
            report.error(Code::wrong_type, place.at, fmt::format("{} must be text", name),
                         fmt::format("put it in quotes: \"{}\"", printable(node.text)));
        else
            report.error(Code::bad_value, place.at, fmt::format("{} {}, not {}", name, must, cited(node.text)));
        return;
    }
    auto found = scalar ? cited(node.text) : in_words({std::string{type_name(node.kind)}});
    std::string suggestion;
    if (contains(types, "boolean") && node.kind == Kind::string) {
        const bool yes = node.text == "yes" || node.text == "on" || node.text == "y";
        const bool no = node.text == "no" || node.text == "off" || node.text == "n";
        suggestion = yes ? "write true" : no ? "write false" : "";
    }
    if (contains(types, "integer") && node.kind == Kind::string) {
        Node plain;
        plain.text = node.text;
        resolve_scalar(plain);
        if (plain.kind == Kind::integer) {
            found = cited('"' + node.text + '"');
            suggestion = "write it without quotes";
        }
    }
    if (contains(types, "array") && !contains(types, "string"))
        suggestion = "begin each item with `- `";
    report.error(Code::wrong_type, place.at, fmt::format("{} {}, not {}", name, must, found), suggestion);
}

void word_unknown_keys(const Place& place, const json& whole, Report& report)
{
    const auto* additional = member(*place.schema, "additionalProperties");
    if (additional == nullptr || !additional->is_boolean() || additional->get<bool>())
        return;
    const auto known = keys_of(*place.schema);
    for (const auto& entry : place.node->members) {
        if (contains(known, entry.key))
            continue;
        std::string suggestion;
        if (const auto home = home_of(entry.key, whole, whole, {}, 4); !home.empty() && home != place.path)
            suggestion = fmt::format("move it below {}", cited(home));
        else if (!place.path.empty() && contains(keys_of(whole), entry.key))
            suggestion = "move it to the top level";
        else if (const auto meant = nearest(entry.key, known); !meant.empty())
            suggestion = fmt::format("did you mean {}?", cited(meant));
        else
            suggestion = fmt::format("known here: {}", listed(known, "and"));
        report.error(Code::unknown_key, entry.key_at,
                     place.path.empty() ? fmt::format("unknown key {}", cited(entry.key))
                                        : fmt::format("unknown key {} in {}", cited(entry.key), name_of(place)),
                     suggestion);
    }
}

// A oneOf whose branches only require one key each: exactly one of these keys.
void word_choice(const Place& place, Report& report)
{
    const auto* branches = member(*place.schema, "oneOf");
    if (branches == nullptr)
        return;
    std::vector<std::string> choices;
    std::vector<const Node::Member*> given;
    for (const auto& branch : *branches) {
        for (const auto& key : strings_of(branch, "required")) {
            choices.push_back(key);
            if (const auto* entry = place.node->find(key))
                given.push_back(entry);
        }
    }
    if (given.empty())
        report.error(Code::missing_key, place.at, fmt::format("{} needs {}", name_of(place), listed(choices, "or")));
    else if (given.size() > 1)
        report.error(Code::bad_value, given[1]->key_at,
                     fmt::format("{} takes {}, not both", name_of(place), listed(choices, "or")), "remove one of them");
}

// A value in YAML's flow style.
std::string in_flow(const json& value)
{
    if (value.is_string())
        return value.get<std::string>();
    if (!value.is_object())
        return value.dump();
    std::vector<std::string> members;
    for (const auto& [key, below] : value.items())
        members.push_back(key + ": " + in_flow(below));
    return fmt::format("{{{}}}", fmt::join(members, ", "));
}

// What to write for a missing key, from its "examples" or "enum".
std::string example_of(const std::string& key, const json& schema)
{
    const auto* properties = member(schema, "properties");
    const auto* about = properties == nullptr ? nullptr : member(*properties, key);
    for (const auto* from : {"examples", "enum"}) {
        const auto* values = about == nullptr ? nullptr : member(*about, from);
        if (values == nullptr || !values->is_array() || values->empty())
            continue;
        return fmt::format("add `{}: {}`", key, in_flow(values->front()));
    }
    return fmt::format("add `{}`", key);
}

void word_map(const Place& place, const json& whole, Report& report)
{
    const auto& node = *place.node;
    for (const auto& key : strings_of(*place.schema, "required")) {
        if (node.find(key) != nullptr)
            continue;
        report.error(Code::missing_key, place.at,
                     place.path.empty() ? fmt::format("key {} is missing", cited(key))
                                        : fmt::format("key {} is missing in {}", cited(key), name_of(place)),
                     example_of(key, *place.schema));
    }
    word_choice(place, report);
    word_unknown_keys(place, whole, report);
    if (const auto* names = member(*place.schema, "propertyNames")) {
        for (const auto& entry : node.members) {
            if (matches(*names, entry.key))
                continue;
            report.error(Code::bad_value, entry.key_at,
                         fmt::format("key {} in {} {}", cited(entry.key), name_of(place),
                                     text_of(*names, "patternErrorMessage")));
        }
    }
    const auto least = number_of(*place.schema, "minProperties");
    if (least && node.members.size() < static_cast<std::uint64_t>(*least))
        report.error(Code::missing_key, place.at, fmt::format("{} is empty", name_of(place)));
    const auto most = number_of(*place.schema, "maxProperties");
    if (most && node.members.size() > static_cast<std::uint64_t>(*most))
        report.error(Code::too_large, place.at,
                     fmt::format("{} has {} keys, the limit is {}", name_of(place), node.members.size(), *most));
}

bool word_string(const Place& place, Report& report)
{
    const auto& text = place.node->text;
    const auto choices = strings_of(*place.schema, "enum");
    if (!choices.empty() && !contains(choices, text)) {
        const auto meant = nearest(text, choices);
        report.error(Code::bad_value, place.at,
                     fmt::format("{} must be {}, not {}", name_of(place), listed(choices, "or"), cited(text)),
                     meant.empty() ? "" : fmt::format("did you mean {}?", cited(meant)));
        return true;
    }
    const auto most = number_of(*place.schema, "maxLength");
    const auto pattern = text_of(*place.schema, "pattern");
    if (!pattern.empty() && !std::regex_search(text, std::regex{pattern})) {
        auto must = text_of(*place.schema, "patternErrorMessage");
        report.error(
            Code::bad_value, place.at,
            fmt::format("{} {}, not {}", name_of(place), must.empty() ? "must match " + pattern : must, cited(text)));
        return true;
    }
    if (most && text.size() > static_cast<std::uint64_t>(*most)) {
        report.error(Code::too_large, place.at,
                     fmt::format("{} is {} bytes long, the limit is {}", name_of(place), text.size(), *most));
        return true;
    }
    return false;
}

bool word_integer(const Place& place, Report& report)
{
    const auto least = number_of(*place.schema, "minimum").value_or(INT64_MIN);
    const auto most = number_of(*place.schema, "maximum").value_or(INT64_MAX);
    const auto& value = place.node->integer;
    if (value && *value >= least && *value <= most)
        return false;
    report.error(Code::bad_value, place.at,
                 fmt::format("{} must be {} to {}, not {}", name_of(place), least, most, cited(place.node->text)));
    return true;
}

} // namespace

std::optional<Place> enter_member(const Place& place, std::string_view key, const json& whole)
{
    const auto* entry = place.node->find(key);
    if (entry == nullptr)
        return std::nullopt;
    const json* next = nullptr;
    if (const auto* properties = member(*place.schema, "properties"))
        next = member(*properties, entry->key);
    if (next == nullptr)
        next = member(*place.schema, "additionalProperties");
    if (next == nullptr || !next->is_object())
        return std::nullopt;
    return Place{&entry->value, resolve(next, whole), entry->value.at,
                 place.path.empty() ? entry->key : place.path + '.' + entry->key};
}

std::optional<Place> enter_item(const Place& place, std::string_view index, const json& whole)
{
    std::size_t i = 0;
    const auto [stop, error] = std::from_chars(index.data(), index.data() + index.size(), i);
    const auto* next = member(*place.schema, "items");
    if (error != std::errc{} || stop != index.data() + index.size() || i >= place.node->items.size() || next == nullptr)
        return std::nullopt;
    const auto& item = place.node->items[i];
    return Place{&item, resolve(next, whole), item.at, fmt::format("{}[{}]", place.path, i)};
}

bool word_faults(const Place& place, const json& whole, Report& report)
{
    const auto types = strings_of(*place.schema, "type");
    if (!types.empty() && !contains(types, type_name(place.node->kind))) {
        word_type(place, types, report);
        return true;
    }
    switch (place.node->kind) {
    case Kind::map:
        word_map(place, whole, report);
        return false;
    case Kind::sequence:
        if (const auto most = number_of(*place.schema, "maxItems");
            most && place.node->items.size() > static_cast<std::uint64_t>(*most))
            report.error(
                Code::too_large, place.at,
                fmt::format("{} has {} items, the limit is {}", name_of(place), place.node->items.size(), *most));
        return false;
    case Kind::string:
        return word_string(place, report);
    case Kind::integer:
        return word_integer(place, report);
    default:
        return false;
    }
}

} // namespace parker
