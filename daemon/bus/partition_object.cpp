// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/partition_object.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "bus/json.h"
#include "bus/names.h"

namespace parker::bus {
namespace {

template <auto Member>
bool differs(const Status& a, const Status& b)
{
    return a.*Member != b.*Member;
}

template <auto Member>
bool counts_differ(const Status& a, const Status& b)
{
    return a.counters.*Member != b.counters.*Member;
}

bool findings_differ(const Status& a, const Status& b)
{
    return !std::ranges::equal(
        a.findings, b.findings, {}, [](const Finding& finding) { return to_text(finding); },
        [](const Finding& finding) { return to_text(finding); });
}

struct Row {
    const char* property;
    bool (*differs)(const Status&, const Status&);
};

// Every property that sends a signal when it changes.
constexpr auto rows = std::to_array<Row>({
    {"Description", differs<&Status::description>},
    {"ManifestPath", differs<&Status::manifest_path>},
    {"Autostart", differs<&Status::autostart>},
    {"State", differs<&Status::state>},
    {"SubState", differs<&Status::sub_state>},
    {"Result", differs<&Status::result>},
    {"Message", differs<&Status::message>},
    {"ErrorCode", differs<&Status::error_code>},
    {"Suggestion", differs<&Status::suggestion>},
    {"StateChangeTimestamp", differs<&Status::state_change_usec>},
    {"CPUs", differs<&Status::cpus>},
    {"MemoryRanges", differs<&Status::memory>},
    {"Devices", differs<&Status::devices>},
    {"DMA", differs<&Status::dma>},
    {"KernelImage", differs<&Status::kernel_image>},
    {"KernelRelease", differs<&Status::kernel_release>},
    {"CommandLine", differs<&Status::cmdline>},
    {"NeedRestart", differs<&Status::need_restart>},
    {"NeedReload", differs<&Status::need_reload>},
    {"Starts", counts_differ<&Counters::starts>},
    {"StartUSec", counts_differ<&Counters::start_usec>},
    {"FailedStarts", counts_differ<&Counters::failed_starts>},
    {"Crashes", counts_differ<&Counters::crashes>},
    {"Stops", counts_differ<&Counters::stops>},
    {"StopUSec", counts_differ<&Counters::stop_usec>},
    {"Findings", findings_differ},
});

Dictionary to_dictionary(const Service::Vitals& vitals)
{
    Dictionary entries{{"Timestamp", sdbus::Variant{vitals.taken_usec}}};
    const auto add = [&entries](const char* key, const auto& value) {
        if (value)
            entries.emplace(key, sdbus::Variant{*value});
    };
    const auto& kernel = vitals.kernel;
    if (vitals.uptime_usec != 0)
        entries.emplace("UptimeUSec", sdbus::Variant{vitals.uptime_usec});
    if (kernel.load_average)
        entries.emplace("LoadAverage",
                        sdbus::Variant{std::vector<double>{kernel.load_average->begin(), kernel.load_average->end()}});
    add("MemoryTotal", kernel.memory_total);
    add("MemoryFree", kernel.memory_free);
    using Number = std::uint64_t;
    std::vector<sdbus::Struct<std::uint32_t, Number, Number, Number, Number, Number, Number>> cpus;
    for (const auto& cpu : kernel.cpus)
        cpus.emplace_back(cpu.number, cpu.user, cpu.nice, cpu.system, cpu.irq, cpu.softirq, cpu.steal);
    if (!cpus.empty())
        entries.emplace("CPUTimes", sdbus::Variant{cpus});
    return entries;
}

} // namespace

PartitionObject::PartitionObject(sdbus::IConnection& connection, const Context& context, Status status)
    : AdaptorInterfaces{connection, partition_path(status.name)}, context_{context}, status_{std::move(status)}
{
    registerAdaptor();
}

PartitionObject::~PartitionObject()
{
    try {
        emitInterfacesRemovedSignal();
    } catch (const sdbus::Error&) { // a broken connection: Attachment tells of it
    }
    unregisterAdaptor();
}

void PartitionObject::update(Status status)
{
    std::vector<std::string> changed;
    for (const auto& row : rows)
        if (row.differs(status_, status))
            changed.emplace_back(row.property);
    status_ = std::move(status);
    if (!changed.empty())
        getObject().emitPropertiesChangedSignal(Partition_adaptor::INTERFACE_NAME, changed);
}

const sdbus::Message& PartitionObject::call() const
{
    return *getObject().getCurrentlyProcessedMessage();
}

void PartitionObject::Start(JobResult&& result, std::uint64_t flags)
{
    begin(context_, presence_, call(), std::move(result), Fleet::Verb::start, status_.name, flags);
}

void PartitionObject::Stop(JobResult&& result, std::uint64_t flags)
{
    begin(context_, presence_, call(), std::move(result), Fleet::Verb::stop, status_.name, flags);
}

void PartitionObject::Kill(JobResult&& result, std::uint64_t flags)
{
    begin(context_, presence_, call(), std::move(result), Fleet::Verb::kill, status_.name, flags);
}

void PartitionObject::OpenLog(sdbus::Result<sdbus::UnixFd>&& result, std::uint64_t flags)
{
    constexpr std::uint64_t follow = 1;
    const auto shared = admit(context_, call(), std::move(result));
    if (!shared)
        return;
    const auto answer = [&context = context_, object = Presence{presence_}, shared, name = status_.name, flags,
                         user = context_.authority.user(call())](const std::optional<Error>& refusal) {
        reply(*shared, context.on_bug, object, [&context, &refusal, &name, flags, user] {
            if (refusal)
                throw Error{*refusal};
            if ((flags & ~follow) != 0)
                throw Error{Code::invalid_argument, "flags", "only 1 is known, which follows the log"};
            const auto state = context.fleet.status(name).state;
            if (flags == 0 && (state == State::inactive || state == State::failed))
                throw Error{Code::wrong_state, "partition " + name, "it does not run",
                            "journalctl -u " + unit_name(name) + " has what it said"};
            return sdbus::UnixFd{context.host.open_log(name, (flags & follow) != 0, user).release(), sdbus::adopt_fd};
        });
    };
    context_.authority.check(call(), action::inspect, {{"verb", "read the log of"}, {"partition", status_.name}},
                             answer);
}

void PartitionObject::Dump(JobResult&& result, sdbus::UnixFd file, std::uint64_t flags)
{
    constexpr std::uint64_t live = 1;
    constexpr std::uint64_t compressed = 2;
    const auto shared = admit(context_, call(), std::move(result));
    if (!shared)
        return;
    const auto answer = [&context = context_, object = Presence{presence_}, shared, name = status_.name,
                         file = std::make_shared<Fd>(file.release()), flags](const std::optional<Error>& refusal) {
        reply(*shared, context.on_bug, object, [&context, &refusal, &name, &file, flags] {
            if (refusal)
                throw Error{*refusal};
            if ((flags & ~(live | compressed)) != 0)
                throw Error{Code::invalid_argument, "flags", "only 1 (live) and 2 (zstd) are known"};
            return sdbus::ObjectPath{job_path(
                context.fleet.begin_dump(name, {std::move(*file), (flags & live) != 0, (flags & compressed) != 0}))};
        });
    };
    context_.authority.check(call(), action::dump_memory, {{"verb", "dump the memory of"}, {"partition", status_.name}},
                             answer);
}

void PartitionObject::GetVitals(sdbus::Result<Dictionary>&& result, std::uint64_t flags)
{
    const auto shared = admit(context_, call(), std::move(result));
    if (!shared)
        return;
    const auto refuse = [&context = context_, shared](const Error& error) {
        reply(*shared, context.on_bug, [&error]() -> Dictionary { throw Error{error}; });
    };
    const auto look = [&context = context_, object = Presence{presence_}, shared, refuse,
                       name = status_.name](const std::optional<Error>& refusal) {
        try {
            if (refusal)
                throw Error{*refusal};
            const auto state = context.fleet.status(name).state;
            if (state == State::inactive || state == State::failed)
                throw Error{Code::wrong_state, "partition " + name, "it does not run"};
            context.host.vitals(name, [&context, object, shared](const Service::Vitals& vitals) {
                reply(*shared, context.on_bug, object, [&vitals] { return to_dictionary(vitals); });
            });
        } catch (const Error& error) {
            refuse(error);
        }
    };
    try {
        check_flags(flags);
        context_.authority.check(call(), action::inspect, {{"verb", "look into"}, {"partition", status_.name}}, look);
    } catch (const Error& error) {
        refuse(error);
    }
}

std::string PartitionObject::Name()
{
    return status_.name;
}

std::string PartitionObject::Description()
{
    return utf8(status_.description);
}

std::string PartitionObject::ManifestPath()
{
    return utf8(status_.manifest_path);
}

bool PartitionObject::Autostart()
{
    return status_.autostart;
}

std::string PartitionObject::State()
{
    return std::string{to_string(status_.state)};
}

std::string PartitionObject::SubState()
{
    return std::string{to_string(status_.sub_state)};
}

std::string PartitionObject::Result()
{
    return std::string{to_string(status_.result)};
}

std::string PartitionObject::Message()
{
    return utf8(status_.message);
}

std::string PartitionObject::Suggestion()
{
    return utf8(status_.suggestion);
}

std::uint64_t PartitionObject::StateChangeTimestamp()
{
    return status_.state_change_usec;
}

std::string PartitionObject::Unit()
{
    return unit_name(status_.name);
}

std::string PartitionObject::CPUs()
{
    return status_.cpus.to_string();
}

PartitionObject::Ranges PartitionObject::MemoryRanges()
{
    Ranges ranges;
    for (const auto& range : status_.memory)
        ranges.emplace_back(range.start, range.end);
    return ranges;
}

std::vector<std::string> PartitionObject::Devices()
{
    std::vector<std::string> devices;
    for (const auto& device : status_.devices)
        devices.push_back(device.to_string());
    return devices;
}

std::string PartitionObject::DMA()
{
    return std::string{to_string(status_.dma)};
}

std::string PartitionObject::KernelImage()
{
    return utf8(status_.kernel_image);
}

std::string PartitionObject::KernelRelease()
{
    return utf8(status_.kernel_release);
}

std::string PartitionObject::CommandLine()
{
    return utf8(status_.cmdline);
}

// It moves without a signal.
parker::Heartbeat PartitionObject::heartbeat() const
{
    try {
        return context_.fleet.heartbeat(status_.name);
    } catch (const Error&) { // gone, and about to go here too
        return {};
    }
}

std::uint64_t PartitionObject::Heartbeat()
{
    return heartbeat().count;
}

std::uint64_t PartitionObject::HeartbeatTimestamp()
{
    return heartbeat().usec;
}

bool PartitionObject::NeedRestart()
{
    return status_.need_restart;
}

bool PartitionObject::NeedReload()
{
    return status_.need_reload;
}

Dictionaries PartitionObject::Findings()
{
    return to_dictionaries(status_.findings, false);
}

} // namespace parker::bus
