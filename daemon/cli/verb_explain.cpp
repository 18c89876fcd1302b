// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <memory>

#include "base/explain.h"
#include "cli/verb.h"

namespace parker::cli {

Run declare_explain(CLI::App& command, const Common& common)
{
    const auto name = std::make_shared<std::string>();
    command.add_option("CODE", *name, "As it stands in the brackets of a finding: unknown-key")->required();
    return [name, &common] {
        const auto* row = find_code(*name);
        if (row == nullptr)
            throw Error{Code::invalid_argument, *name, "no such error code"};
        if (common.json != JsonMode::off)
            print_json({{"code", std::string{row->name}},
                        {"bus_name", "org.parker1.Error." + std::string{row->bus_name}},
                        {"exit_code", row->exit_code},
                        {"retryable", row->retryable},
                        {"text", std::string{explain(row->code)}}},
                       common.json);
        else
            fmt::print("{}\n\n{}\n\nOn the bus: org.parker1.Error.{}; exit code of parkerctl: {}{}\n", row->name,
                       explain(row->code), row->bus_name, row->exit_code,
                       row->retryable ? "; may pass by itself: worth another try" : "");
        return 0;
    };
}

} // namespace parker::cli
