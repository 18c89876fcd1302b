// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/in_use.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <regex>
#include <set>
#include <vector>

#include "base/fd.h"
#include "control/network_link.h"
#include "machine/files.h"

namespace parker {
namespace {

constexpr std::size_t table_limit = 4 * MiB; // of mounts: a host of containers has thousands
constexpr unsigned most_uses = 4;            // that are told

// A block device, with its partitions.
std::vector<std::string> parts_of(const Files& files, const std::string& name)
{
    std::vector<std::string> parts{name};
    const auto folder = "sys/block/" + name;
    for (const auto& entry : files.list(folder))
        if (entry.starts_with(name) && files.exists(folder + '/' + entry + "/partition"))
            parts.push_back(entry);
    return parts;
}

// What stands in the kernel's tables about them.
class Uses {
public:
    explicit Uses(const Files& files) : files_{files}
    {
        // Numbers and names of devices. Only the former is true of what was renamed, only the latter of btrfs.
        const auto info = files.read("proc/self/mountinfo", table_limit);
        std::string_view rest = info ? std::string_view{*info} : std::string_view{};
        while (!rest.empty()) { // "36 35 98:0 /root /mount/point options - type /dev/name options"
            auto line = text::take_line(rest);
            Mount mount;
            text::take_until(line, ' ');
            text::take_until(line, ' ');
            mount.number = text::take_until(line, ' ');
            text::take_until(line, ' ');
            mount.point = text::take_until(line, ' ');
            if (const auto mark = line.find(" - "); mark != std::string_view::npos) {
                line.remove_prefix(mark + 3);
                text::take_until(line, ' ');
                mount.source = text::take_until(line, ' ');
            }
            mounts_.push_back(std::move(mount));
        }
        // A copy of a machine has no processes, but may have what they are shown.
        const auto mounts = info ? std::nullopt : files.read("proc/mounts", table_limit);
        rest = mounts ? std::string_view{*mounts} : std::string_view{};
        while (!rest.empty()) {
            auto line = text::take_line(rest);
            const std::string source{text::take_until(line, ' ')};
            mounts_.push_back({{}, source, std::string{text::take_until(line, ' ')}});
        }
        const auto swaps = files.read("proc/swaps");
        rest = swaps ? std::string_view{*swaps} : std::string_view{};
        while (!rest.empty()) {
            auto line = text::take_line(rest);
            swaps_.insert(std::string{text::take_until(line, ' ')});
        }
    }

    std::vector<std::string> of(const std::string& name)
    {
        std::vector<std::string> found;
        if (!seen_.insert(name).second)
            return found;
        for (const auto& part : parts_of(files_, name)) {
            const auto folder = "sys/block/" + (part == name ? name : name + '/' + part);
            const auto number = files_.line(folder + "/dev");
            const auto path = "/dev/" + part;
            const auto mapped = files_.line(folder + "/dm/name");
            const auto is_it = [&path, &mapped](const std::string& source) {
                return source == path || (!mapped.empty() && source == "/dev/mapper/" + mapped);
            };
            for (const auto& mount : mounts_)
                if ((!number.empty() && mount.number == number) || is_it(mount.source))
                    found.push_back("mounted on " + text::printable(mount.point));
            if (std::ranges::any_of(swaps_, is_it))
                found.emplace_back("swapped to");
            for (const auto& holder : files_.list(folder + "/holders"))
                add_holder(holder, found);
        }
        return found;
    }

private:
    struct Mount {
        std::string number;
        std::string source;
        std::string point;
    };

    // "part of md0", "part of the LVM volume vg-root", and what that is used for.
    void add_holder(const std::string& holder, std::vector<std::string>& found)
    {
        const auto folder = "sys/block/" + holder + "/dm";
        const auto name = files_.line(folder + "/name");
        const auto id = files_.line(folder + "/uuid");
        const auto* kind = id.starts_with("LVM-")     ? "the LVM volume "
                           : id.starts_with("CRYPT-") ? "the encrypted volume "
                           : id.starts_with("mpath-") ? "the multipath device "
                           : holder.starts_with("md") ? "the array "
                                                      : "";
        found.push_back("part of " + (kind + text::printable(name.empty() ? holder : name)));
        std::ranges::move(of(holder), std::back_inserter(found));
    }

    const Files& files_;
    std::vector<Mount> mounts_;
    std::set<std::string> swaps_;
    std::set<std::string> seen_; // arrays of arrays, in a folder of anybody's making
};

// What udev found on it. ZFS, Ceph and others leave no trace in the kernel's tables.
std::string content_of(const Files& files, const std::string& name)
{
    for (const auto& part : parts_of(files, name)) {
        const auto number = files.line("sys/block/" + (part == name ? name : name + '/' + part) + "/dev");
        const auto record = number.empty() ? std::nullopt : files.read("run/udev/data/b" + number);
        std::string_view rest = record ? std::string_view{*record} : std::string_view{};
        while (!rest.empty()) {
            auto line = text::take_line(rest);
            constexpr std::string_view type = "E:ID_FS_TYPE=";
            if (line.starts_with(type) && line.ends_with("_member"))
                return "it is a " + text::printable(line.substr(type.size()));
        }
    }
    return {};
}

std::filesystem::path folder_of(const Bdf& function, const std::filesystem::path& root)
{
    return root / "sys/bus/pci/devices" / function.to_string();
}

} // namespace

bool is_claimed(const std::string& name)
{
    const Fd exclusive{::open(("/dev/" + name).c_str(), O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC)};
    return !exclusive && errno == EBUSY;
}

std::string drive_use(const std::string& name, const std::filesystem::path& root)
{
    const Files files{root};
    const auto found = Uses{files}.of(name);
    std::string use;
    for (std::size_t i = 0; i < found.size() && i < most_uses; ++i)
        use += (i == 0 ? "" : ", ") + found[i];
    return found.size() > most_uses ? use + " and more" : use;
}

std::string how_used(const std::string& name, const std::filesystem::path& root)
{
    auto use = drive_use(name, root);
    return use.empty() ? content_of(Files{root}, name) : use;
}

std::optional<std::string> drive_in_use(const std::filesystem::path& function, const std::filesystem::path& block,
                                        const std::function<bool(const std::string&)>& claimed)
{
    // One path of several to an NVMe namespace is "nvme0c1n1"; "nvme0n1" is what is used.
    const std::regex path_of_several{"^(nvme\\d+)c\\d+"};
    std::error_code error;
    const auto folder = std::filesystem::canonical(function, error);
    if (error)
        return std::nullopt;
    for (std::filesystem::directory_iterator entry{block, error}; !error && entry != end(entry);
         entry.increment(error)) {
        std::error_code dangling;
        const auto device = std::filesystem::canonical(entry->path(), dangling);
        if (dangling || std::ranges::mismatch(folder, device).in1 != folder.end())
            continue;
        const auto name = std::regex_replace(entry->path().filename().string(), path_of_several, "$1");
        if (claimed(name))
            return name;
    }
    return std::nullopt;
}

Error drive_busy(const Bdf& function, const std::string& drive, const std::string& use)
{
    return Error{Code::device_busy, function.to_string(),
                 "its drive " + drive +
                     " is in use: " + (use.empty() ? "mounted, swapped to, or part of an array" : use),
                 "end that use: `lsblk /dev/" + drive + "` shows it"};
}

std::optional<BootUse> boot_use(const Bdf& function, const std::filesystem::path& root)
{
    const auto folder = folder_of(function, root);
    const bool is_here = root == "/";
    const auto used = [&root](const std::string& name) { return !drive_use(name, root).empty(); };
    const auto drive = is_here ? drive_in_use(folder) : drive_in_use(folder, root / "sys/block", used);
    if (drive)
        return BootUse{drive_busy(function, *drive, how_used(*drive, root))};
    return link_use(function, root);
}

} // namespace parker
