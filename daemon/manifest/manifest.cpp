// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/manifest.h"

namespace parker {

std::uint64_t Manifest::memory_bytes() const
{
    auto sum = memory.size_bytes.value_or(0);
    for (const auto& [node, bytes] : memory.nodes_bytes)
        sum += bytes;
    return sum;
}

} // namespace parker
