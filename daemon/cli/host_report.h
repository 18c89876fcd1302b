// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "machine/machine.h"
#include "plan/devices.h"

namespace parker::cli {

// What `parkerctl host` says about a machine, as text and as JSON.
class HostReport {
public:
    HostReport(const Machine& machine, bool module);

    void print(bool legend);
    nlohmann::ordered_json to_json();

private:
    struct Verdict {
        std::optional<bool> assignable; // nothing: the machine's description does not say
        std::string code;               // if not
        std::string why;
    };

    Verdict verdict(const Machine::PciFunction& function);
    Findings plan(const Machine::PciFunction& function) const;
    std::vector<std::string> advice() const;

    void print_cpus() const;
    void print_memory() const;
    void print_kernel() const;
    void print_nodes(bool legend) const;
    void print_functions(bool legend);
    nlohmann::ordered_json cpus_json() const;
    nlohmann::ordered_json nodes_json() const;
    nlohmann::ordered_json function_json(const Machine::PciFunction& function);

    const Machine& machine_;
    bool module_;
    DeviceRoom room_;
    std::vector<std::string> words_; // of the boot kernel, that matter
    std::map<Bdf, Findings> plans_;  // a bus goes as a whole: of its first function; on a root bus, of each
};

std::string describe(const Machine::PciFunction& function); // by name, or number if it has none

} // namespace parker::cli
