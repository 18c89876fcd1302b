// SPDX-License-Identifier: LGPL-2.1-or-later
// bench manifests DIRECTORY: reads what is there and plans it on a machine of 4,096 CPUs and 64 nodes.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>

#include "../unit/plan/machines.h"
#include "manifest/load.h"

using namespace parker;

namespace {

constexpr int turns = 7;

// The best of several: what others do on the computer only ever adds to it.
template <typename Work>
double best_ms(Work work)
{
    using Clock = std::chrono::steady_clock;
    auto best = Clock::duration::max();
    for (int turn = 0; turn < turns; ++turn) {
        const auto start = Clock::now();
        work();
        best = std::min(best, Clock::now() - start);
    }
    return std::chrono::duration<double, std::milli>(best).count();
}

int bench_manifests(const std::filesystem::path& directory)
{
    const auto machine = test::make_machine({64, 32, 2, 256 * GiB, 4});
    Manifests manifests;
    const auto reading = best_ms([&manifests, &directory] { manifests = load_directories({directory}); });
    Plan plan;
    const auto planning = best_ms([&] { plan = make_plan(machine, manifests.manifests, {}); });

    // All but the last are held, and it is new.
    std::vector<Holding> held;
    for (const auto& placement : plan.placements)
        held.push_back(test::holding(placement));
    if (held.empty())
        return EXIT_FAILURE;
    const auto last = held.back().name;
    held.pop_back();
    auto now = machine;
    for (const auto& holding : held)
        now.online -= holding.cpus;
    Plan again;
    const auto one_more = best_ms([&] { again = make_plan(now, manifests.manifests, held); });

    fmt::print("{:>10} {:>10.2f} {:>10.2f} {:>10.2f} {:>10.2f}\n", manifests.manifests.size(), reading, planning,
               reading + planning, one_more);
    const bool all_fit = plan.placements.size() == manifests.manifests.size() && manifests.findings.empty();
    return all_fit && test::find(again, last) != nullptr ? EXIT_SUCCESS : EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv)
{
    const std::string_view what = argc == 3 ? argv[1] : "";
    if (what == "manifests")
        return bench_manifests(argv[2]);
    fmt::print(stderr, "usage: bench manifests DIRECTORY\n");
    return 2;
}
