// SPDX-License-Identifier: LGPL-2.1-or-later
// What the machine reader parses comes from a folder that may be anybody's making. The first byte says which parser
// gets the rest; what it accepts keeps the promises of its header.
#include <cstdint>
#include <string_view>

#include "machine/config_space.h"
#include "machine/ecam.h"
#include "machine/memory.h"
#include "machine/remembered.h"
#include "require.h"

using namespace parker;

namespace {

constexpr std::uint64_t address_limit = std::uint64_t{1} << 52;

void check_ecam(const std::optional<std::vector<Machine::Ecam>>& areas)
{
    if (!areas)
        return;
    for (const auto& area : *areas)
        require(area.start != 0 && area.start % MiB == 0 && area.first_bus <= area.last_bus, "an area of ECAM");
}

void check_cores(std::string_view text)
{
    const auto cores = parse_cores(text);
    if (!cores)
        return;
    CpuSet seen;
    for (const auto& core : *cores) {
        require(!core.cpus.empty() && (core.cpus & seen).empty(), "each CPU in one core");
        seen |= core.cpus;
    }
    const auto again = parse_cores(write_cores(*cores));
    require(again && again->size() == cores->size(), "what was read can be written and read");

    std::vector<Machine::Core> present{{0, 0, 0, {0, 1}}, {0, 0, 0, {2}}};
    merge_cores(present, *cores, {3, 4, 5, 6, 7});
    CpuSet merged;
    for (const auto& core : present) {
        require((core.cpus & merged).empty(), "each CPU in one core after merging");
        merged |= core.cpus;
    }
    require((merged - CpuSet{0, 1, 2, 3, 4, 5, 6, 7}).empty(), "no CPU that is not there");
}

void check_config_space(std::string_view bytes)
{
    const auto space = parse_config_space(bytes);
    if (!space || !space->bridge)
        return;
    const auto& memory = space->bridge->memory;
    require(space->bridge->secondary_bus != 0, "a bridge's bus");
    require(memory.start + memory.bytes <= 4 * GiB, "a window below 4 GiB");
    require((memory.bytes == 0) == (memory.start == 0), "a window or none");
}

} // namespace

// libFuzzer's name for it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0)
        return 0;
    const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
    switch (data[0]) {
    case 'c':
        check_config_space(bytes);
        break;
    case 'i':
        check_ecam(parse_iomem_ecam(bytes));
        break;
    case 'm':
        check_ecam(parse_mcfg(bytes));
        break;
    case 'n':
        require(parse_meminfo(bytes).total_bytes <= address_limit, "a node's memory");
        break;
    case 'z':
        for (const auto& [node, present] : parse_zoneinfo(bytes))
            require(present <= address_limit, "a node's memory");
        break;
    case 'r':
        check_cores(bytes);
        break;
    default:
        break;
    }
    return 0;
}
