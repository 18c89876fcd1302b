// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <memory>

#include "base/explain.h"
#include "cli/verb.h"

namespace parker::cli {
namespace {

nlohmann::ordered_json to_json(const CodeInfo& row)
{
    return {{"code", std::string{row.name}},
            {"bus_name", "org.parker1.Error." + std::string{row.bus_name}},
            {"exit_code", row.exit_code},
            {"retryable", row.retryable},
            {"text", std::string{explain(row.code)}}};
}

void explain_all(const Common& common)
{
    auto json = nlohmann::ordered_json::array();
    std::vector<std::vector<std::string>> rows{{"CODE", "EXIT", "MEANING"}};
    for (const auto& row : all_codes()) {
        json.push_back(to_json(row));
        const auto text = explain(row.code);
        rows.push_back(
            {std::string{row.name}, std::to_string(row.exit_code), std::string{text.substr(0, text.find(". ") + 1)}});
    }
    if (common.json != JsonMode::off)
        print_json(json, common.json);
    else
        print_table(rows, !common.no_legend);
}

void explain_one(const CodeInfo& row, const Common& common)
{
    if (common.json != JsonMode::off)
        print_json(to_json(row), common.json);
    else
        fmt::print("{}\n\n{}\n\nOn the bus: org.parker1.Error.{}; exit code of parkerctl: {}{}\n", row.name,
                   explain(row.code), row.bus_name, row.exit_code,
                   row.retryable ? "; may pass by itself: worth another try" : "");
}

} // namespace

Run declare_explain(CLI::App& command, const Common& common)
{
    command.footer("What causes the error, and what to do about it. Without CODE, all of them in a line each.");
    const auto name = std::make_shared<std::string>();
    command.add_option("CODE", *name, "As it stands in the brackets of a finding: unknown-key");
    return [name, &common] {
        if (name->empty()) {
            explain_all(common);
            return 0;
        }
        const auto* row = find_code(*name);
        if (row == nullptr)
            throw Error{Code::invalid_argument, *name, "no such error code", "parkerctl explain"};
        explain_one(*row, common);
        return 0;
    };
}

} // namespace parker::cli
