// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "manifest/finding.h"
#include "manifest/load.h"
#include "manifest/reading.h"

namespace parker {

// Why there is no partition of this name, for who asked for it: the file that was to define it is broken, or is not
// read; or it is called otherwise (`names` are those that there are). invalid_manifest, or no_such_partition.
Error why_none(const std::string& name, const std::vector<std::string>& names, const Findings& findings,
               const Reading& reading);

std::vector<std::string> names_of(const Manifests& manifests);

} // namespace parker
