// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/report.h"
#include "manifest/tree.h"

namespace parker {

// A value of the document and the part of the schema that speaks about it.
struct Place {
    const Node* node;
    const nlohmann::json* schema;
    Mark at;
    std::string path; // "devices[0].pci", empty for the document itself
};

// One step down; nullopt where the document or the schema has none. `whole` is the whole schema, for its $refs.
std::optional<Place> enter_member(const Place& place, std::string_view key, const nlohmann::json& whole);
std::optional<Place> enter_item(const Place& place, std::string_view index, const nlohmann::json& whole);

// What a part of the schema is, itself or by its $ref.
const nlohmann::json* resolve(const nlohmann::json* schema, const nlohmann::json& whole);

// What is not there, or of another type, is null, empty or nothing. Strings: one, or a list whose other values are left
// out ("type", "required", "enum"). Keys: those of its "properties".
const nlohmann::json* member(const nlohmann::json& object, std::string_view key);
std::string text_of(const nlohmann::json& object, const char* key);
std::optional<std::int64_t> number_of(const nlohmann::json& object, const char* key);
std::vector<std::string> strings_of(const nlohmann::json& object, const char* key);
std::vector<std::string> keys_of(const nlohmann::json& object);

bool contains(const std::vector<std::string>& strings, std::string_view wanted);
std::string_view type_name(Node::Kind kind); // the schema's

// Whether a text would do, by "enum", "pattern" and "maxLength".
bool matches(const nlohmann::json& schema, const std::string& text);

std::string name_of(const Place& place);                                          // in a message
std::string listed(const std::vector<std::string>& words, std::string_view last); // "`a`, `b` or `c`"

} // namespace parker
