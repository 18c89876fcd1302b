// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace parker {

struct Node;

// Finds out what a plain scalar is by YAML 1.2's core schema, from node.text: `off` and `0000:01:00.0` are text here,
// unlike in YAML 1.1. Sets kind, and boolean or integer.
void resolve_scalar(Node& node);

// "60s", "500ms", "2min", "1h". nullopt: not of this form, or more than a day.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

} // namespace parker
