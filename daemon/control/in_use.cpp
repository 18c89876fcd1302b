// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/in_use.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <regex>

#include "base/fd.h"

namespace parker {

bool is_claimed(const std::string& name)
{
    const Fd exclusive{::open(("/dev/" + name).c_str(), O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC)};
    return !exclusive && errno == EBUSY;
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

Error drive_busy(const Bdf& function, const std::string& drive)
{
    return Error{Code::device_busy, function.to_string(),
                 "its drive " + drive + " is in use: mounted, swapped to, or part of an array",
                 "end that use: `lsblk /dev/" + drive + "` shows it"};
}

} // namespace parker
