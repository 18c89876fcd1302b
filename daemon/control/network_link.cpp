// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/network_link.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <set>
#include <vector>

#include "machine/files.h"

namespace parker {
namespace {

constexpr const char* net = "sys/class/net";
constexpr std::size_t routes_limit = 8 * MiB;
constexpr const char* by_route = "the default route leads over it";

bool is_all(std::string_view text, char digit)
{
    return !text.empty() && text.find_first_not_of(digit) == std::string_view::npos;
}

std::vector<std::string> words(std::string_view line)
{
    constexpr std::string_view blank = " \t";
    std::vector<std::string> all;
    for (auto start = line.find_first_not_of(blank); start < line.size();) {
        const auto end = std::min(line.find_first_of(blank, start), line.size());
        all.emplace_back(line.substr(start, end - start));
        start = std::min(line.find_first_not_of(blank, end), line.size());
    }
    return all;
}

// The interfaces that this one is a part of.
std::vector<std::string> above(const Files& files, const std::vector<std::string>& all, const std::string& name)
{
    const auto folder = std::string{net} + '/' + name;
    constexpr std::string_view upper = "upper_";
    std::vector<std::string> found;
    for (const auto& entry : files.list(folder))
        if (entry.starts_with(upper))
            found.push_back(entry.substr(upper.size()));
    if (const auto master = files.link(folder + "/master"); !master.empty())
        found.push_back(master.substr(master.rfind('/') + 1));
    for (const auto& other : all)
        for (const auto* below : {"/lower_", "/brif/"})
            if (files.exists(std::string{net} + '/' + other + below + name))
                found.push_back(other);
    return found;
}

// Those that lie in the function's folder, whatever is between: virtio has a folder of its own there.
std::vector<std::string> links_of(const Bdf& function, const std::filesystem::path& root,
                                  const std::vector<std::string>& all)
{
    std::vector<std::string> found;
    std::error_code error;
    const auto folder = std::filesystem::canonical(root / "sys/bus/pci/devices" / function.to_string(), error);
    if (error)
        return found;
    for (const auto& name : all) {
        const auto link = std::filesystem::canonical(root / net / name, error);
        if (!error && std::ranges::mismatch(folder, link).in1 == folder.end())
            found.push_back(name);
    }
    return found;
}

// The value of the variable in this process, or in the next one above that has it.
std::string inherited(const char* variable)
{
    constexpr unsigned most_generations = 32;
    constexpr std::size_t environment_limit = 1 * MiB;
    if (const auto* own = std::getenv(variable); own != nullptr)
        return own;
    auto process = std::to_string(::getppid());
    for (unsigned generation = 0; generation < most_generations; ++generation) {
        const auto folder = Files{"/proc"}.folder(process);
        if (!folder)
            return {};
        const auto environment = folder->read("environ", environment_limit).value_or("");
        std::string_view rest = environment;
        while (!rest.empty()) {
            auto entry = text::take_until(rest, '\0');
            if (text::take_until(entry, '=') == variable && !entry.empty())
                return std::string{entry};
        }
        const auto status = folder->read("stat").value_or(""); // "pid (name) state parent …", a name may be anything
        const auto parent = words(std::string_view{status}.substr(std::min(status.size(), status.rfind(')') + 1)));
        if (parent.size() < 2 || parent[1] == "0")
            return {};
        process = parent[1];
    }
    return {};
}

std::optional<std::string> interface_with(const std::string& address)
{
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0)
        return std::nullopt;
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> addresses{list, ::freeifaddrs};
    for (const auto* each = list; each != nullptr; each = each->ifa_next) {
        if (each->ifa_addr == nullptr)
            continue;
        std::array<char, INET6_ADDRSTRLEN> own{};
        const void* bytes = nullptr;
        if (each->ifa_addr->sa_family == AF_INET)
            bytes = &reinterpret_cast<const sockaddr_in*>(each->ifa_addr)->sin_addr;
        else if (each->ifa_addr->sa_family == AF_INET6)
            bytes = &reinterpret_cast<const sockaddr_in6*>(each->ifa_addr)->sin6_addr;
        if (bytes != nullptr && ::inet_ntop(each->ifa_addr->sa_family, bytes, own.data(), own.size()) != nullptr &&
            address == own.data())
            return each->ifa_name;
    }
    return std::nullopt;
}

} // namespace

OwnLinks default_routes(const std::filesystem::path& root)
{
    OwnLinks own;
    const Files files{root};
    const auto routes = files.read("proc/net/route", routes_limit).value_or("");
    std::string_view rest = routes;
    while (!rest.empty()) { // Iface Destination Gateway Flags RefCnt Use Metric Mask
        const auto line = words(text::take_line(rest));
        if (line.size() > 7 && is_all(line[1], '0') && is_all(line[7], '0'))
            own.emplace(text::printable(line[0]), by_route);
    }
    const auto routes6 = files.read("proc/net/ipv6_route", routes_limit).value_or("");
    rest = routes6;
    while (!rest.empty()) { // destination, its prefix, source, its prefix, next hop, metric, …, flags, device
        const auto line = words(text::take_line(rest));
        if (line.size() > 9 && is_all(line[0], '0') && is_all(line[1], '0') && line[9] != "lo")
            own.emplace(text::printable(line[9]), by_route);
    }
    return own;
}

OwnLinks session_link()
{
    const auto connection = words(inherited("SSH_CONNECTION")); // client, its port, server, its port
    if (connection.size() < 4)
        return {};
    auto address = connection[2];
    if (const auto scope = address.find('%'); scope != std::string::npos)
        return {{address.substr(scope + 1), "this session came in over it"}};
    if (address.starts_with("::ffff:"))
        address.erase(0, 7);
    const auto name = interface_with(address);
    return name ? OwnLinks{{*name, "this session came in over it"}} : OwnLinks{};
}

std::optional<BootUse> link_use(const Bdf& function, const std::filesystem::path& root, const OwnLinks& own)
{
    const Files files{root};
    const auto all = files.list(net);
    std::optional<BootUse> up;
    for (const auto& name : links_of(function, root, all)) {
        std::set<std::string> seen{name};
        for (std::vector<std::string> open{name}; !open.empty();) {
            const auto link = open.back();
            open.pop_back();
            if (const auto why = own.find(link); why != own.end())
                return BootUse{Error{Code::device_busy, function.to_string(),
                                     "its network link " + name + " is the machine's own: " + why->second +
                                         (link == name ? "" : ", as a part of " + link),
                                     "another card: without this one, the machine may be out of reach"}};
            for (auto& upper : above(files, all, link))
                if (seen.insert(upper).second)
                    open.push_back(std::move(upper));
        }
        const auto folder = std::string{net} + '/' + name;
        constexpr unsigned is_up = 1; // IFF_UP
        const auto flags = files.number<unsigned>(folder + "/flags", 16).value_or(0);
        if (!up && (flags & is_up) != 0 && files.line(folder + "/carrier") == "1")
            up = BootUse{Error{Code::device_busy, function.to_string(), "its network link " + name + " is up",
                               "`ip link set " + name + " down`, if nothing of the boot kernel needs it"},
                         false};
    }
    return up;
}

std::optional<BootUse> link_use(const Bdf& function, const std::filesystem::path& root)
{
    return link_use(function, root, default_routes(root));
}

} // namespace parker
