// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/launch.h"

#include <fmt/format.h>
#include <parker.h>

#include <algorithm>
#include <cstring>

#include "control/state_file.h"
#include "firmware/cmdline.h"
#include "machine/cpuinfo.h"
#include "partition/image.h"

namespace parker {
namespace {

// An Error that comes from a file or value of the manifest leaves a finding there.
template <typename Read>
auto at_fault(const Manifest& manifest, const Position& at, std::optional<Finding>& finding, Read read)
{
    try {
        return read();
    } catch (const Error& error) {
        finding =
            Finding{Severity::error, error.code(), at, manifest.name.value, error.what(), {}, {}, error.suggestion()};
        throw;
    }
}

struct Images {
    std::vector<std::byte> kernel;
    std::vector<std::vector<std::byte>> initrds;
};

// What the kernel would read as the end of the initial RAM disk: files without a byte do not count.
void check_boot_config(const Manifest& manifest, const Images& images, std::optional<Finding>& finding)
{
    for (auto i = images.initrds.size(); i-- > 0;) {
        if (images.initrds[i].empty())
            continue;
        const auto& path = manifest.kernel.initrds[i];
        if (firmware::has_boot_config(images.initrds[i]))
            at_fault(manifest, path.at, finding, [&path] {
                throw Error{Code::bad_value, path.value,
                            "ends in a boot configuration, from which a kernel reads more words, unseen by parkerd",
                            "`bootconfig -d` takes it away; write its words into `kernel.cmdline`"};
            });
        return;
    }
}

Images read_images(const Manifest& manifest, std::uint64_t memory, std::optional<Finding>& finding)
{
    const auto read = [&manifest, &finding](const Located<std::string>& path, std::uint64_t limit) {
        return at_fault(manifest, path.at, finding, [&path, limit] { return read_image(path.value, limit); });
    };
    Images images;
    images.kernel = read(manifest.kernel.image, memory);
    if (const auto& pin = manifest.kernel.sha256)
        at_fault(manifest, pin->at, finding, [&images, &pin, &manifest] {
            if (const auto is = sha256(images.kernel); is != pin->value)
                throw Error{Code::image_mismatch, manifest.kernel.image.value,
                            "has sha256 " + is + ", not the pinned one", "if the new image is meant, pin its sum"};
        });
    auto left = memory - images.kernel.size();
    for (const auto& path : manifest.kernel.initrds) {
        images.initrds.push_back(read(path, left));
        left -= images.initrds.back().size();
    }
    check_boot_config(manifest, images, finding);
    return images;
}

std::vector<firmware::Bus> buses(const HeldPartition& held, const Machine& machine)
{
    std::vector<firmware::Bus> result;
    std::vector<std::pair<unsigned, unsigned>> seen;
    for (const auto& bdf : held.devices) {
        const std::pair<unsigned, unsigned> where{bdf.domain, bdf.bus};
        if (std::ranges::find(seen, where) != seen.end())
            continue;
        seen.push_back(where);
        const auto* bus = machine.bus(bdf.domain, bdf.bus);
        const auto ecam = machine.ecam_of(bdf.domain, bdf.bus);
        if (bus == nullptr || !ecam)
            throw Error{Code::no_such_device, bdf.to_string(),
                        bus == nullptr ? "its bus hangs on no bridge"
                                       : "its bus has no memory-mapped configuration space",
                        "use a device behind a PCIe root port"};
        result.push_back({static_cast<std::uint16_t>(result.size() + 1), bdf.bus, *ecam, bus->memory.start,
                          bus->memory.bytes, bus->prefetchable.start, bus->prefetchable.bytes});
    }
    return result;
}

std::vector<std::uint32_t> apic_ids(Control& control, const Machine& machine)
{
    std::vector<std::uint32_t> ids;
    for (const auto cpu : machine.possible.to_vector()) {
        try {
            ids.push_back(control.apic_id(cpu));
        } catch (const Error& error) {
            if (error.code() != Code::no_such_cpu) // possible, but no such socket is filled
                throw;
        }
    }
    return ids;
}

std::map<std::pair<unsigned, unsigned>, std::uint8_t> node_distances(const Machine& machine)
{
    std::map<std::pair<unsigned, unsigned>, std::uint8_t> result;
    for (const auto& from : machine.nodes)
        for (std::size_t i = 0; i < from.distances.size() && i < machine.nodes.size(); ++i)
            if (from.distances[i] > 10 && from.distances[i] < 255) // 10 is the node itself, 255 no way at all
                result[{from.id, machine.nodes[i].id}] = static_cast<std::uint8_t>(from.distances[i]);
    return result;
}

// What the manifest alone decides.
firmware::Request request(const Manifest& manifest, const Images& images)
{
    firmware::Request result;
    result.name = manifest.name.value;
    result.image = images.kernel;
    result.initrds.assign(images.initrds.begin(), images.initrds.end());
    result.cmdline = manifest.kernel.cmdline.value;
    result.credentials = manifest.credentials;
    result.virtualization = manifest.virtualization.has_value();
    return result;
}

firmware::Request request(Control& control, const Launch& launch, const HeldPartition& held, const Images& images)
{
    auto result = request(*launch.manifest, images);
    for (const auto cpu : held.cpus.to_vector()) {
        const auto* core = launch.machine.core_of(cpu);
        const auto apic_id = control.apic_id(cpu);
        if (apic_id > last_apic_id)
            throw Error{
                Code::apic_id, fmt::format("CPU {}", cpu),
                fmt::format("its APIC ID is {}, and a partition's interrupts reach {} at most", apic_id, last_apic_id),
                "choose CPUs with lower ones: `grep -E 'processor|apicid' /proc/cpuinfo`"};
        result.cpus.push_back({apic_id, core == nullptr ? 0 : core->node});
    }
    result.in_virtual_machine = launch.machine.in_virtual_machine;
    result.hide_hfi = launch.machine.has_hfi;
    result.phantom_apic_id = phantom_apic_id(apic_ids(control, launch.machine));
    result.slice = held.slice;
    result.memory = held.memory;
    result.node_distances = node_distances(launch.machine);
    result.buses = buses(held, launch.machine);
    result.tsc_khz = control.info().tsc_khz;
    result.uuid = partition_uuid(read_small_file("/etc/machine-id", 64).value_or(""), result.name);
    return result;
}

firmware::Firmware build(const Manifest& manifest, const BuildFirmware& build, const firmware::Request& request,
                         std::optional<Finding>& finding)
{
    const auto& kernel = manifest.kernel;
    try {
        return build(request);
    } catch (const Error& error) {
        if (error.code() != Code::bad_value && error.code() != Code::bad_image && error.code() != Code::image_too_large)
            throw;
        const bool is_image = error.code() == Code::bad_image;
        const auto& at = error.code() == Code::bad_value ? kernel.cmdline.at : kernel.image.at;
        return at_fault(manifest, at, finding, [&]() -> firmware::Firmware {
            throw Error{error.code(), is_image ? kernel.image.value : error.object(), error.reason(),
                        error.suggestion()};
        });
    }
}

void zero(Control& control, const HeldPartition& held)
{
    auto ranges = held.memory;
    ranges.push_back({held.slice, held.slice + PARKER_SLICE_BYTES});
    for (const auto& range : ranges)
        control.map(range)->zero();
}

void write(Control& control, const HeldPartition& held, const firmware::Segment& segment)
{
    const MemoryRange slice{held.slice, held.slice + PARKER_SLICE_BYTES};
    const auto inside = [&segment](const MemoryRange& range) {
        return range.contains(segment.address, segment.bytes.size());
    };
    if (!inside(slice) && std::ranges::none_of(held.memory, inside)) // would be SIGBUS
        throw Error{Code::failed, "partition " + held.name, "its firmware does not lie in its memory"};
    if (segment.bytes.empty())
        return;
    const auto start = align_down(segment.address, page_bytes);
    const auto end = align_up(segment.address + segment.bytes.size(), page_bytes);
    const auto mapping = control.map({start, end});
    std::memcpy(mapping->bytes().data() + (segment.address - start), segment.bytes.data(), segment.bytes.size());
}

// What a start should not pass over in silence, though nothing keeps it from working.
Findings warnings(const Launch& launch, const Images& images)
{
    Findings found;
    const auto& manifest = *launch.manifest;
    const auto warn = [&found, &manifest](Code code, const Position& at, std::string message, std::string suggestion) {
        found.push_back(
            {Severity::warning, code, at, manifest.name.value, std::move(message), {}, {}, std::move(suggestion)});
    };
    for (std::size_t i = 0; i < images.initrds.size(); ++i)
        if (images.initrds[i].empty())
            warn(Code::bad_image, manifest.kernel.initrds[i].at,
                 manifest.kernel.initrds[i].value + ": the initial RAM disk has no bytes",
                 "make it anew (`update-initramfs -u`): a full file system can leave such a file");
    const bool is_amd = launch.machine.cpu_vendor == "AuthenticAMD" || launch.machine.cpu_vendor == "HygonGenuine";
    if (manifest.virtualization && !is_amd)
        warn(Code::not_stoppable, *manifest.virtualization,
             "with KVM loaded its CPUs cannot be stopped from outside: if its kernel hangs, what it has is lost until "
             "the machine is reset",
             "leave `virtualization` out, if it runs no virtual machines");
    return found;
}

std::string fresh_id()
{
    constexpr std::size_t uuid_characters = 36; // random(4)
    return read_small_file("/proc/sys/kernel/random/uuid", 64).value_or("").substr(0, uuid_characters);
}

} // namespace

std::uint32_t phantom_apic_id(const std::vector<std::uint32_t>& used)
{
    constexpr std::uint32_t xapic_last = 254; // 255 is everybody's
    std::uint32_t last = 0;
    for (const auto id : used)
        if (id != 0xffff && id != 0xffffffff) // what the kernel says of a CPU that is not there
            last = std::max(last, id);
    if (last < xapic_last)
        return last + 1;
    for (auto id = xapic_last; id > 0; --id)
        if (std::ranges::find(used, id) == used.end())
            return id;
    return std::max(last + 1, xapic_last + 2);
}

std::array<std::byte, 16> partition_uuid(std::string_view machine_id, std::string_view name)
{
    const auto digest = sha256(fmt::format("parker partition {} {}", machine_id, name));
    std::array<std::byte, 16> uuid{};
    for (std::size_t i = 0; i < uuid.size(); ++i)
        uuid[i] = static_cast<std::byte>(std::stoul(digest.substr(2 * i, 2), nullptr, 16));
    // RFC 9562, 5.8: version 8, made by a rule of our own. SMBIOS keeps the field with the version little endian.
    uuid[7] = (uuid[7] & std::byte{0x0f}) | std::byte{0x80};
    uuid[8] = (uuid[8] & std::byte{0x3f}) | std::byte{0x80};
    return uuid;
}

void rehearse(const Manifest& manifest, const BuildFirmware& build_firmware, std::optional<Finding>& finding)
{
    const auto memory = manifest.memory_bytes();
    const auto images = read_images(manifest, memory, finding);
    auto trial = request(manifest, images);
    trial.cpus = {{0, 0}};
    trial.phantom_apic_id = 1;
    trial.in_virtual_machine = trial.hide_hfi = true; // so that a line that is too long is refused now
    trial.tsc_khz = 1'000'000;
    trial.slice = 64 * KiB;
    trial.memory = {{4 * GiB, 4 * GiB + memory, 0}};
    (void)build(manifest, build_firmware, trial, finding);
}

void launch(Control& control, const Launch& launch, Launched& launched)
{
    const auto& name = launch.manifest->name.value;
    const auto held = control.find(name);
    if (!held || held->cpus.empty())
        throw Error{Code::failed, "partition " + name, "is no longer what was reserved for it"};
    std::uint64_t memory = 0;
    for (const auto& range : held->memory)
        memory += range.bytes();
    const auto images = read_images(*launch.manifest, memory, launched.finding);
    const auto firmware =
        build(*launch.manifest, launch.build, request(control, launch, *held, images), launched.finding);
    launched.warnings = warnings(launch, images);
    if (!launch.memory_is_clean)
        zero(control, *held);
    for (const auto& segment : firmware.segments)
        write(control, *held, segment);
    launched.run = {launch.definition, firmware.kernel_release, firmware.cmdline,
                    fresh_id(),        realtime_usec(),         launch.origin};
    save(launch.state_directory, name, launched.run);
    control.start(name, {firmware.entry, firmware.boot_params, firmware.page_table, *held->cpus.first()});
}

} // namespace parker
