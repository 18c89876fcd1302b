// SPDX-License-Identifier: LGPL-2.1-or-later
// Advice must help: for random machines and wishes, whatever a finding suggests is tried, and has to succeed.
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <random>
#include <regex>
#include <set>

#include "machines.h"

using namespace parker;
using namespace parker::test;

namespace {

class Dice {
public:
    explicit Dice(unsigned seed) : random_{seed} {}
    unsigned operator()(unsigned low, unsigned high)
    {
        return std::uniform_int_distribution<unsigned>{low, high}(random_);
    }
    bool one_in(unsigned times) { return (*this)(1, times) == 1; }

private:
    std::mt19937 random_;
};

// Nodes with gaps in their numbers, some without CPUs, some without memory, some that share CPUs; cores of two kinds;
// offline CPUs; devices with all that can be in the way.
Machine odd_machine(Dice& dice)
{
    Machine machine;
    unsigned id = 0;
    unsigned cpu = 0;
    for (unsigned i = dice(1, 4); i > 0; --i, id += dice(1, 3)) {
        Machine::Node node;
        node.id = id;
        node.total_bytes = dice.one_in(6) ? 0 : dice(16, 2048) * MiB + (dice.one_in(2) ? dice(0, 511) * 4 * KiB : 0);
        node.free_bytes = node.total_bytes;
        const bool has_cpus = machine.cores.empty() || !dice.one_in(4);
        for (unsigned core = has_cpus ? dice(1, 6) : 0; core > 0; --core) {
            Machine::Core added;
            added.node = id;
            added.package = id;
            added.l3 = id * 2 + core % 2;
            for (unsigned threads = dice.one_in(4) ? 1 : dice.one_in(5) ? 4 : 2; threads > 0; --threads)
                added.cpus.add(cpu++);
            node.cpus |= added.cpus;
            machine.cores.push_back(added);
        }
        if (!has_cpus && dice.one_in(2))
            node.cpus = machine.nodes.front().cpus;
        machine.possible |= node.cpus;
        machine.nodes.push_back(node);
    }
    machine.online = machine.possible;
    for (unsigned i = dice(0, 3); i > 0; --i)
        machine.online.remove(dice(1, cpu));
    if (dice.one_in(2))
        for (auto& from : machine.nodes)
            for (const auto& to : machine.nodes)
                from.distances.push_back(from.id == to.id ? 10 : dice(11, 40));
    for (std::uint8_t bus = 1; bus < 6; ++bus)
        add_bus(machine, bus, dice(1, 2), machine.nodes[dice(0, static_cast<unsigned>(machine.nodes.size()) - 1)].id);
    machine.ecam_known = dice.one_in(2);
    machine.ecam.push_back({0, 0, static_cast<std::uint8_t>(dice(2, 8)), 0xe0000000});
    machine.iommu = dice.one_in(2);
    for (auto& function : machine.functions) {
        function.has_msi = !dice.one_in(5);
        function.virtual_functions = dice.one_in(8) ? dice(1, 3) : 0;
        if (!dice.one_in(4))
            function.iommu_group = dice(1, 6);
    }
    return machine;
}

struct Case {
    explicit Case(unsigned seed) : dice{seed}, machine{odd_machine(dice)}
    {
        options.boot_memory_bytes = dice.one_in(2) ? 0 : dice(1, 512) * MiB;
        Holding holding{"x", {}, {}, {}};
        for (unsigned i = dice(0, 6); i > 0; --i)
            if (const auto& core = machine.cores[any(machine.cores)]; !core.cpus.contains(machine.boot_cpu))
                holding.cpus.add(core.cpus.to_vector()[any(core.cpus.to_vector())]);
        const auto& node = machine.nodes[any(machine.nodes)];
        if (const auto bytes = std::min<std::uint64_t>(node.total_bytes, dice(1, 700) * MiB); bytes > 0)
            holding.memory.push_back({4 * GiB, 4 * GiB + bytes, node.id});
        if (dice.one_in(2))
            holding.devices.push_back(machine.functions[any(machine.functions)].bdf);
        held.push_back(holding);
        std::set<Bdf> used;
        for (const auto& function : machine.functions)
            if (dice.one_in(4))
                used.insert(function.bdf);
        options.in_use = [used](const Bdf& bdf) {
            return used.contains(bdf) ? std::optional{BootUse{Error{Code::device_busy, bdf.to_string(), "in use"}}}
                                      : std::nullopt;
        };
    }
    template <typename List>
    std::size_t any(const List& list)
    {
        return dice(0, static_cast<unsigned>(list.size()) - 1);
    }

    Manifest wish()
    {
        auto wish = manifest("a").count(dice(0, 20)).memory(dice(0, 4000) * MiB + (dice.one_in(3) ? 4 * KiB : 0));
        const auto node = [this] { return dice.one_in(4) ? dice(0, 12) : machine.nodes[any(machine.nodes)].id; };
        if (dice.one_in(3))
            wish.node(node());
        if (dice.one_in(3))
            wish.threads();
        if (dice.one_in(3)) {
            CpuSet cpus;
            for (unsigned i = dice(0, 6); i > 0; --i)
                cpus.add(dice(0, 30));
            wish.list(cpus.to_string().c_str());
        }
        if (dice.one_in(2)) {
            std::map<unsigned, std::uint64_t> nodes;
            for (unsigned i = dice(1, 2); i > 0; --i)
                nodes[node()] = dice(0, 1500) * MiB;
            wish.memory(nodes);
        }
        if (dice.one_in(3))
            wish.dma(Manifest::Dma::required);
        for (unsigned i = dice(0, 2); i > 0; --i)
            if (dice.one_in(2))
                wish.match(dice.one_in(2) ? std::optional{node()} : std::nullopt);
            else
                wish.device(machine.functions[any(machine.functions)].bdf.to_string().c_str());
        return wish;
    }

    // The errors about one part of the wish: CPUs are at lines 2 and 4, memory at 3, devices from 10 on.
    std::string errors(const Manifest& wish, unsigned first, unsigned last) const
    {
        Findings found;
        for (const auto& finding : make_plan(machine, std::vector{wish}, held, options).findings)
            if (finding.severity == Severity::error && finding.at.line >= first && finding.at.line <= last)
                found.push_back(finding);
        return text(found);
    }
    std::string cpu_errors(Manifest wish) const
    {
        wish.memory.nodes_bytes.clear(); // which has no say in whether CPUs can be had
        wish.memory.size_bytes = 64 * MiB;
        wish.devices.clear();
        std::string all;
        for (const auto line : {2U, 4U})
            all += errors(wish, line, line);
        return all;
    }
    std::string memory_errors(const Manifest& wish) const { return errors(wish, 3, 3); }
    std::string device_errors(const Manifest& wish, unsigned line) const { return errors(wish, line, line); }

    Dice dice;
    Machine machine;
    std::vector<Holding> held;
    PlanOptions options;
};

std::vector<std::smatch> all_matches(const std::string& text, const std::regex& pattern)
{
    return {std::sregex_iterator{text.begin(), text.end(), pattern}, std::sregex_iterator{}};
}

unsigned number(const std::ssub_match& text)
{
    return static_cast<unsigned>(std::stoul(text.str()));
}

// How often each kind of advice was tried.
using Tally = std::map<std::string, unsigned>;

void try_cpus(const Case& trial, const Manifest& wish, const std::string& advice, Tally& tally)
{
    const auto expect = [&trial, &tally](const Manifest& better, const std::string& kind) {
        ++tally[kind];
        CAPTURE(kind);
        REQUIRE(trial.cpu_errors(better).empty());
    };
    const auto with_count = [&wish](unsigned count) {
        auto better = wish;
        better.cpus.count = count;
        return better;
    };
    for (const auto& found : all_matches(advice, std::regex{"ask for (\\d+) at most"})) {
        REQUIRE(number(found[1]) > 0);
        REQUIRE(number(found[1]) < wish.cpus.count);
        expect(with_count(number(found[1])), "at most");
    }
    for (const auto& found : all_matches(advice, std::regex{"`count: (\\d+)`"})) {
        REQUIRE(number(found[1]) > 0);
        expect(with_count(number(found[1])), "count");
    }
    if (advice.find("`sharing: threads`") != std::string::npos) {
        auto better = wish;
        better.cpus.sharing = Manifest::Sharing::threads;
        // A list may have other faults, which are findings of their own.
        if (!wish.cpus.list || trial.cpu_errors(wish).find('\n') == trial.cpu_errors(wish).size() - 1)
            expect(better, "threads");
    }
    if (advice.find("leave out `node`") != std::string::npos && !wish.cpus.list) {
        auto better = wish;
        better.cpus.node.reset();
        expect(better, "no node");
    }
    for (const auto& found : all_matches(advice, std::regex{"(?:`list: \"|free are )([0-9,-]+)"})) {
        auto better = wish;
        better.cpus.list = CpuSet::parse(found[1].str()).value();
        expect(better, "list");
    }
    for (const auto& found : all_matches(advice, std::regex{"`node: (\\d+)`"})) {
        auto better = wish;
        better.cpus.node->value = number(found[1]);
        ++tally["node"];
        REQUIRE(trial.cpu_errors(better).find("no-such-node") == std::string::npos);
    }
}

void try_memory(const Case& trial, const Manifest& wish, const std::string& advice, Tally& tally)
{
    const auto expect = [&trial, &tally](Manifest better, const std::string& kind) {
        ++tally[kind];
        CAPTURE(kind);
        REQUIRE(trial.memory_errors(better).empty());
    };
    for (const auto& found : all_matches(advice, std::regex{"([0-9.]+[KMGT]iB) at most of node (\\d+)"})) {
        auto better = wish;
        const auto bytes = parse_bytes(found[1].str());
        REQUIRE(bytes);
        better.memory.nodes_bytes[number(found[2])] = *bytes;
        ++tally["of node"];
        // Another node of the wish may be at fault, too, and says so itself.
        REQUIRE(trial.memory_errors(better).find("of node " + found[2].str() + ";") == std::string::npos);
        if (wish.memory.nodes_bytes.size() == 1)
            expect(better, "of one node");
    }
    const auto by_size = [&wish](const std::string& size) {
        auto better = wish;
        better.memory.nodes_bytes.clear();
        better.memory.size_bytes = parse_bytes(size);
        REQUIRE(better.memory.size_bytes);
        REQUIRE(*better.memory.size_bytes > 0);
        return better;
    };
    for (const auto& found : all_matches(advice, std::regex{"^([0-9.]+[KMGT]iB)(?: at most| or more)?$"})) {
        const bool of_node = advice.find(' ') == std::string::npos && !wish.memory.size_bytes;
        if (!of_node) // which of several nodes is not told there
            expect(by_size(found[1].str()), "size");
    }
    for (const auto& found : all_matches(advice, std::regex{"`size: ([0-9.]+[KMGT]iB)`"}))
        expect(by_size(found[1].str()), "any node");
}

void try_device(const Case& trial, const Manifest& wish, const Finding& finding, Tally& tally)
{
    const auto index = finding.at.line - 10;
    if (finding.suggestion == "leave out `node`") {
        auto better = wish;
        std::get<Manifest::DeviceMatch>(better.devices[index].pci).node.reset();
        ++tally["device: no node"];
        REQUIRE(trial.device_errors(better, finding.at.line).find("there is no PCI") == std::string::npos);
    }
    if (finding.suggestion == "list all functions of the bus, or none") {
        auto better = wish;
        std::set<Bdf> named;
        for (const auto& device : wish.devices)
            if (const auto* bdf = std::get_if<Bdf>(&device.pci))
                named.insert(*bdf);
        const auto bdf = std::get_if<Bdf>(&wish.devices[index].pci);
        if (bdf == nullptr)
            return;
        for (const auto& function : trial.machine.functions_on_bus(*bdf))
            if (!named.contains(function.bdf))
                better.devices.insert(better.devices.begin() + static_cast<std::ptrdiff_t>(index) + 1,
                                      {.at = finding.at, .pci = function.bdf});
        better.dma = Manifest::Dma::automatic;
        ++tally["device: all of the bus"];
        REQUIRE(trial.device_errors(better, finding.at.line).find("shared-bus") == std::string::npos);
    }
}

// Numbers that cannot all be true, and words that do not go with them.
void check_words(const Case& trial, const Finding& finding)
{
    const auto all = finding.message + " | " + finding.suggestion;
    CAPTURE(all);
    for (const auto* wrong : {"(^|[^0-9])1 CPUs", "(^|; )1 are ", "; ([02-9]|[0-9]{2,})( of [0-9]+)? is free",
                              "(^|[^0-9.])0B? at most", "ask for 0", "count: 0`", "at most 0", ", or $", "``", "  "})
        REQUIRE_FALSE(std::regex_search(all, std::regex{wrong}));
    // More are free than are wanted, and yet that is no reason.
    std::smatch found;
    if (std::regex_search(finding.message, found, std::regex{"wants (\\d+) CPUs?.*; (\\d+) (of \\d+ )?(is|are) free"}))
        REQUIRE(number(found[1]) > number(found[2]));
    if (std::regex_search(finding.message, found,
                          std::regex{"wants ([0-9.]+[KMGT]?i?B) of memory; ([0-9.]+[KMGT]?i?B) of"}))
        REQUIRE(found[1].str() != found[2].str());
    // Nodes that are listed exist.
    for (const auto& listed :
         all_matches(finding.suggestion, std::regex{"(?:nodes? with (?:CPUs|memory) (?:are|is)) ([0-9,-]+)"}))
        for (const auto node : CpuSet::parse(listed[1].str())->to_vector())
            REQUIRE(trial.machine.node(node) != nullptr);
    for (const auto& named : all_matches(finding.suggestion, std::regex{"node:? (\\d+)"}))
        REQUIRE(trial.machine.node(number(named[1])) != nullptr);
}

} // namespace

TEST_CASE("whatever is advised helps, on any machine and for any wish")
{
    Tally tally;
    for (unsigned seed = 0; seed < 250; ++seed) {
        Case trial{seed};
        for (unsigned i = 0; i < 6; ++i) {
            const auto wish = trial.wish();
            for (const auto& finding :
                 make_plan(trial.machine, std::vector{wish}, trial.held, trial.options).findings) {
                CAPTURE(seed, i, finding.message, finding.suggestion);
                check_words(trial, finding);
                if (finding.severity == Severity::warning)
                    continue;
                if (finding.at.line == 2 || finding.at.line == 4)
                    try_cpus(trial, wish, finding.suggestion, tally);
                else if (finding.at.line == 3)
                    try_memory(trial, wish, finding.suggestion, tally);
                else if (finding.at.line >= 10)
                    try_device(trial, wish, finding, tally);
            }
        }
    }
    for (const auto* kind : {"at most", "count", "threads", "no node", "list", "node", "of node", "of one node", "size",
                             "any node", "device: no node", "device: all of the bus"}) {
        CAPTURE(kind);
        CHECK(tally[kind] > 3);
    }
}
