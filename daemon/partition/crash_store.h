// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "introspect/core_writer.h"
#include "introspect/kernel.h"
#include "partition/fleet.h"

namespace parker {

// What is kept of kernels that died: DIRECTORY/NAME-TIME/ (UTC, 20240501T120000Z), of mode 0700, with files of mode
// 0600:
//   report.json    partition, time_usec (CLOCK_REALTIME), result, message, cause, kernel_release, build_id, cpus,
//                  memory_bytes, devices, command_line, manifest_path, run; log_records, log_lost (-1: no log was
//                  found)
//   log            the kernel's, as dmesg(1) shows it
//   manifest.yaml  that it was started with, where that is known
//   vmcore.zst     the memory, as introspect/elf_core.h lays it out, where that was asked for (`dump: on-crash`)
// A folder of such a name is whole, and so is each file in it; vmcore.zst comes last. Each partition's newest are kept,
// and of all as many as fit into the size, in which vmcore.zst does not count: of those there are fewer.
class CrashStore {
public:
    static constexpr std::size_t most_reports = 8; // of a partition
    static constexpr std::uint64_t most_bytes = 64 * MiB;
    static constexpr std::size_t most_memories = 2;         // of a partition
    static constexpr std::uint64_t free_part = 10;          // a tenth of the file system is left free of vmcore.zst
    static constexpr std::size_t most_log_bytes = 16 * MiB; // of one; the rest is lost, which is said

    explicit CrashStore(std::filesystem::path directory) : directory_{std::move(directory)} {}

    // Whether such an end is worth a report.
    static bool is_crash(Result result, const std::string& cause);

    // Returns the folder. `kernel` is null where none was found in the partition's memory. Throws Error. May be called
    // in several threads, for different partitions.
    std::filesystem::path save(const Ending& ending, const std::string& cause, std::uint64_t time_usec,
                               const introspect::Kernel* kernel) const;

    // Writes the vmcore.zst of a report that save() has made, unless `proceed` stops it, and returns its size. Throws
    // Error, and nothing is left of it then.
    std::uint64_t add_memory(const std::filesystem::path& report, const introspect::ElfCore& core,
                             const introspect::Proceed& proceed) const;

private:
    struct Kept {
        std::string time;
        std::filesystem::path folder;
        std::string partition;
    };
    std::vector<Kept> kept() const; // the newest first
    void prune() const;

    std::filesystem::path directory_;
};

} // namespace parker
