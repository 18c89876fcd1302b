// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/save.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string>
#include <string_view>

#include "base/error.h"
#include "machine/files.h"
#include "machine/read.h"

namespace parker {
namespace {

constexpr std::size_t large = 64 * MiB; // /proc/interrupts has a line an interrupt, a column a CPU
constexpr unsigned max_depth = 6;

constexpr std::array proc_files{
    "cmdline",        "cpuinfo", "interrupts",           "iomem",   "meminfo", "mounts", "net/ipv6_route", "net/route",
    "self/mountinfo", "swaps",   "sys/kernel/osrelease", "version", "zoneinfo"};
constexpr std::array function_files{"class",          "config",         "device",    "driver_override", "local_cpus",
                                    "local_cpulist",  "max_link_speed", "numa_node", "resource",        "sriov_numvfs",
                                    "sriov_totalvfs", "uevent",         "vendor"};
constexpr std::array function_links{"driver", "iommu_group", "physfn"};
constexpr std::array link_files{"carrier", "flags", "operstate", "type"}; // not the addresses
constexpr std::array drive_files{"dev", "dm/name", "dm/uuid", "partition", "size"};

// Of CPUs and nodes: what changes all the time, leads elsewhere, or is a great many.
bool is_left_out(std::string_view name)
{
    constexpr std::array whole{"cpuidle", "driver",    "firmware_node",    "hugepages", "microcode",
                               "power",   "subsystem", "thermal_throttle", "uevent"};
    constexpr std::array starts{"crash_notes", "scaling_", "memory", "cpuinfo_cur"};
    return std::ranges::find(whole, name) != whole.end() ||
           std::ranges::any_of(starts, [name](std::string_view start) { return name.starts_with(start); });
}

class Copy {
public:
    Copy(const Files& from, const std::filesystem::path& to) : from_{from}, to_{to} {}

    void file(const std::string& path) const
    {
        const auto content = from_.read(path, large);
        if (!content)
            return;
        make_folder(path);
        std::ofstream out{to_ / path, std::ios::binary};
        if (!(out << *content).flush())
            throw_errno(Code::failed, (to_ / path).string(), "cannot be written");
    }
    // That it is there is all there is to know.
    void presence(const std::string& path) const
    {
        if (!from_.exists(path))
            return;
        make_folder(path);
        std::ofstream{to_ / path};
    }
    void link(const std::string& path) const
    {
        const auto target = from_.link(path);
        if (target.empty())
            return;
        make_folder(path);
        std::error_code error;
        std::filesystem::create_symlink(target, to_ / path, error);
        if (error && error != std::errc::file_exists)
            throw Error{Code::failed, (to_ / path).string(), error.message()};
    }
    void folder(const std::string& path) const
    {
        std::error_code error;
        std::filesystem::create_directories(to_ / path, error);
        if (error)
            throw Error{Code::failed, (to_ / path).string(), error.message()};
    }
    void tree(const std::string& path, unsigned depth = 0) const
    {
        for (const auto& name : from_.list(path)) {
            const auto inside = path + '/' + name;
            if (is_left_out(name))
                continue;
            if (!from_.link(inside).empty())
                link(inside);
            else if (!from_.folder(inside))
                file(inside);
            else if (depth < max_depth)
                tree(inside, depth + 1);
        }
    }
    // "sys/block/sda" -> "sys/devices/pci0000:00/…/sda", both of which are there then.
    std::string followed(const std::string& path) const
    {
        const auto target = from_.link(path);
        if (target.empty() || target.starts_with('/'))
            return path;
        link(path);
        return (std::filesystem::path{path}.parent_path() / target).lexically_normal().string();
    }
    template <typename Names>
    void files(const std::string& folder, const Names& names) const
    {
        for (const auto* name : names)
            file(folder + '/' + name);
    }

private:
    void make_folder(const std::string& path) const { folder(std::filesystem::path{path}.parent_path().string()); }

    const Files& from_;
    const std::filesystem::path& to_;
};

void save_functions(const Files& from, const Copy& copy)
{
    const std::string devices = "sys/bus/pci/devices";
    for (const auto& name : from.list(devices)) {
        const auto folder = copy.followed(devices + '/' + name);
        copy.folder(folder);
        copy.files(folder, function_files);
        for (const auto* link : function_links)
            copy.link(folder + '/' + link);
        if (from.exists(folder + "/msi_irqs"))
            copy.folder(folder + "/msi_irqs");
    }
}

void save_drives(const Files& from, const Copy& copy)
{
    for (const auto& name : from.list("sys/block")) {
        const auto drive = copy.followed("sys/block/" + name);
        std::vector<std::string> parts{drive};
        for (const auto& part : from.list(drive))
            if (part.starts_with(name))
                parts.push_back(drive + '/' + part);
        for (const auto& part : parts) {
            copy.folder(part);
            copy.files(part, drive_files);
            for (const auto& holder : from.list(part + "/holders"))
                copy.link(part + "/holders/" + holder);
        }
    }
}

void save_links(const Files& from, const Copy& copy)
{
    for (const auto& name : from.list("sys/class/net")) {
        const auto folder = copy.followed("sys/class/net/" + name);
        copy.folder(folder);
        copy.files(folder, link_files);
        for (const auto& entry : from.list(folder))
            if (entry.starts_with("upper_") || entry.starts_with("lower_") || entry == "master")
                copy.link(folder + '/' + entry);
    }
}

} // namespace

void save_machine(const std::filesystem::path& root, const std::filesystem::path& folder)
{
    std::error_code error;
    if (std::filesystem::exists(folder, error) && !std::filesystem::is_empty(folder, error))
        throw Error{Code::failed, folder.string(), "is there already, and not empty", "name a new folder"};
    const Files from{root};
    const Copy copy{from, folder};
    copy.folder("");
    for (const auto* name : proc_files)
        copy.file(std::string{"proc/"} + name);
    for (const auto* system : {"cpu", "node"})
        copy.tree(std::string{"sys/devices/system/"} + system);
    for (const auto& cpu : from.list("sys/devices/system/cpu"))
        copy.file("sys/devices/system/cpu/" + cpu + "/microcode/version");
    for (const auto* name :
         {"system/cpu/microcode/reload", "virtual/misc/tdx_guest", "virtual/misc/sev-guest", "platform/sev-guest"})
        copy.presence(std::string{"sys/devices/"} + name);
    save_functions(from, copy);
    save_drives(from, copy);
    save_links(from, copy);
    for (const auto& iommu : from.list("sys/class/iommu"))
        copy.link("sys/class/iommu/" + iommu);
    if (from.exists("sys/class/iommu"))
        copy.folder("sys/class/iommu");
    for (const auto& irq : from.list("sys/kernel/irq"))
        copy.file("sys/kernel/irq/" + irq + "/chip_name");
    copy.file("sys/firmware/acpi/tables/MCFG");
    for (const auto* name : {"sys_vendor", "product_name"})
        copy.file(std::string{"sys/class/dmi/id/"} + name);
    (void)read_machine({folder, {}}); // or it was of no use
}

} // namespace parker
