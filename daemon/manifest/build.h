// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "manifest/manifest.h"
#include "manifest/report.h"
#include "manifest/schema.h"
#include "manifest/tree.h"

namespace parker {

// Takes the values out of a document and checks what a schema cannot say. Passes over what is missing or among
// `faults`: that has been reported. The result is of use only if the document got no error at all.
Manifest build_manifest(const Node& root, const Faults& faults, Report& report);

} // namespace parker
