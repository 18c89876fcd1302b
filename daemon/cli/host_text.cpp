// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/bytes.h"
#include "cli/host_report.h"
#include "cli/output.h"

namespace parker::cli {
namespace {

constexpr std::size_t few = 8; // places are listed one by one; more of them are summed up

void print_line(std::string_view label, std::string_view value)
{
    fmt::print("{:>20}: {}\n", label, value);
}

// The kernel's list format has a short form for every n-th CPU, "0-60:1/4", which numbering across nodes asks for.
std::string to_text(const CpuSet& cpus)
{
    const auto all = cpus.to_vector();
    if (all.empty())
        return "-";
    const auto step = all.size() > 1 ? all[1] - all[0] : 1;
    const auto breaks = [step](unsigned one, unsigned next) { return next - one != step; };
    if (step < 2 || all.size() < 4 || std::ranges::adjacent_find(all, breaks) != all.end())
        return cpus.to_string();
    return fmt::format("{}-{}:1/{}", all.front(), all.back(), step);
}

std::string to_text(const std::set<std::size_t>& numbers)
{
    return numbers.size() == 1 ? std::to_string(*numbers.begin())
                               : fmt::format("{} to {}", *numbers.begin(), *numbers.rbegin());
}

// "10 21*7": equal neighbours are counted.
std::string to_text(const std::vector<unsigned>& distances)
{
    std::string text;
    for (auto at = distances.begin(); at != distances.end();) {
        const auto next = std::find_if(at, distances.end(), [at](unsigned each) { return each != *at; });
        text += fmt::format("{}{}", text.empty() ? "" : " ", *at);
        if (next - at > 1)
            text += fmt::format("*{}", next - at);
        at = next;
    }
    return text.empty() ? "?" : text;
}

std::string l3_text(const std::vector<Machine::L3>& caches)
{
    std::set<std::size_t> cpus;
    std::set<std::uint64_t> bytes;
    std::string list;
    for (const auto& cache : caches) {
        cpus.insert(cache.cpus.size());
        bytes.insert(cache.bytes);
        list += (list.empty() ? "" : "; ") + to_text(cache.cpus);
    }
    auto text = fmt::format("{} of {} CPU{}", caches.size(), to_text(cpus), *cpus.rbegin() == 1 ? "" : "s");
    if (*bytes.begin() != 0)
        text += bytes.size() == 1
                    ? fmt::format(", {}", format_bytes(*bytes.begin()))
                    : fmt::format(", {} to {}", format_bytes(*bytes.begin()), format_bytes(*bytes.rbegin()));
    return caches.size() > few ? text : text + ": " + list;
}

std::string kind_text(const Machine::CoreKind& kind)
{
    auto text = fmt::format("CPU{} {}", kind.cpus.size() == 1 ? "" : "s", to_text(kind.cpus));
    if (!kind.name.empty())
        text += ", " + kind.name;
    if (kind.max_mhz != 0)
        text += fmt::format(", up to {} MHz", kind.max_mhz);
    if (kind.efficiency == 0U)
        text += ", saves most power";
    return text;
}

std::string free_text(const Machine& machine, std::uint64_t free_bytes)
{
    return machine.described ? "?" : format_bytes(free_bytes);
}

} // namespace

void HostReport::print(bool legend)
{
    if (!machine_.vendor.empty() || !machine_.product.empty())
        print_line("Machine",
                   fmt::format("{}{}{}", machine_.vendor, machine_.vendor.empty() ? "" : " ", machine_.product));
    if (machine_.described)
        print_line("Known", "what hwloc's description has: no drivers, IOMMU, interrupts, free memory or boot kernel");
    print_cpus();
    print_memory();
    print_kernel();
    print_nodes(legend);
    print_functions(legend);
}

void HostReport::print_cpus() const
{
    print_line("CPUs", std::to_string(machine_.online.size()));
    print_line("Online", fmt::format("{} (the machine starts with {}, which stays)", to_text(machine_.online),
                                     machine_.boot_cpu));
    const auto line_if = [](const char* label, const CpuSet& cpus, const char* what) {
        if (!cpus.empty())
            print_line(label, fmt::format("{}: {}{}", cpus.size(), to_text(cpus), what));
    };
    line_if("Offline", machine_.possible - machine_.online, "");
    line_if("Isolated", machine_.isolated, "");
    line_if("Without tick", machine_.nohz_full, " (nohz_full)");
    line_if("Out of reach", machine_.far_cpus, " (APIC IDs above 254; no partition can have them)");
    line_if("Disallowed", machine_.disallowed, " (by a cgroup; partitions can have them)");

    std::set<unsigned> packages;
    std::set<std::size_t> threads;
    for (const auto& core : machine_.cores) {
        packages.insert(core.package);
        threads.insert(core.cpus.size());
    }
    print_line("Packages", std::to_string(packages.size()));
    print_line("Cores", machine_.cores_known ? fmt::format("{} of {} CPU{}", machine_.cores.size(), to_text(threads),
                                                           *threads.rbegin() == 1 ? "" : "s")
                                             : "not known: each CPU counts as one");
    if (machine_.kinds.size() > 1)
        for (const auto& kind : machine_.kinds)
            print_line("Kind of core", kind_text(kind));
    print_line("L3 caches", machine_.l3.empty() ? "none known" : l3_text(machine_.l3));
}

void HostReport::print_memory() const
{
    std::uint64_t total = 0;
    std::uint64_t free = 0;
    for (const auto& node : machine_.nodes) {
        total += node.total_bytes;
        free += node.free_bytes;
    }
    print_line("Memory",
               total == 0 ? "not known" : fmt::format("{}, {} free", format_bytes(total), free_text(machine_, free)));
    print_line("Nodes", std::to_string(machine_.nodes.size()));
}

void HostReport::print_nodes(bool legend) const
{
    if (machine_.nodes.size() < 2)
        return;
    std::vector<std::vector<std::string>> rows{{"NODE", "MEMORY", "FREE", "DISTANCES", "CPUS"}};
    for (const auto& node : machine_.nodes)
        rows.push_back({std::to_string(node.id), format_bytes(node.total_bytes), free_text(machine_, node.free_bytes),
                        to_text(node.distances), to_text(node.cpus)});
    fmt::print("\n");
    print_table(rows, legend);
}

void HostReport::print_kernel() const
{
    if (!machine_.kernel_release.empty())
        print_line("Kernel", machine_.kernel_release);
    if (machine_.described)
        return;
    if (!words_.empty())
        print_line("Its words", fmt::format("{}", fmt::join(words_, " ")));
    std::string open;
    for (const auto& [name, state] : machine_.vulnerabilities)
        if (state.starts_with("Vulnerable"))
            open += (open.empty() ? "" : " ") + name;
    if (!open.empty())
        print_line("Vulnerable to", open);
    constexpr const char* not_known = "not known: the snapshot leaves it out";
    print_line("IOMMU", !machine_.iommu_known ? not_known
                        : machine_.iommu      ? "on: the DMA of partitions can be confined"
                                              : "off");
    print_line("Interrupt remapping", !machine_.interrupt_remapping_known ? "not known: no interrupt chip is named"
                                      : machine_.interrupt_remapping      ? "on"
                                                                          : "off");
    if (!machine_.memory_encryption.empty())
        print_line("Memory encryption", machine_.memory_encryption);
    if (machine_.has_hfi)
        print_line("Hardware feedback", "hidden from partitions: its table belongs to the whole package");
    if (!machine_.microcode.empty())
        print_line("Microcode",
                   machine_.microcode + (machine_.late_microcode ? ", can be replaced while the machine runs" : ""));
    print_line("Module", module_ ? "loaded" : "not loaded");
    for (const auto& text : advice())
        print_line("Advice", text);
}

void HostReport::print_functions(bool legend)
{
    if (machine_.functions.empty())
        return;
    std::vector<std::vector<std::string>> rows{{"FUNCTION", "NODE", "GROUP", "DRIVER", "ASSIGNABLE", "WHAT"}};
    for (const auto& function : machine_.functions) {
        const auto may = verdict(function);
        auto what = describe(function);
        if (function.physical_function)
            what += fmt::format(" (virtual function of {})", function.physical_function->to_string());
        if (function.max_virtual > 0)
            what += fmt::format(" ({} of {} virtual functions)", function.virtual_functions, function.max_virtual);
        const auto* unknown = machine_.described ? "?" : "-";
        rows.push_back({function.bdf.to_string(), function.node ? std::to_string(*function.node) : "?",
                        function.iommu_group ? std::to_string(*function.iommu_group) : unknown,
                        function.driver.empty() ? unknown : function.driver,
                        !may.assignable   ? "?"
                        : *may.assignable ? "yes"
                                          : fmt::format("no [{}]", may.code),
                        what});
    }
    fmt::print("\n");
    print_table(rows, legend);
}

} // namespace parker::cli
