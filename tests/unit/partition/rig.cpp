// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rig.h"

#include <parker.h>
#include <parker_control.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>

namespace parker {

Rig::Rig(SimulatedControl::Options options)
{
    auto pattern = (std::filesystem::temp_directory_path() / "parker-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
        throw_errno(Code::failed, pattern, "mkdtemp");
    directory = pattern;
    std::ofstream{directory / "vmlinuz"} << "a kernel";
    control = std::make_unique<SimulatedControl>(
        computer, [this] { return now; }, options);
    new_daemon();
}

Rig::~Rig()
{
    fleet.reset();
    std::filesystem::remove_all(directory);
}

void Rig::new_daemon()
{
    tasks_.clear();
    fleet.reset();
    const auto build = [this](const firmware::Request& request) {
        if (build_error)
            throw Error{*build_error};
        built.push_back(request.name);
        const auto text = std::as_bytes(std::span{"firmware"});
        firmware::Firmware result;
        result.segments.push_back({request.memory.front().start, {text.begin(), text.end()}});
        result.entry = result.boot_params = result.page_table = request.memory.front().start;
        result.cmdline = request.cmdline + " quiet";
        result.kernel_release = "6.1.0";
        return result;
    };
    fleet = std::make_unique<Fleet>(
        Fleet::Environment{*control,
                           *this,
                           [this] {
                               if (machine_error)
                                   throw Error{*machine_error};
                               auto seen = computer;
                               for (const auto& held : control->list())
                                   seen.online -= held.cpus;
                               return seen;
                           },
                           [this] { return now; },
                           {},
                           build,
                           [this](const Ending& ending) {
                               endings.push_back(ending);
                               REQUIRE(control->find(ending.held.name)->state == HeldPartition::State::idle);
                               REQUIRE(control->find(ending.held.name)->memory == ending.held.memory);
                               return cause;
                           },
                           [this](const std::string& name) {
                               if (const auto held = control->find(name); held && !held->memory.empty())
                                   away.push_back(name);
                           },
                           directory},
        *this);
    fleet->adopt();
}

void Rig::submit(const Lanes& taken, std::function<void()> work, std::function<void(std::optional<Error>)> done)
{
    lanes.push_back(taken);
    const Task task{std::move(work), std::move(done)};
    if (at_once)
        run(task);
    else
        tasks_.push_back(task);
}

void Rig::post(std::function<void()> call)
{
    call();
}

void Rig::run(const Task& task)
{
    std::optional<Error> failure;
    try {
        task.work();
    } catch (const Error& error) {
        failure = error;
    }
    if (const auto happening = std::exchange(between, {}))
        happening();
    task.done(failure);
}

bool Rig::step()
{
    if (tasks_.empty())
        return false;
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    run(task);
    return true;
}

void Rig::drain()
{
    while (step())
        ;
}

void Rig::partition_changed(const std::string& name)
{
    log.push_back("changed " + name);
    phases.push_back(name + ' ' + phase(name));
}

void Rig::job_new(std::uint32_t id, const std::string& partition)
{
    log.push_back("job_new " + partition);
    jobs_[id] = "under way";
}

void Rig::job_removed(std::uint32_t id, const std::string& partition, const std::optional<Error>& error)
{
    log.push_back("job_removed " + partition);
    jobs_.at(id) = error ? std::string{info(error->code()).name} : "done";
    if (error)
        errors_.emplace(id, *error);
}

std::string Rig::outcome(std::uint32_t job) const
{
    return jobs_.at(job);
}

std::optional<Error> Rig::error(std::uint32_t job) const
{
    const auto found = errors_.find(job);
    return found == errors_.end() ? std::nullopt : std::optional{found->second};
}

bool Rig::button() const
{
    const auto page = control->find("db")->slice + PARKER_SLICE_CONTROL;
    const auto mapping = control->map({page, page + page_bytes});
    std::uint32_t command = PARKER_COMMAND_NONE;
    std::memcpy(&command, mapping->bytes().data() + PARKER_CTL_COMMAND, sizeof command);
    const std::uint32_t none = PARKER_COMMAND_NONE;
    std::memcpy(mapping->bytes().data() + PARKER_CTL_COMMAND, &none, sizeof none);
    return command == PARKER_COMMAND_POWER_BUTTON;
}

std::string Rig::phase(const std::string& name) const
{
    const auto now_is = fleet->status(name);
    return std::string{to_string(now_is.state)} + '/' + std::string{to_string(now_is.sub_state)};
}

Machine Rig::machine()
{
    Machine m;
    m.boot_cpu = 0;
    for (unsigned cpu = 0; cpu < 8; ++cpu) {
        Machine::Core core;
        core.cpus.add(cpu);
        m.cores.push_back(core);
        m.online.add(cpu);
    }
    m.possible = m.online;
    m.nodes.push_back({0, m.online, 8 * GiB, 7 * GiB});
    for (unsigned i = 0; i < 2; ++i) {
        const Bdf port{0, 0, static_cast<std::uint8_t>(i + 1), 0};
        const auto bus = static_cast<std::uint8_t>(i + 1);
        Machine::PciFunction bridge;
        bridge.bdf = port;
        bridge.class_code = 0x060400;
        bridge.is_bridge = true;
        Machine::PciFunction function;
        function.bdf = {0, bus, 0, 0};
        function.class_code = i == 0 ? 0x010802 : 0x020000;
        function.driver = i == 0 ? "nvme" : "e1000e";
        function.parent = port;
        function.has_msi = true;
        function.iommu_group = i;
        m.functions.push_back(bridge);
        m.functions.push_back(function);
        m.buses.push_back({0, bus, port, {0xe000'0000 + i * 16 * MiB, MiB}, {}});
    }
    std::ranges::sort(m.functions, {}, &Machine::PciFunction::bdf);
    m.ecam.push_back({0, 0, 255, 0xb000'0000});
    return m;
}

Manifests Rig::manifests(const std::vector<Spec>& specs) const
{
    Manifests all;
    for (const auto& spec : specs) {
        auto text = "apiVersion: parker/v1\nname: " + spec.name + "\ncpus: " + spec.cpus + "\nmemory: " + spec.memory;
        if (!spec.devices.empty())
            text += "\ndevices: " + spec.devices;
        text += "\nkernel:\n  image: " + (directory / "vmlinuz").string() + "\n  cmdline: ro\n";
        if (!spec.sha256.empty())
            text += "  sha256: \"" + spec.sha256 + "\"\n";
        if (!spec.initrd.empty())
            text += "  initrd: " + spec.initrd + "\n";
        text += spec.extra;
        auto one = parse_manifests(text, spec.file);
        for (const auto& finding : one.findings)
            throw std::logic_error{to_text(finding)};
        all.manifests.push_back(one.manifests.at(0));
    }
    std::ranges::sort(all.manifests, {}, [](const Manifest& m) { return m.name.value; });
    return all;
}

void Rig::define(const std::vector<Spec>& specs)
{
    fleet->define(manifests(specs));
}

void Rig::define(const std::vector<Spec>& specs, const std::vector<ReadFile>& others, ManifestFolder folder)
{
    auto all = manifests(specs);
    all.reading.listing.folders = {std::move(folder)};
    all.reading.files = others;
    for (const auto& spec : specs)
        if (std::ranges::find(others, spec.file, &ReadFile::path) == others.end())
            all.reading.files.push_back({spec.file, ReadFile::State::valid, {spec.name}});
    for (const auto& file : all.reading.files)
        all.reading.listing.files.push_back({file.path});
    fleet->define(all);
}

void Rig::define_broken(const std::string& name, const std::string& file, const std::vector<Spec>& others)
{
    auto all = manifests(others);
    Finding finding;
    finding.code = Code::unknown_key;
    finding.at = {file, 3, 1};
    finding.partition = name;
    finding.message = "unknown key";
    all.findings.push_back(finding);
    fleet->define(all);
}

std::uint32_t Rig::start(const std::string& name)
{
    const auto job = fleet->begin(Fleet::Verb::start, name);
    drain();
    pass(std::chrono::seconds{1});
    return job;
}

void Rig::pass(Clock::duration time)
{
    const auto end = now + time;
    while (now < end) {
        auto next = end;
        for (const auto event : {control->next_event(), fleet->next_deadline()})
            if (event && *event < next)
                next = *event;
        now = std::max(now, next);
        for (const auto& name : control->advance())
            fleet->on_module_event(name);
        if (const auto deadline = fleet->next_deadline(); deadline && *deadline <= now)
            fleet->on_deadline();
        drain();
    }
}

Code code_of(const std::function<void()>& call)
{
    try {
        call();
    } catch (const Error& error) {
        return error.code();
    }
    return Code::usage;
}

} // namespace parker
