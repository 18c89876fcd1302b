// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/pci_names.h"

extern "C" {
#include <pci/pci.h>
}

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/fd.h"
#include "machine/text.h"

namespace parker {
namespace {

// Out of pci.ids alone: udev's copy of it, in its hardware database, costs a leak a time.
constexpr int lookup = PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB;

// pci_init() would set these, and also look for a machine; libpci calls them without asking whether they are there.
void ignore(char*, ...) {}

// Out of memory: libpci cannot go on. To clang, only GNU's spelling is part of the type that libpci asks for.
__attribute__((noreturn)) void give_up(char*, ...)
{
    std::abort();
}

using Access = std::unique_ptr<pci_access, void (*)(pci_access*)>;

Access make_access()
{
    Access access{::pci_alloc(), ::pci_cleanup};
    access->error = give_up;
    access->warning = ignore;
    access->debug = ignore;
    // No file in somebody's home.
    std::string parameter = "net.cache_name";
    std::string nothing;
    ::pci_set_param(access.get(), parameter.data(), nothing.data());
    return access;
}

struct Unmap {
    std::size_t bytes = 0;
    void operator()(void* start) const { ::munmap(start, bytes); }
};
using Mapping = std::unique_ptr<void, Unmap>;

// Not read: copying a megabyte takes longer than finding the few lines that are asked for.
Mapping map_ids(const std::string& path)
{
    const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return {};
    const auto bytes = static_cast<std::size_t>(status.st_size);
    auto* start = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file.get(), 0);
    return start != MAP_FAILED ? Mapping{start, {bytes}} : Mapping{};
}

// A line "VVVV  NAME", and where what is below it begins.
struct Vendor {
    std::uint16_t id = 0;
    std::string_view line;
    std::size_t below = 0;
};

// The first one that begins at or behind `from`, a line's start, and before `until`. The classes, which come last, are
// no vendors.
std::optional<Vendor> first_vendor(std::string_view ids, std::size_t from, std::size_t until)
{
    auto rest = ids.substr(from);
    while (ids.size() - rest.size() < until) {
        const auto line = text::take_line(rest);
        if (line.empty() || line.front() == '\t' || line.front() == '#')
            continue;
        const auto id = text::number<std::uint16_t>(line.substr(0, 4), 16);
        return id ? std::optional{Vendor{*id, line, ids.size() - rest.size()}} : std::nullopt;
    }
    return std::nullopt;
}

// pci.ids is ordered ("please keep sorted", as it says): most of its megabyte need not be looked at.
std::optional<Vendor> find_vendor(std::string_view ids, std::uint16_t id)
{
    std::size_t first = 0; // a line's start, and the vendor's is not before it
    for (auto last = ids.size(); first < last;) {
        const auto middle = first + (last - first) / 2;
        const auto line = std::min(ids.find('\n', middle), ids.size() - 1) + 1;
        const auto vendor = first_vendor(ids, line, last);
        if (vendor && vendor->id < id)
            first = vendor->below;
        else
            last = middle;
    }
    auto vendor = first_vendor(ids, first, ids.size());
    while (vendor && vendor->id < id) // one at most: what begins between `first` and the line behind it
        vendor = first_vendor(ids, vendor->below, ids.size());
    return vendor && vendor->id == id ? vendor : std::nullopt;
}

// The lines "VVVV  NAME" of these vendors and "\tDDDD  NAME" of their devices.
std::string pick_lines(std::string_view ids, const Machine& machine)
{
    std::map<std::uint16_t, std::set<std::uint16_t>> wanted;
    for (const auto& function : machine.functions)
        wanted[function.vendor].insert(function.device);
    std::string picked;
    for (auto& [id, devices] : wanted) {
        const auto vendor = find_vendor(ids, id);
        if (!vendor)
            continue;
        picked.append(vendor->line) += '\n';
        for (auto rest = ids.substr(vendor->below); !rest.empty() && !devices.empty();) {
            const auto line = text::take_line(rest);
            if (line.empty() || line.front() == '#')
                continue;
            if (line.front() != '\t')
                break;
            const auto device = text::number<std::uint16_t>(line.substr(1, 4), 16); // none: subsystem of a device
            if (device && devices.erase(*device) > 0)
                picked.append(line) += '\n';
        }
    }
    return picked;
}

// libpci makes a table of all names that it finds, which takes longer than everything else about a machine: it is shown
// those lines alone that will be asked for. The file behind the descriptor must live as long as libpci asks.
Fd shorten_ids(pci_access& access, const Machine& machine)
{
    // Like libpci itself, which looks for a compressed one first. If there is only that, libpci has to read it.
    std::string path = access.id_file_name;
    if (path.ends_with(".gz"))
        path.resize(path.size() - 3);
    const auto ids = map_ids(path);
    Fd shortened{ids ? ::memfd_create("pci.ids", MFD_CLOEXEC) : -1};
    if (!shortened)
        return shortened;
    const auto lines = pick_lines({static_cast<const char*>(ids.get()), ids.get_deleter().bytes}, machine);
    if (::write(shortened.get(), lines.data(), lines.size()) != static_cast<ssize_t>(lines.size()))
        return Fd{};
    auto own_path = "/proc/self/fd/" + std::to_string(shortened.get());
    ::pci_set_name_list_path(&access, ::strdup(own_path.c_str()), 1);
    return shortened;
}

} // namespace

void name_functions(Machine& machine)
{
    if (machine.functions.empty())
        return;
    const auto access = make_access();
    const auto ids = shorten_ids(*access, machine);
    std::array<char, 256> name{};
    const auto text_or_nothing = [](const char* found) { return found != nullptr ? text::printable(found) : ""; };
    for (auto& function : machine.functions) {
        function.vendor_name =
            text_or_nothing(::pci_lookup_name(access.get(), name.data(), static_cast<int>(name.size()),
                                              PCI_LOOKUP_VENDOR | lookup, int{function.vendor}));
        function.device_name =
            text_or_nothing(::pci_lookup_name(access.get(), name.data(), static_cast<int>(name.size()),
                                              PCI_LOOKUP_DEVICE | lookup, int{function.vendor}, int{function.device}));
    }
}

} // namespace parker
