// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/hwloc_load.h"

#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "machine/topology.h"

namespace parker {
namespace {

constexpr const char* live_root = "/";

using Choose = std::function<bool(hwloc_topology_t topology)>;

// Null if hwloc cannot.
Hwloc load(const Choose& choose_source)
{
    Hwloc topology{nullptr, hwloc_topology_destroy};
    hwloc_topology_t raw = nullptr;
    if (hwloc_topology_init(&raw) != 0)
        return topology;
    topology.reset(raw);

    // CPUs that a cgroup keeps from us are CPUs all the same.
    hwloc_topology_set_flags(raw, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    // The x86 component would bind this thread to each CPU in turn, and so disturb whatever runs there.
    hwloc_topology_set_components(raw, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86");
    hwloc_topology_set_all_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_NONE);
    for (const auto type : {HWLOC_OBJ_PACKAGE, HWLOC_OBJ_CORE, HWLOC_OBJ_L3CACHE})
        hwloc_topology_set_type_filter(raw, type, HWLOC_TYPE_FILTER_KEEP_ALL);
    // Of descriptions, groups alone say which CPUs a node of theirs is near.
    hwloc_topology_set_type_filter(raw, HWLOC_OBJ_GROUP, HWLOC_TYPE_FILTER_KEEP_STRUCTURE);
    if (!choose_source(raw) || hwloc_topology_load(raw) != 0)
        topology.reset();
    return topology;
}

bool choose_xml(hwloc_topology_t topology, const std::string& xml)
{
    for (const auto type : {HWLOC_OBJ_BRIDGE, HWLOC_OBJ_PCI_DEVICE})
        hwloc_topology_set_type_filter(topology, type, HWLOC_TYPE_FILTER_KEEP_ALL);
    return hwloc_topology_set_xmlbuffer(topology, xml.c_str(), static_cast<int>(xml.size() + 1)) == 0;
}

std::optional<std::string> export_xml(hwloc_topology_t topology)
{
    char* buffer = nullptr;
    int bytes = 0; // with the final 0
    if (hwloc_topology_export_xmlbuffer(topology, &buffer, &bytes, 0) != 0)
        return std::nullopt;
    std::string xml{buffer, static_cast<std::size_t>(bytes) - 1};
    hwloc_free_xmlbuffer(topology, buffer);
    return xml;
}

// hwloc takes its orders from the environment, too, by some fifty names, and each version has others. There, nobody
// but us has a say.
void clear_environment()
{
    constexpr std::string_view its_own = "HWLOC_";
    std::vector<std::string> names;
    for (auto** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
        if (const std::string_view variable{*entry}; variable.starts_with(its_own))
            names.emplace_back(variable.substr(0, variable.find('=')));
    for (const auto& name : names)
        ::unsetenv(name.c_str());
}

void prepare_environment()
{
    clear_environment();
    ::setenv("HWLOC_HIDE_ERRORS", "2", 1); // it would speak to stderr about a machine's contradictions
    // Of its two XML libraries the small one: it knows neither entities nor DTDs, and is there on every machine.
    ::setenv("HWLOC_LIBXML", "0", 1);
}

// For a child.
auto attempt(const Choose& choose_source, const std::string& name)
{
    return [choose_source, name]() -> std::optional<std::string> {
        prepare_environment();
        ::setenv("HWLOC_XML_VERBOSE", "1", 1);
        ::setenv("HWLOC_SYNTHETIC_VERBOSE", "1", 1);
        const auto loaded = load(choose_source);
        if (!loaded)
            return std::nullopt;
        check_size(loaded.get(), name);
        return export_xml(loaded.get());
    };
}

Hwloc finish(Trial& trial, const std::string& name, const std::string& what)
{
    const auto outcome = trial.finish();
    prepare_environment();
    // What comes back is of hwloc's own making, and no larger than a machine.
    auto topology = outcome.result
                        ? load([&outcome](hwloc_topology_t empty) { return choose_xml(empty, *outcome.result); })
                        : Hwloc{nullptr, hwloc_topology_destroy};
    if (outcome.refused)
        throw Error{Code::bad_machine, name, outcome.words};
    if (!topology) {
        const bool tells_nothing = outcome.words.empty() || outcome.words.starts_with("Failed to parse XML input");
        throw Error{Code::bad_machine, name, what + (tells_nothing ? "" : ": " + outcome.words)};
    }
    return topology;
}

} // namespace

SysrootTopology::SysrootTopology(std::filesystem::path sysroot) : sysroot_{std::move(sysroot)}
{
    if (sysroot_ == live_root)
        return;
    const auto choose = [this](hwloc_topology_t) {
        // There is no other way to tell it. It is asked for when the topology is loaded, and never again.
        ::setenv("HWLOC_FSROOT", sysroot_.c_str(), 1);
        return true;
    };
    trial_.emplace(attempt(choose, sysroot_.string()));
}

Hwloc SysrootTopology::load()
{
    if (trial_)
        return finish(*trial_, sysroot_.string(), "hwloc cannot read a topology there");
    clear_environment();
    auto topology = parker::load([](hwloc_topology_t) { return true; });
    if (!topology)
        throw Error{Code::bad_machine, live_root, "hwloc cannot read the machine's topology"};
    return topology;
}

Hwloc load_xml(const std::string& xml, const std::string& name)
{
    Trial trial{attempt([&xml](hwloc_topology_t topology) { return choose_xml(topology, xml); }, name)};
    return finish(trial, name, "this is no hwloc export");
}

Hwloc load_synthetic(const std::string& description)
{
    const auto name = "machine \"" + description + "\"";
    Trial trial{attempt(
        [&description](hwloc_topology_t topology) {
            return hwloc_topology_set_synthetic(topology, description.c_str()) == 0;
        },
        name)};
    return finish(trial, name, "hwloc does not understand this description");
}

} // namespace parker
