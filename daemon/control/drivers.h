// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bdf.h"
#include "base/error.h"
#include "control/in_use.h"

namespace parker {

// The boot kernel's drivers of PCI functions that go to partitions and come back. Which driver a function had is the
// one thing about a partition that the kernel forgets: it stands in a file, written before anything is unbound, so
// that a daemon that died in between can still bind it again.
class Drivers {
public:
    using Write = std::function<void(const std::filesystem::path&, std::string_view)>; // throws Error

    // The name of a drive of this function that is in use, if there is one.
    using InUse = std::function<std::optional<std::string>(const std::filesystem::path& function)>;

    // `pci` is /sys/bus/pci. Tests give a `write` and an `in_use` of their own, as no kernel answers in a plain folder.
    Drivers(
        std::filesystem::path pci, std::filesystem::path file, Write write = write_attribute,
        InUse in_use = [](const std::filesystem::path& function) { return drive_in_use(function); });

    std::optional<Error> in_use(const Bdf& bdf) const; // why release() would refuse it; nothing: it would not

    // Unbinds them and keeps others away: driver_override "parker". All or none; none while one is a drive in use.
    void release(const std::string& partition, const std::vector<Bdf>& functions);

    // Gives each its driver and its driver_override back. Throws not_returned for those that have none afterwards;
    // they stay remembered, and it can be called again. Functions that are not remembered are left alone.
    void restore(const std::vector<Bdf>& functions);

    std::vector<Bdf> remembered(const std::string& partition) const; // ascending

    static void write_attribute(const std::filesystem::path& path, std::string_view text);

private:
    struct Was {
        std::string partition;
        std::string driver; // empty: none
        std::string override;
    };
    using Ledger = std::map<Bdf, Was>;

    void forget(const std::vector<Bdf>& functions);

    Ledger load() const;
    void save(const Ledger& ledger) const;
    std::filesystem::path function(const Bdf& bdf) const { return pci_ / "devices" / bdf.to_string(); }
    std::string driver_of(const Bdf& bdf) const;
    void bind_again(const Bdf& bdf, const Was& was) const;

    std::filesystem::path pci_;
    std::filesystem::path file_;
    Write write_;
    InUse in_use_;
    std::mutex changing_; // the file: partitions come and go side by side
};

} // namespace parker
