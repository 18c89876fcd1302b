// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <map>

#include "base/error.h"
#include "base/wrap.h"
#include "cli/verb.h"

namespace {

using namespace parker::cli;

constexpr int usage = 2;

// Errors name the mistake and print no usage page.
int report(const CLI::ParseError& error)
{
    fmt::print(stderr, "parkerctl: {}\n  try: parkerctl --help\n", error.what());
    return usage;
}

JsonMode json_mode(const std::string& name)
{
    if (name == "pretty")
        return JsonMode::pretty;
    if (name == "short")
        return JsonMode::short_;
    if (name == "off")
        return JsonMode::off;
    throw CLI::ValidationError{"--json", "'" + name + "' is none of pretty, short, off"};
}

int run(const Run& verb)
{
    // The boundary for exceptions of the whole program.
    try {
        return verb();
    } catch (const parker::Error& error) {
        print_error(error);
        return parker::info(error.code()).exit_code;
    } catch (const std::exception& error) {
        fmt::print(stderr, "parkerctl: bug: {}\n", error.what());
        return 1;
    }
}

} // namespace

int main(int argc, char** argv)
{
    Common common;
    CLI::App app{"Partitions of this machine, each with a kernel of its own.", "parkerctl"};
    app.formatter_fn([](const CLI::App* command, const std::string& name, CLI::AppFormatMode mode) {
        const CLI::Formatter formatter;
        return parker::wrapped(formatter.make_help(command, name, mode), formatter.get_column_width());
    });
    app.set_version_flag("--version", PARKER_VERSION);
    app.fallthrough(); // so that these may stand behind the verb, too
    app.require_subcommand(0, 1);
    app.add_option_function<std::string>(
           "--json", [&common](const std::string& mode) { common.json = json_mode(mode); },
           "Print data as JSON, spread out or in a line; off: as text")
        ->type_name("pretty|short|off");
    app.add_flag("--no-legend", common.no_legend, "Print no headings");
    app.add_flag("--session", common.session, "Talk to a parkerd on the session bus");
    app.add_flag_callback(
        "--no-ask-password", [&common] { common.ask_password = false; },
        "Ask nobody for a password: what needs one is refused");
    app.add_option("--config", common.config, "cat, validate, plan: directory of manifests")->type_name("DIR");
    auto* sysroot =
        app.add_option("--sysroot", common.sysroot, "host, plan: read the machine from DIR/sys and DIR/proc")
            ->type_name("DIR");
    app.add_option("--machine", common.machine,
                   "host, plan: an hwloc export, or a description: \"node:8 core:64 pu:2\"")
        ->type_name("FILE|TEXT")
        ->excludes(sysroot);

    std::map<std::string, Run> runs;
    for (const auto& verb : verbs())
        runs.emplace(verb.name, verb.declare(*app.add_subcommand(verb.name, verb.summary), common));
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) { // --help, --version
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        return report(error);
    }
    const auto chosen = app.get_subcommands();
    return run(runs.at(chosen.empty() ? verbs().front().name : chosen.front()->get_name()));
}
