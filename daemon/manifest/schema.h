// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <set>
#include <string_view>

#include "manifest/report.h"
#include "manifest/tree.h"

namespace parker {

// schemas/partition-v1.json, as it was when this was built.
extern const std::string_view partition_schema;

const nlohmann::json& schema_document();

// What the schema found wrong.
struct Faults {
    bool other_language = false;  // apiVersion is not ours: nothing else has been looked at
    std::set<const Node*> values; // have been reported: their kind or value is wrong
};

// Checks a document against the schema and reports one finding for each thing that is wrong with it.
Faults check_schema(const Node& root, Report& report);

} // namespace parker
