// SPDX-License-Identifier: LGPL-2.1-or-later
#include <parker.h>

#include <algorithm>
#include <set>

#include "base/little_endian.h"
#include "firmware/acpi_table.h"

namespace parker::firmware {
namespace {

std::vector<unsigned> nodes(const Request& request)
{
    std::set<unsigned> all;
    for (const auto& cpu : request.cpus)
        all.insert(cpu.node);
    for (const auto& range : request.memory)
        all.insert(range.node);
    return {all.begin(), all.end()};
}

std::uint32_t domain(const std::vector<unsigned>& nodes, unsigned node)
{
    return static_cast<std::uint32_t>(std::ranges::lower_bound(nodes, node) - nodes.begin());
}

constexpr std::uint32_t enabled = 1;

Bytes cpu_affinity(std::uint32_t apic_id, std::uint32_t domain)
{
    Bytes entry(24); // 5.2.16.3, Processor Local x2APIC Affinity: serves small IDs as well
    put<std::uint8_t>(entry, 0, 2);
    put<std::uint8_t>(entry, 1, 24);
    put(entry, 4, domain);
    put(entry, 8, apic_id);
    put(entry, 12, enabled);
    return entry;
}

Bytes memory_affinity(std::uint64_t start, std::uint64_t bytes, std::uint32_t domain)
{
    Bytes entry(40); // 5.2.16.2
    put<std::uint8_t>(entry, 0, 1);
    put<std::uint8_t>(entry, 1, 40);
    put(entry, 2, domain);
    put(entry, 8, start);
    put(entry, 16, bytes);
    put(entry, 28, enabled);
    return entry;
}

} // namespace

bool spans_nodes(const Request& request)
{
    return nodes(request).size() > 1;
}

Bytes build_srat(const Request& request)
{
    const auto all = nodes(request);
    auto srat = acpi_table("SRAT", 3, acpi_header_bytes + 12);
    put<std::uint32_t>(srat, acpi_header_bytes, 1); // reserved, to be 1
    for (const auto& cpu : request.cpus)
        acpi_append(srat, cpu_affinity(cpu.apic_id, domain(all, cpu.node)));
    // The slice goes to the first CPU's node, wherever it is: a kernel rejects a table that leaves RAM out.
    acpi_append(srat, memory_affinity(request.slice, PARKER_SLICE_BYTES, domain(all, request.cpus.front().node)));
    for (const auto& range : request.memory)
        acpi_append(srat, memory_affinity(range.start, range.bytes(), domain(all, range.node)));
    acpi_seal(srat);
    return srat;
}

Bytes build_slit(const Request& request)
{
    constexpr std::uint8_t local = 10, unknown = 20; // 5.2.17
    const auto all = nodes(request);
    auto slit = acpi_table("SLIT", 1, acpi_header_bytes + 8 + all.size() * all.size());
    put<std::uint64_t>(slit, acpi_header_bytes, all.size());
    auto at = acpi_header_bytes + 8;
    for (const auto from : all) {
        for (const auto to : all) {
            const auto known = request.node_distances.find({from, to});
            put(slit, at++, from == to ? local : known == request.node_distances.end() ? unknown : known->second);
        }
    }
    acpi_seal(slit);
    return slit;
}

} // namespace parker::firmware
