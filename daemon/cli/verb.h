// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <CLI/CLI.hpp>

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bus/names.h"
#include "cli/output.h"

namespace parker::cli {

// What may stand before or behind every verb.
struct Common {
    JsonMode json = JsonMode::off;
    bool session = false; // talk to a parkerd on the session bus, which has no units
    bool no_legend = false;
    bool ask_password = true;
    std::vector<std::filesystem::path> config;
    std::filesystem::path sysroot = "/";
    std::optional<std::string> machine; // an hwloc export or synthetic description

    bool is_elsewhere() const { return machine || sysroot != "/"; } // not about the machine that this runs on
    bus::Kind bus() const { return session ? bus::Kind::session : bus::Kind::system; }
    std::vector<std::filesystem::path> manifest_directories() const;
};

using Run = std::function<int()>; // gives the exit code; throws Error

// One verb is one file: verb_NAME.cpp.
struct Verb {
    const char* name;
    const char* summary;
    Run (*declare)(CLI::App& command, const Common& common); // says what arguments it takes
};

std::span<const Verb> verbs();

Run declare_apply(CLI::App& command, const Common& common);
Run declare_cat(CLI::App& command, const Common& common);
Run declare_dump(CLI::App& command, const Common& common);
Run declare_events(CLI::App& command, const Common& common);
Run declare_explain(CLI::App& command, const Common& common);
Run declare_host(CLI::App& command, const Common& common);
Run declare_kill(CLI::App& command, const Common& common);
Run declare_list(CLI::App& command, const Common& common);
Run declare_log(CLI::App& command, const Common& common);
Run declare_metrics(CLI::App& command, const Common& common);
Run declare_plan(CLI::App& command, const Common& common);
Run declare_restart(CLI::App& command, const Common& common);
Run declare_run(CLI::App& command, const Common& common);
Run declare_show(CLI::App& command, const Common& common);
Run declare_start(CLI::App& command, const Common& common);
Run declare_status(CLI::App& command, const Common& common);
Run declare_stop(CLI::App& command, const Common& common);
Run declare_top(CLI::App& command, const Common& common);
Run declare_validate(CLI::App& command, const Common& common);

} // namespace parker::cli
