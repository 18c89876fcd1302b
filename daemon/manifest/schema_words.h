// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "manifest/report.h"
#include "manifest/schema_look.h"

namespace parker {

// Says in words what is wrong at this very place (not below it), which the schema has refused. True if the value itself
// is at fault, rather than keys in it.
bool word_faults(const Place& place, const nlohmann::json& whole, Report& report);

} // namespace parker
