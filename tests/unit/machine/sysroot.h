// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/cpu_set.h"

namespace parker::test {

// A folder that is gone with its test.
class TemporaryFolder {
public:
    TemporaryFolder()
    {
        auto name = (std::filesystem::temp_directory_path() / "parker-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error{"cannot create " + name};
        path_ = name;
    }
    ~TemporaryFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

// A machine made of files.
class Sysroot {
public:
    std::filesystem::path path() const { return folder_.path(); }

    void write(const std::string& file, std::string_view content) const
    {
        const auto target = path() / file;
        std::filesystem::create_directories(target.parent_path());
        std::ofstream{target, std::ios::binary} << content;
    }
    void link(const std::string& file, const std::string& to) const
    {
        const auto target = path() / file;
        std::filesystem::create_directories(target.parent_path());
        std::filesystem::create_symlink(to, target);
    }
    void remove(const std::string& file) const { std::filesystem::remove_all(path() / file); }

    // `packages` with two cores of two threads each; CPU n and the one half the machine further share a core.
    // A node is a package.
    void add_cpus(unsigned packages, const CpuSet& offline = {}) const
    {
        const auto cores = packages * 2;
        const auto all = "0-" + std::to_string(cores * 2 - 1);
        auto online = *CpuSet::parse(all);
        online -= offline;
        write("sys/devices/system/cpu/possible", all + "\n");
        write("sys/devices/system/cpu/present", all + "\n");
        write("sys/devices/system/cpu/online", online.to_string() + "\n");
        for (unsigned cpu = 0; cpu < cores * 2; ++cpu)
            add_cpu(cpu, cores, online);
        for (unsigned node = 0; node < packages; ++node)
            add_node(node, package_cpus(node, cores) & online, packages);
    }

private:
    static CpuSet package_cpus(unsigned package, unsigned cores)
    {
        const auto first = package * 2;
        return {first, first + 1, first + cores, first + cores + 1};
    }
    static std::string mask(const CpuSet& cpus)
    {
        unsigned bits = 0;
        for (const auto cpu : cpus.to_vector())
            bits |= 1U << cpu;
        char text[16];
        std::snprintf(text, sizeof(text), "%08x\n", bits);
        return text;
    }
    void add_cpu(unsigned cpu, unsigned cores, const CpuSet& online) const
    {
        const auto folder = "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/";
        write(folder + "online", online.contains(cpu) ? "1\n" : "0\n");
        if (!online.contains(cpu))
            return; // the kernel takes the topology folder away
        const auto core = cpu % cores;
        const auto threads = CpuSet{core, core + cores} & online;
        const auto siblings = package_cpus(core / 2, cores) & online;
        write(folder + "topology/physical_package_id", std::to_string(core / 2) + "\n");
        write(folder + "topology/core_id", std::to_string(core % 2) + "\n");
        write(folder + "topology/thread_siblings", mask(threads));
        write(folder + "topology/thread_siblings_list", threads.to_string() + "\n");
        write(folder + "topology/core_siblings", mask(siblings));
        write(folder + "topology/core_siblings_list", siblings.to_string() + "\n");
    }
    void add_node(unsigned node, const CpuSet& cpus, unsigned nodes) const
    {
        const auto folder = "sys/devices/system/node/node" + std::to_string(node) + "/";
        const auto prefix = "Node " + std::to_string(node) + " ";
        write(folder + "cpulist", cpus.to_string() + "\n");
        write(folder + "cpumap", mask(cpus));
        write(folder + "meminfo", prefix + "MemTotal:  4194304 kB\n" + prefix + "MemFree:   1048576 kB\n" + prefix +
                                      "Inactive(file):  2048 kB\n" + prefix + "Active(file):  1024 kB\n");
        std::string distances;
        for (unsigned other = 0; other < nodes; ++other)
            distances += (other > 0 ? " " : "") + std::string{other == node ? "10" : "21"};
        write(folder + "distance", distances + "\n");
    }

    TemporaryFolder folder_;
};

} // namespace parker::test
