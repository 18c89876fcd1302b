// SPDX-License-Identifier: LGPL-2.1-or-later
#include "introspect/vitals.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/little_endian.h"
#include "introspect/symbols.h"

namespace parker::introspect {
namespace {

constexpr std::uint32_t most_cpus = 8192; // CONFIG_NR_CPUS is at most that on x86
constexpr double load_unit = 1U << 11;    // FSHIFT of include/linux/sched/loadavg.h
constexpr double most_load = 1e6;         // no kernel has that many threads in a row for its CPUs

// enum cpu_usage_stat of include/linux/kernel_stat.h; idle and iowait are 5 and 6.
enum : std::size_t { user = 0, nice = 1, system = 2, softirq = 3, irq = 4, steal = 7, cpu_times = 8 };

bool aligned(const std::optional<std::uint64_t>& address)
{
    return address && *address % word == 0;
}

std::optional<std::array<double, 3>> load_average(const AddressSpace& space, const VitalPlaces& places)
{
    std::array<std::byte, 3 * word> copy{};
    if (!aligned(places.load_average) || !space.read(*places.load_average, copy))
        return std::nullopt;
    std::array<double, 3> loads{};
    for (std::size_t i = 0; i < loads.size(); ++i)
        loads[i] = static_cast<double>(get<std::uint64_t>(copy, i * word)) / load_unit;
    if (std::ranges::any_of(loads, [](double load) { return load > most_load; }))
        return std::nullopt;
    return loads;
}

// Bytes, of a counter of pages that may be a little below zero; nullopt: more than `most` bytes.
std::optional<std::uint64_t> page_count(const AddressSpace& space, const std::optional<std::uint64_t>& place,
                                        std::uint64_t most)
{
    const auto value = aligned(place) ? space.load<std::uint64_t>(*place) : std::nullopt;
    if (!value)
        return std::nullopt;
    constexpr std::int64_t little = -1 << 20;
    const auto pages = static_cast<std::int64_t>(*value);
    if (pages < little || (pages > 0 && *value > most / page_bytes))
        return std::nullopt;
    return pages > 0 ? *value * page_bytes : 0;
}

// Their numbers; nullopt: not known, or more than there are.
std::optional<std::vector<unsigned>> online_cpus(const AddressSpace& space, const VitalPlaces& places, unsigned cpus)
{
    const auto ids = places.cpu_ids ? space.load<std::uint32_t>(*places.cpu_ids) : std::nullopt;
    if (!ids || *ids > most_cpus || !aligned(places.online_cpus))
        return std::nullopt;
    std::array<std::byte, most_cpus / 8> bytes{};
    const std::span mask{bytes.data(), align_up(*ids, 8 * word) / 8};
    if (!space.read(*places.online_cpus, mask))
        return std::nullopt;
    std::vector<unsigned> online;
    for (unsigned cpu = 0; cpu < *ids; ++cpu)
        if ((std::to_integer<unsigned>(mask[cpu / 8]) >> cpu % 8 & 1) != 0)
            online.push_back(cpu);
    if (online.size() > cpus)
        return std::nullopt;
    return online;
}

std::optional<Vitals::Cpu> times_of(const AddressSpace& space, const VitalPlaces& places, unsigned cpu)
{
    const auto offset = space.load<std::uint64_t>(*places.percpu_offsets + cpu * word);
    const auto address = offset ? std::optional{*offset + *places.cpu_times} : std::nullopt;
    std::array<std::byte, cpu_times * word> copy{};
    if (!aligned(address) || !space.read(*address, copy))
        return std::nullopt;
    const auto time = [&copy](std::size_t which) { return get<std::uint64_t>(copy, which * word); };
    return Vitals::Cpu{cpu, time(user), time(nice), time(system), time(softirq), time(irq), time(steal)};
}

} // namespace

VitalPlaces VitalPlaces::find(const Kernel& kernel)
{
    const auto symbols = Symbols::open(kernel.space(), kernel.info());
    if (!symbols)
        return {};
    static constexpr auto names =
        std::to_array<std::string_view>({"avenrun", "_totalram_pages", "vm_zone_stat", "nr_cpu_ids",
                                         "__cpu_online_mask", "__per_cpu_offset", "kernel_cpustat"});
    const auto found = symbols->find(names);
    return {found[0], found[1], found[2], found[3], found[4], found[5], found[6]};
}

Vitals read_vitals(const AddressSpace& space, const VitalPlaces& places, std::uint64_t memory_bytes, unsigned cpus)
{
    Vitals vitals;
    vitals.load_average = load_average(space, places);
    vitals.memory_total = page_count(space, places.pages_total, memory_bytes);
    if (vitals.memory_total) // NR_FREE_PAGES is the first of the zones' counts (include/linux/mmzone.h)
        vitals.memory_free = page_count(space, places.zone_counts, *vitals.memory_total);
    const auto online = online_cpus(space, places, cpus);
    if (!online || !aligned(places.percpu_offsets) || !places.cpu_times)
        return vitals;
    for (const auto cpu : *online)
        if (const auto times = times_of(space, places, cpu))
            vitals.cpus.push_back(*times);
    return vitals;
}

} // namespace parker::introspect
