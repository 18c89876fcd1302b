// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/schema_look.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <regex>

#include "manifest/utf8.h"

namespace parker {

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

} // namespace parker
