// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "cli/client.h"

namespace parker::cli {

// What would be a partition, were its file not broken, empty or called otherwise: as one that has the file's state, and
// why; an ignored one by its file's name. Without those that are among `partitions`, which go on with their last good
// definition. By name, as these.
std::vector<PartitionInfo> bad_manifests(const std::vector<ManifestInfo>& manifests,
                                         const std::vector<PartitionInfo>& partitions);

} // namespace parker::cli
