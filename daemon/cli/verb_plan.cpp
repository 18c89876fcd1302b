// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/bytes.h"
#include "bus/json.h"
#include "cli/client.h"
#include "cli/machine_source.h"
#include "cli/verb.h"
#include "control/in_use.h"
#include "control/network_link.h"
#include "manifest/load.h"
#include "manifest/missing.h"
#include "plan/preview.h"

namespace parker::cli {
namespace {

using Json = nlohmann::ordered_json;

bool daemon_runs(const Common& common)
{
    try {
        return Client{common.bus()}.daemon_runs();
    } catch (const Error&) { // no bus at all
        return false;
    }
}

Json local_plan(const Common& common, const std::vector<std::string>& names, PlanOptions options)
{
    const auto manifests = load_directories(common.manifest_directories());
    for (const auto& name : names)
        if (std::ranges::none_of(manifests.manifests,
                                 [&name](const Manifest& manifest) { return manifest.name.value == name; }))
            throw why_none(name, names_of(manifests), manifests.findings, manifests.reading);
    if (!common.machine) // as far as one may look: of its own drives the kernel tells only root
        options.in_use = [root = common.sysroot](const Bdf& device) { return boot_use(device, root); };
    auto preview = make_preview(read_machine(common), manifests.manifests, {}, options);
    preview.held_known = false;
    preview.findings.insert(preview.findings.begin(), manifests.findings.begin(), manifests.findings.end());
    keep_only(preview, names);
    return parker::to_json(preview);
}

std::string text(const Json& object, const char* key)
{
    return object.value(key, std::string{});
}

// parkerd cannot know which way its caller came in.
void warn_of_session(Json& plan)
{
    const auto own = session_link();
    auto& findings = plan["findings"];
    if (own.empty() || !findings.is_array())
        return;
    for (const auto& change : plan.value("changes", Json::array()))
        for (const auto& device : change.value("devices", Json::object()).value("take", Json::array())) {
            const auto bdf = Bdf::parse(device.is_string() ? device.get<std::string>() : std::string{});
            const auto use = bdf ? link_use(*bdf, "/", own) : std::nullopt;
            const auto is_told = [&use](const Json& finding) {
                return text(finding, "code") == info(Code::device_busy).name &&
                       text(finding, "message").starts_with(use->why.object());
            };
            if (!use || !use->blocks || std::ranges::any_of(findings, is_told))
                continue;
            Finding finding;
            finding.severity = Severity::warning;
            finding.code = use->why.code();
            finding.partition = change.value("name", std::string{});
            finding.message = use->why.what();
            finding.suggestion = use->why.suggestion();
            findings.push_back(parker::to_json(finding));
        }
}

Findings findings_of(const Json& plan)
{
    Findings findings;
    for (const auto& entry : plan.value("findings", Json::array())) {
        const auto* row = find_code(text(entry, "code"));
        findings.push_back(
            {.severity = text(entry, "severity") == "error" ? Severity::error : Severity::warning,
             .code = row != nullptr ? row->code : Code::failed,
             .at = {.file = text(entry, "file"), .line = entry.value("line", 0U), .column = entry.value("column", 0U)},
             .partition = text(entry, "partition"),
             .message = text(entry, "message"),
             .source_line = text(entry, "source_line"),
             .holder = text(entry, "holder"),
             .suggestion = text(entry, "suggestion")});
    }
    return findings;
}

// What stays, then "+" what is taken, then "-" what is given back; "-" alone for nothing.
std::string difference(const std::string& keep, const std::string& take, const std::string& give)
{
    std::string all = keep;
    for (const auto& [sign, what] : {std::pair{'+', &take}, std::pair{'-', &give}})
        if (!what->empty())
            all += fmt::format("{}{}{}", all.empty() ? "" : " ", sign, *what);
    return all.empty() ? "-" : all;
}

std::string cpus_text(const Json& cpus)
{
    return difference(text(cpus, "keep"), text(cpus, "take"), text(cpus, "give"));
}

std::string memory_text(const Json& nodes)
{
    std::string all;
    for (const auto& entry : nodes) {
        const auto held = entry.value("held_bytes", std::uint64_t{0});
        const auto planned = entry.value("planned_bytes", std::uint64_t{0});
        const auto size = [](std::uint64_t bytes) { return bytes == 0 ? std::string{} : format_bytes(bytes); };
        const auto keep = std::min(held, planned);
        all += fmt::format("{}node {}: {}", all.empty() ? "" : ", ", entry.value("node", 0U),
                           difference(size(keep), size(planned - keep), size(held - keep)));
    }
    return all.empty() ? "-" : all;
}

std::string devices_text(const Json& devices)
{
    const auto list = [&devices](const char* key, const char* separator) {
        return fmt::format("{}", fmt::join(devices.value(key, std::vector<std::string>{}), separator));
    };
    return difference(list("keep", " "), list("take", " +"), list("give", " -"));
}

void print_changes(const Json& plan, bool legend)
{
    std::vector<std::vector<std::string>> rows{{"NAME", "PLAN", "CPUS", "MEMORY", "DEVICES"}};
    for (const auto& change : plan.value("changes", Json::array()))
        rows.push_back({text(change, "name"), change.value("needs_restart", false) ? "restart" : text(change, "action"),
                        cpus_text(change.value("cpus", Json::object())),
                        memory_text(change.value("memory", Json::array())),
                        devices_text(change.value("devices", Json::object()))});
    print_table(rows, legend && rows.size() > 1);
}

void print_steps(const Json& plan)
{
    unsigned number = 0;
    for (const auto& step : plan.value("steps", Json::array())) {
        const auto what = text(step, "what");
        fmt::print("{}{:>4}. {}: {}{}{}\n", number == 0 ? "\n" : "", number + 1, text(step, "partition"),
                   text(step, "step"), what.empty() ? "" : " ", what);
        ++number;
    }
}

} // namespace

Run declare_plan(CLI::App& command, const Common& common)
{
    command.footer(
        "Which CPUs, how much memory of which node and which devices each partition would take, keep or give "
        "back, and the steps in their order. Asks parkerd, which knows what is held; without it, or with "
        "`--config`, `--sysroot`, `--machine` or `--memory-floor`, plans as if nothing was held.");
    const auto names = std::make_shared<std::vector<std::string>>();
    const auto floor = std::make_shared<std::string>();
    command.add_option("NAME", *names, "Partitions; all, if none is named");
    command
        .add_option("--memory-floor", *floor,
                    "Plan as a parkerd would that leaves the boot kernel this much at least: 4GiB")
        ->type_name("SIZE");
    return [names, floor, &common] {
        Json plan;
        // Only parkerd knows what is held; but a plan must be possible before it ever ran.
        if (common.config.empty() && !common.is_elsewhere() && floor->empty() && daemon_runs(common))
            plan = Json::parse(Client{common.bus(), common.ask_password}.plan(*names), nullptr, false);
        else
            plan = local_plan(common, *names, floor->empty() ? PlanOptions{} : PlanOptions{memory_floor(*floor)});
        if (!common.is_elsewhere() && !common.session && plan.is_object())
            warn_of_session(plan);
        const auto findings = findings_of(plan);
        if (common.json != JsonMode::off) {
            print_json(plan, common.json);
        } else {
            print_findings(findings);
            if (!plan.value("held_known", false))
                fmt::print(stderr, "parkerctl: without parkerd: what partitions hold already is not looked at\n");
            print_changes(plan, !common.no_legend);
            print_steps(plan);
        }
        return exit_code(findings);
    };
}

} // namespace parker::cli
