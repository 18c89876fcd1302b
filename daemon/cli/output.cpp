// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/output.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <string_view>

#include "bus/json.h"
#include "cli/colour.h"

namespace parker::cli {

using Json = nlohmann::ordered_json;

void print_json(const Json& json, JsonMode mode)
{
    fmt::print("{}\n", dump(json, mode == JsonMode::pretty ? 2 : -1));
}

Json to_json(const PartitionInfo& info)
{
    auto memory = Json::array();
    for (const auto& [start, end] : info.memory)
        memory.push_back(Json{{"start", start}, {"end", end}});
    return Json{{"name", info.name},
                {"description", info.description},
                {"manifest_path", info.manifest_path},
                {"autostart", info.autostart},
                {"state", info.state},
                {"sub_state", info.sub_state},
                {"result", info.result},
                {"message", info.message},
                {"error_code", info.error_code},
                {"suggestion", info.suggestion},
                {"state_change_usec", info.state_change_usec},
                {"unit", info.unit},
                {"cpus", info.cpus},
                {"memory_bytes", info.memory_bytes()},
                {"memory", std::move(memory)},
                {"devices", info.devices},
                {"dma", info.dma},
                {"kernel_image", info.kernel_image},
                {"kernel_release", info.kernel_release},
                {"cmdline", info.cmdline},
                {"heartbeat", info.heartbeat},
                {"heartbeat_usec", info.heartbeat_usec},
                {"need_restart", info.need_restart},
                {"need_reload", info.need_reload},
                {"starts", info.counters.starts},
                {"start_usec", info.counters.start_usec},
                {"failed_starts", info.counters.failed_starts},
                {"crashes", info.counters.crashes},
                {"stops", info.counters.stops},
                {"stop_usec", info.counters.stop_usec},
                {"findings", parker::to_json(info.findings)}};
}

std::vector<std::string> table_lines(const std::vector<std::vector<std::string>>& rows, bool legend,
                                     std::optional<std::size_t> state_column)
{
    std::vector<std::string> lines;
    std::vector<std::size_t> widths;
    for (std::size_t row = legend ? 0 : 1; row < rows.size(); ++row)
        for (std::size_t column = 0; column < rows[row].size(); ++column) {
            widths.resize(std::max(widths.size(), column + 1));
            widths[column] = std::max(widths[column], rows[row][column].size());
        }
    for (std::size_t row = legend ? 0 : 1; row < rows.size(); ++row) {
        std::string line;
        for (std::size_t column = 0; column < rows[row].size(); ++column) {
            const auto& cell = rows[row][column];
            const auto colour = column == state_column && row > 0 ? state_colour(cell) : std::nullopt;
            line += coloured(cell, colour, stdout) + std::string(widths[column] - cell.size() + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        lines.push_back(std::move(line));
    }
    return lines;
}

void print_table(const std::vector<std::vector<std::string>>& rows, bool legend,
                 std::optional<std::size_t> state_column)
{
    for (const auto& line : table_lines(rows, legend, state_column))
        fmt::print("{}\n", line);
}

std::string finding_text(const Finding& finding, std::FILE* stream)
{
    auto text = to_text(finding);
    const bool is_error = finding.severity == Severity::error;
    const auto verdict = fmt::format("{}[{}]", is_error ? "error" : "warning", info(finding.code).name);
    if (const auto at = text.find(verdict); at != std::string::npos)
        text.replace(at, verdict.size(), coloured(verdict, is_error ? Colour::red : Colour::yellow, stream));
    return text;
}

void print_findings(const Findings& findings)
{
    for (const auto& finding : findings)
        fmt::print(stderr, "{}\n", finding_text(finding, stderr));
}

int exit_code(const Findings& findings)
{
    const auto first = std::ranges::find(findings, Severity::error, &Finding::severity);
    return first == findings.end() ? 0 : info(first->code).exit_code;
}

void complain(const std::string& text)
{
    // sd-daemon(3): a line's priority.
    const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
    std::string_view rest = text;
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        fmt::print(stderr, "{}{}\n", journal ? "<3>" : "", line);
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    }
}

void print_error(const Error& error)
{
    complain(fmt::format("parkerctl: {}", error.what()));
    if (!error.suggestion().empty())
        complain("  try: " + error.suggestion());
}

std::string local_time(std::uint64_t realtime_usec)
{
    if (realtime_usec == 0)
        return "-";
    const auto seconds = static_cast<std::time_t>(realtime_usec / 1'000'000);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    return fmt::format("{:%Y-%m-%d %H:%M:%S}", local);
}

} // namespace parker::cli
