// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/schema_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <regex>
#include <vector>

#include "manifest/lookalike.h"
#include "manifest/suggest.h"
#include "manifest/type_words.h"
#include "manifest/utf8.h"

namespace parker {
namespace {

using nlohmann::json;
using Kind = Node::Kind;

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

// Within braces a comma ends a value: {list: 4-7,12} has a key `12`. All of what was cut, as far as it can be cited.
std::string whole_value(const Node& map, const Node::Member& value)
{
    auto text = value.value.text;
    const auto* end = map.members.data() + map.members.size();
    for (const auto* next = &value + 1; next != end && next->value.kind == Kind::null && text.size() < max_source_line;
         ++next)
        text += ',' + next->key;
    return text;
}

std::string unknown_key_help(const Place& place, const std::string& key, const std::vector<std::string>& known,
                             const json& whole)
{
    const auto odd = odd_characters(key);
    const auto word = look_alike(key);
    if (!odd.empty() && contains(known, word))
        return fmt::format("write {}: the key has {} in it", cited(word), odd);
    const auto note = odd.empty() ? std::string{} : fmt::format("; the key has {} in it", odd);
    if (const auto home = home_of(word, whole, whole, {}, 4); !home.empty() && home != place.path)
        return fmt::format("move it below {}{}", cited(home), note);
    if (!place.path.empty() && contains(keys_of(whole), word))
        return "move it to the top level" + note;
    if (const auto meant = nearest(word, known); !meant.empty())
        return fmt::format("did you mean {}?{}", cited(meant), note);
    return fmt::format("known here: {}{}", listed(known, "and"), note);
}

void word_unknown_keys(const Place& place, const json& whole, Report& report)
{
    const auto* additional = member(*place.schema, "additionalProperties");
    if (additional == nullptr || !additional->is_boolean() || additional->get<bool>())
        return;
    const auto known = keys_of(*place.schema);
    const auto where = place.path.empty() ? std::string{} : " in " + name_of(place);
    const bool braces = place.node->style == Node::Style::flow;
    const Node::Member* value = nullptr; // of a known key, that a comma may have cut
    for (const auto& entry : place.node->members) {
        const auto& below = entry.value;
        const bool is_known = contains(known, entry.key);
        if (is_known || below.kind != Kind::null)
            value =
                is_known && below.style == Node::Style::plain && below.kind != Kind::sequence && below.kind != Kind::map
                    ? &entry
                    : nullptr;
        if (is_known)
            continue;
        if (braces && value != nullptr) {
            if (value + 1 == &entry) // else it has been said
                report.error(
                    Code::unknown_key, entry.key_at,
                    fmt::format("unknown key {}{}: within braces, a comma ends a value", cited(entry.key), where),
                    fmt::format("put the value of `{}` in quotes{}", value->key,
                                behind_colon(whole_value(*place.node, *value), true)));
            continue;
        }
        const bool indent = is_odd_space(first_character(entry.key));
        report.error(Code::unknown_key, entry.key_at, fmt::format("unknown key {}{}", cited(entry.key), where),
                     indent ? fmt::format("indent with plain spaces, of which {} is none", hidden_character(entry.key))
                            : unknown_key_help(place, entry.key, known, whole));
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
        const auto look_alike = look_alike_help(*place.schema, *place.node);
        report.error(Code::bad_value, place.at,
                     fmt::format("{} must be {}, not {}", name_of(place), listed(choices, "or"), cited(text)),
                     !look_alike.empty() ? look_alike
                     : meant.empty()     ? ""
                                         : fmt::format("did you mean {}?", cited(meant)));
        return true;
    }
    const auto most = number_of(*place.schema, "maxLength");
    const auto pattern = text_of(*place.schema, "pattern");
    if (!pattern.empty() && !std::regex_search(text, std::regex{pattern})) {
        auto must = text_of(*place.schema, "patternErrorMessage");
        report.error(
            Code::bad_value, place.at,
            fmt::format("{} {}, not {}", name_of(place), must.empty() ? "must match " + pattern : must, cited(text)),
            look_alike_help(*place.schema, *place.node));
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
    case Kind::boolean:
        if (const auto choices = strings_of(*place.schema, "enum"); !choices.empty()) {
            report.error(
                Code::bad_value, place.at,
                fmt::format("{} must be {}, not {}", name_of(place), listed(choices, "or"), cited(place.node->text)));
            return true;
        }
        return false;
    default:
        return false;
    }
}

} // namespace parker
