// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/json.h"

#include <algorithm>
#include <map>
#include <utility>

namespace parker {

using Json = nlohmann::ordered_json;

namespace {

Json to_json(const CpuSet& held, const CpuSet& planned)
{
    return Json{{"keep", (held & planned).to_string()},
                {"take", (planned - held).to_string()},
                {"give", (held - planned).to_string()}};
}

Json to_json(const std::map<unsigned, std::uint64_t>& held, const std::map<unsigned, std::uint64_t>& planned)
{
    std::map<unsigned, std::pair<std::uint64_t, std::uint64_t>> nodes;
    for (const auto& [node, bytes] : held)
        nodes[node].first = bytes;
    for (const auto& [node, bytes] : planned)
        nodes[node].second = bytes;
    auto json = Json::array();
    for (const auto& [node, bytes] : nodes)
        json.push_back(Json{{"node", node}, {"held_bytes", bytes.first}, {"planned_bytes", bytes.second}});
    return json;
}

// Both are ordered.
Json to_json(const std::vector<Bdf>& held, const std::vector<Bdf>& planned)
{
    Json json{{"keep", Json::array()}, {"take", Json::array()}, {"give", Json::array()}};
    for (const auto& device : held)
        json[std::ranges::binary_search(planned, device) ? "keep" : "give"].push_back(device.to_string());
    for (const auto& device : planned)
        if (!std::ranges::binary_search(held, device))
            json["take"].push_back(device.to_string());
    return json;
}

Json to_json(const Change& change)
{
    return Json{{"name", change.name},
                {"action", std::string{to_string(change.action())}},
                {"needs_restart", change.needs_restart},
                {"cpus", to_json(change.held.cpus, change.planned.cpus)},
                {"memory", to_json(change.held.memory_bytes, change.planned.memory_bytes)},
                {"devices", to_json(change.held.devices, change.planned.devices)}};
}

} // namespace

std::string dump(const Json& json, int indent)
{
    return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string utf8(const std::string& text)
{
    return Json::parse(dump(Json(text))).get<std::string>();
}

Json to_json(const Finding& finding)
{
    Json json{{"severity", finding.severity == Severity::error ? "error" : "warning"},
              {"code", std::string{info(finding.code).name}},
              {"message", finding.message}};
    const auto add = [&json](const char* key, const std::string& value) {
        if (!value.empty())
            json[key] = value;
    };
    add("partition", finding.partition);
    add("file", finding.at.file);
    if (finding.at.line != 0) {
        json["line"] = finding.at.line;
        json["column"] = finding.at.column;
    }
    add("source_line", finding.source_line);
    add("holder", finding.holder);
    add("suggestion", finding.suggestion);
    return json;
}

Json to_json(const Findings& findings)
{
    auto json = Json::array();
    for (const auto& finding : findings)
        json.push_back(to_json(finding));
    return json;
}

Json to_json(const Preview& preview)
{
    auto changes = Json::array();
    for (const auto& change : preview.changes)
        changes.push_back(to_json(change));
    auto all_steps = Json::array();
    for (const auto& step : steps(preview))
        all_steps.push_back(
            Json{{"partition", step.partition}, {"step", std::string{to_string(step.verb)}}, {"what", step.what}});
    return Json{{"held_known", preview.held_known},
                {"changes", std::move(changes)},
                {"steps", std::move(all_steps)},
                {"findings", to_json(preview.findings)}};
}

} // namespace parker
