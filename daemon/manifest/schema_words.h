// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>

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

// Says in words what is wrong at this very place (not below it), which the schema has refused. True if the value itself
// is at fault, rather than keys in it.
bool word_faults(const Place& place, const nlohmann::json& whole, Report& report);

} // namespace parker
