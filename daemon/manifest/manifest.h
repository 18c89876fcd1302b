// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bdf.h"
#include "base/cpu_set.h"
#include "manifest/finding.h"

namespace parker {

// One partition as its administrator wishes it: a YAML document of /etc/parker.d/*.yaml, schemas/partition-v1.json.
// Everything that a later check may complain about carries its position.
struct Manifest {
    static constexpr std::size_t max_name = 32; // PARKER_NAME_MAX

    enum class Reserve { on_start, always };
    enum class Sharing { whole_cores, threads };
    enum class Dma { automatic, required, off };
    enum class Dump { off, on_crash };

    struct Cpus {
        Position at;
        std::optional<unsigned> count; // exactly one of count and list
        std::optional<CpuSet> list;
        std::optional<Located<unsigned>> node;
        Sharing sharing = Sharing::whole_cores;
    };
    struct Memory {
        Position at;
        std::optional<std::uint64_t> size_bytes;       // exactly one of size_bytes and nodes_bytes
        std::map<unsigned, std::uint64_t> nodes_bytes; // NUMA node -> bytes
    };
    struct DeviceMatch {
        std::uint16_t vendor = 0;
        std::uint16_t device = 0;
        std::optional<unsigned> node;
    };
    struct Device {
        Position at;
        std::variant<Bdf, DeviceMatch> pci;
    };
    struct Kernel {
        Located<std::string> image;                // absolute path
        std::vector<Located<std::string>> initrds; // concatenated in this order
        Located<std::string> cmdline;
        std::optional<Located<std::string>> sha256; // 64 lower-case hexadecimal digits
    };
    struct Timeouts {
        std::chrono::milliseconds boot{std::chrono::seconds{60}};
        std::chrono::milliseconds stop{std::chrono::seconds{90}};
        std::chrono::milliseconds heartbeat{std::chrono::seconds{30}};
    };

    Located<std::string> name;
    std::string description;
    bool autostart = false;
    Reserve reserve = Reserve::on_start;
    Cpus cpus;
    Memory memory;
    std::vector<Device> devices;
    Kernel kernel;
    Dma dma = Dma::automatic;
    std::optional<Position> virtualization; // where it says that the kernel may use KVM
    Dump dump = Dump::off;
    std::map<std::string, std::string> credentials;
    Timeouts timeouts;

    std::string source;       // the document's own text: two manifests are the same if these are
    unsigned source_line = 0; // of the file, where `source` begins; 0: not known
    std::uint64_t memory_bytes() const;
};

} // namespace parker
