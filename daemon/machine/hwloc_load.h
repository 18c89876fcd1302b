// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <hwloc.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "machine/trial.h"

namespace parker {

using Hwloc = std::unique_ptr<hwloc_topology, void (*)(hwloc_topology_t)>;

// Packages, cores, L3 caches, CPUs and NUMA nodes; of descriptions, PCI too. Anything but the live machine is read in a
// child process, which hands over what it made of it, and the environment is changed: for programs with one thread,
// which those are that look at a machine other than their own. Throws Error.
class SysrootTopology {
public:
    explicit SysrootTopology(std::filesystem::path sysroot); // lets a child begin with it
    Hwloc load();                                            // once

private:
    std::filesystem::path sysroot_;
    std::optional<Trial> trial_; // none for the live machine
};
Hwloc load_xml(const std::string& xml, const std::string& name);
Hwloc load_synthetic(const std::string& description);

} // namespace parker
