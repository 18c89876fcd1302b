// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>

#include <string>

#include "manifest/finding.h"
#include "plan/preview.h"

namespace parker {

// The same text with what is no UTF-8 replaced: neither D-Bus nor JSON can carry it, and files may hold anything.
std::string utf8(const std::string& text);
std::string dump(const nlohmann::ordered_json& json, int indent = -1);

// The form in which the bus and the command line hand these on.
nlohmann::ordered_json to_json(const Finding& finding);
nlohmann::ordered_json to_json(const Findings& findings);
nlohmann::ordered_json to_json(const Preview& preview);

} // namespace parker
