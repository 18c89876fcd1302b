// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/client.h"
#include "manifest/finding.h"

namespace parker::cli {

enum class JsonMode { off, pretty, short_ };

void print_json(const nlohmann::ordered_json& json, JsonMode mode);
nlohmann::ordered_json to_json(const PartitionInfo& info);

// Rows in columns; the first row is the headings, which an empty table does without. A column may hold states, which
// are coloured if standard output shows colours.
std::vector<std::string> table_lines(const std::vector<std::vector<std::string>>& rows, bool legend,
                                     std::optional<std::size_t> state_column = std::nullopt);
void print_table(const std::vector<std::vector<std::string>>& rows, bool legend,
                 std::optional<std::size_t> state_column = std::nullopt);

// As text for people, coloured if the stream shows colours.
std::string finding_text(const Finding& finding, std::FILE* stream);
// Findings to stderr as text, a line between them.
void print_findings(const Findings& findings);
// 0 if none is an error; else the exit code of the first error.
int exit_code(const Findings& findings);

// To stderr, as an error also for the journal, if stderr leads there.
void complain(const std::string& text);
void print_error(const Error& error);

std::string local_time(std::uint64_t realtime_usec); // "2024-05-01 12:00:00"; "-" for never

} // namespace parker::cli
