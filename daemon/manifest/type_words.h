// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "manifest/schema_look.h"

namespace parker {

// Says that the value is none of the schema's types.
void word_type(const Place& place, const std::vector<std::string>& types, Report& report);

// How a value that the schema refuses would do, if a character in it were the one that it looks like; empty if it has
// none such.
std::string look_alike_help(const nlohmann::json& schema, const Node& node);

} // namespace parker
