// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <map>
#include <string>
#include <vector>

#include "cli/client.h"

namespace parker {

// What comes by the bus, as schemas/ describes it, in the client's own terms. A value of another type throws
// sdbus::Error; one that is not there is as if it were empty.
using Properties = std::map<std::string, sdbus::Variant>;

template <typename Value>
Value get(const Properties& properties, const char* name)
{
    const auto entry = properties.find(name);
    return entry == properties.end() ? Value{} : entry->second.get<Value>();
}

Findings to_findings(const std::vector<Properties>& entries);
PartitionInfo to_info(const Properties& properties);
VitalsInfo to_vitals(const Properties& entries);

} // namespace parker
