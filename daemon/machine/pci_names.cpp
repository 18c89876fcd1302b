// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/pci_names.h"

extern "C" {
#include <pci/pci.h>
}

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
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

// The lines "VVVV  NAME" of these vendors and "\tDDDD  NAME" of their devices.
std::string pick_lines(std::string_view ids, const Machine& machine)
{
    std::set<std::uint16_t> vendors;
    std::set<std::pair<std::uint16_t, std::uint16_t>> devices;
    for (const auto& function : machine.functions) {
        vendors.insert(function.vendor);
        devices.emplace(function.vendor, function.device);
    }
    std::string picked;
    std::optional<std::uint16_t> vendor;
    while (!ids.empty()) {
        const auto line = text::take_line(ids);
        if (line.starts_with("C ")) // classes: vendors end here
            break;
        const bool is_device = line.starts_with('\t');
        if (line.empty() || line.front() == '#' || (is_device && !vendor))
            continue;
        const auto id = text::number<std::uint16_t>(line.substr(is_device ? 1 : 0, 4), 16);
        if (!id) // subsystems of a device
            continue;
        if (!is_device) {
            if (vendors.empty())
                break;
            vendor = vendors.erase(*id) > 0 ? id : std::nullopt;
        }
        if (is_device ? devices.contains({*vendor, *id}) : vendor.has_value())
            picked.append(line) += '\n';
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
