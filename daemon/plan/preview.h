// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <span>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace parker {

// What becomes of one partition when the plan is carried out.
struct Change {
    enum class Action { keep, take, change, give };

    std::string name;
    Placement held;    // nothing of it, if it holds nothing
    Placement planned; // nothing of it, if it is to give back all
    bool running = false;
    bool needs_restart = false; // it runs with something else than its manifest asks for

    Action action() const;
};

// One call on the machine, in the words of Control.
struct Step {
    enum class Verb { stop, give_devices, give_memory, give_cpus, take_cpus, take_memory, take_devices, start };

    Verb verb = Verb::stop;
    std::string partition;
    std::string what; // "4-7", "1GiB of node 0"; empty for stop and start
};

// What the manifests come to once each partition that needs it has been restarted, against what is held now.
struct Preview {
    bool held_known = true;      // false: nobody could say what is held, and all is planned as if nothing was
    std::vector<Change> changes; // of each partition that holds something or shall, ordered by name
    Findings findings;           // why others do not fit
};

// A holding that no longer is what its manifest asks for makes room first, if the new one fits; one without a manifest
// is given back, but stands in the way until it is.
Preview make_preview(const Machine& machine, std::span<const Manifest> manifests, std::span<const Holding> held,
                     const PlanOptions& options = {});

// In the order of carrying them out: what is given back first makes room for the rest.
std::vector<Step> steps(const Preview& preview);

// Keeps what is about one of `names`, or all if there is none. A finding that names no partition is about all.
void keep_only(Preview& preview, std::span<const std::string> names);

std::string_view to_string(Change::Action action);
std::string_view to_string(Step::Verb verb);

} // namespace parker
