// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "manifest/load.h"

namespace parker {

// Orders manifests by name. Of several with one name the first in the list stays, the others become findings.
Manifests unique_by_name(Manifests manifests);

} // namespace parker
