// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/read.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "machine/files.h"
#include "machine/hwloc_load.h"
#include "machine/memory.h"
#include "machine/pci.h"
#include "machine/platform.h"
#include "machine/remembered.h"
#include "machine/text.h"
#include "machine/topology.h"

namespace parker {
namespace {

constexpr const char* cpu_folder = "sys/devices/system/cpu";
constexpr std::size_t zoneinfo_limit = 8 * MiB; // a line a CPU and zone

std::optional<CpuSet> read_cpu_list(const Files& files, const std::string& path)
{
    const auto content = files.read(path);
    return content ? CpuSet::parse(text::trim(*content)) : std::nullopt;
}

bool has_cpus(const Files& files)
{
    const auto is_cpu = [](std::string_view name) {
        return name.starts_with("cpu") && text::number<unsigned>(name.substr(3));
    };
    return std::ranges::any_of(files.list(cpu_folder), is_cpu) || files.exists("proc/cpuinfo");
}

// Archives of machines unpack to folders with the machine's root somewhere inside.
std::optional<std::filesystem::path> machine_inside(std::filesystem::path folder)
{
    constexpr unsigned max_depth = 3;
    for (unsigned depth = 0; depth < max_depth; ++depth) {
        const Files files{folder};
        std::vector<std::string> folders;
        for (const auto& name : files.list(".")) {
            const auto inside = files.folder(name);
            if (inside && has_cpus(*inside))
                return folder / name;
            if (inside)
                folders.push_back(name);
        }
        if (folders.size() != 1)
            return std::nullopt;
        folder /= folders.front();
    }
    return std::nullopt;
}

// Without CPUs there, hwloc would count those of the machine that it runs on, or make one up.
void check_cpus(const Files& files, const std::filesystem::path& sysroot)
{
    if (has_cpus(files))
        return;
    const auto inside = machine_inside(sysroot);
    throw Error{Code::bad_machine, sysroot.string(), "no CPU is described below sys/devices/system/cpu",
                inside ? "--sysroot " + inside->string() : "a folder with sys/ and proc/ of a Linux machine in it"};
}

CpuSet cpu_list(const Files& files, const std::string& name)
{
    return read_cpu_list(files, cpu_folder + ("/" + name)).value_or(CpuSet{});
}

std::vector<unsigned> read_distances(const Files& files, const std::string& path, std::size_t nodes)
{
    std::vector<unsigned> distances;
    const auto line = files.line(path);
    std::string_view rest = line;
    while (!rest.empty()) {
        const auto distance = text::number<unsigned>(text::take_until(rest, ' '));
        if (!distance)
            return {};
        distances.push_back(*distance);
    }
    return distances.size() == nodes ? distances : std::vector<unsigned>{};
}

void read_nodes(const Files& files, Machine& machine)
{
    const auto zoneinfo = files.read("proc/zoneinfo", zoneinfo_limit);
    const auto present = zoneinfo ? parse_zoneinfo(*zoneinfo) : std::map<unsigned, std::uint64_t>{};
    for (auto& node : machine.nodes) {
        const auto folder = "sys/devices/system/node/node" + std::to_string(node.id);
        if (auto cpus = read_cpu_list(files, folder + "/cpulist"))
            node.cpus = std::move(*cpus); // of memory without CPUs, hwloc says which ones are near
        auto meminfo = files.read(folder + "/meminfo");
        if (!meminfo && machine.nodes.size() == 1)
            meminfo = files.read("proc/meminfo");
        const auto amounts = parse_meminfo(meminfo.value_or(""));
        const auto found = present.find(node.id);
        node.total_bytes =
            std::max({node.total_bytes, amounts.total_bytes, found != present.end() ? found->second : 0});
        node.free_bytes = std::min(amounts.free_bytes, node.total_bytes);
        node.distances = read_distances(files, folder + "/distance", machine.nodes.size());
    }
}

void assign_nodes(Machine& machine)
{
    std::vector<const Machine::Node*> node_of;
    for (const auto& node : machine.nodes)
        for (const auto cpu : node.cpus.to_vector()) {
            if (cpu >= node_of.size())
                node_of.resize(cpu + 1);
            if (node_of[cpu] == nullptr)
                node_of[cpu] = &node;
        }
    for (auto& core : machine.cores)
        for (const auto cpu : core.cpus.to_vector())
            if (cpu < node_of.size() && node_of[cpu] != nullptr) {
                core.node = node_of[cpu]->id;
                break;
            }
}

void remember(const std::filesystem::path& path, Machine& machine)
{
    std::string before;
    if (const auto folder = path.parent_path(); std::filesystem::is_directory(folder))
        before = Files{folder}.read(path.filename(), remembered_limit).value_or("");
    if (const auto cores = parse_cores(before)) {
        merge_cores(machine.cores, *cores, machine.possible - machine.online);
    } else if (!before.empty()) {
        machine.problems.push_back(path.string() + " is damaged: CPUs that are offline now belong to no known core");
    }
    const auto now = write_cores(machine.cores);
    if (now == before)
        return;
    try {
        replace_file(path, now);
    } catch (const Error& error) {
        machine.problems.push_back(error.what());
    }
}

} // namespace

Machine read_machine(const MachineSource& source)
{
    const Files files{source.sysroot};
    check_cpus(files, source.sysroot);
    SysrootTopology topology{source.sysroot};
    // While that is read: what needs no topology.
    Machine machine;
    const auto near = read_pci(files, machine);
    read_platform(files, source.sysroot == "/", machine);

    read_topology(topology.load().get(), source.sysroot.string(), machine);
    machine.possible |= cpu_list(files, "possible");
    // Firmware announces sockets that nobody filled: their CPUs are possible, and "offline" lists them, too.
    if (const auto present = read_cpu_list(files, cpu_folder + std::string{"/present"}))
        machine.possible = (machine.possible & *present) | machine.online;
    machine.isolated = cpu_list(files, "isolated") & machine.possible;
    machine.nohz_full = cpu_list(files, "nohz_full") & machine.possible;
    // "off" or "forceoff", in whose words (kernel/cpu.c: smt_states).
    machine.smt_off = files.line(cpu_folder + std::string{"/smt/control"}).ends_with("off");
    read_nodes(files, machine);
    assign_nodes(machine);
    if (!source.remembered.empty())
        remember(source.remembered, machine);
    finish_pci(machine, near);
    return machine;
}

} // namespace parker
