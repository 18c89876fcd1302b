// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.h"

namespace parker::cli {

// What `parkerctl top` sees of all partitions at one moment.
struct TopLook {
    struct Cpu {
        std::optional<double> busy_percent; // since the look before; nothing: there was none
        introspect::Vitals::Cpu times;
    };
    struct Partition {
        PartitionInfo info;
        VitalsInfo vitals; // empty: it does not run, or nobody may know
        std::vector<Cpu> cpus;
        std::optional<double> busy_percent; // of all CPUs together: 200 is two at work
    };
    std::uint64_t realtime_usec = 0;
    std::vector<Partition> partitions;
};

// A partition's next look, after the one before.
TopLook::Partition top_partition(PartitionInfo info, VitalsInfo vitals, const TopLook::Partition* before);

// The table's rows, the first of which is the headings.
std::vector<std::vector<std::string>> top_rows(const TopLook& look, bool with_cpus);
nlohmann::ordered_json to_json(const TopLook& look);

} // namespace parker::cli
