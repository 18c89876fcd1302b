// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/control.h"
#include "machine/machine.h"

namespace parker {

// Control over a machine that exists only here: for tests and for trying parkerd out without root. It keeps the
// module's rules. Its application kernels do nothing but beat, and power off some time after the power button. All of
// it is plain memory of this process; ranges are mapped sparsely, so that a simulated terabyte costs what is written.
class SimulatedControl : public Control {
public:
    using Clock = std::chrono::steady_clock;
    enum class Call {
        create,
        destroy,
        take_cpus,
        give_cpus,
        take_memory,
        give_memory,
        take_devices,
        give_devices,
        map,
        start,
        kill,
    };
    struct Options {
        unsigned slices = 16;
        std::uint32_t tsc_khz = 2'000'000;
        std::uint64_t largest_range = ~std::uint64_t{0}; // a fragmented machine has a smaller one
        Clock::duration first_beat = std::chrono::seconds{1};
        Clock::duration beat = std::chrono::seconds{1};
        Clock::duration shutdown = std::chrono::seconds{2}; // from the power button to the power-off
    };

    SimulatedControl(const Machine& machine, std::function<Clock::time_point()> now, Options options);
    SimulatedControl(const Machine& machine, std::function<Clock::time_point()> now);
    ~SimulatedControl() override;

    Info info() override;
    std::uint32_t apic_id(unsigned cpu) override; // twice the CPU's number, in eight bits
    std::vector<HeldPartition> list() override;
    std::optional<HeldPartition> find(const std::string& name) override;
    std::optional<std::uint64_t> heartbeat(const std::string& name) override;
    void create(const std::string& name) override;
    void destroy(const std::string& name) override;
    void take_cpus(const std::string& name, const CpuSet& cpus) override;
    void give_cpus(const std::string& name, const CpuSet& cpus) override;
    std::vector<MemoryRange> take_memory(const std::string& name, unsigned node, std::uint64_t bytes) override;
    void give_memory(const std::string& name, const MemoryRange& range) override;
    void take_devices(const std::string& name, const std::vector<Bdf>& devices, bool confine) override;
    void give_devices(const std::string& name, const std::vector<Bdf>& devices) override;
    std::optional<BootUse> in_use(const Bdf& device) override;
    std::unique_ptr<Mapping> map(const MemoryRange& range) override;
    void start(const std::string& name, const StartPoint& at) override;
    void kill(const std::string& name) override;

    static std::optional<Call> find_call(std::string_view name); // "take-memory"

    // Time passes in the application kernels: when something will happen next, and the names of those of which the
    // module would send an event now. Nothing happens between two calls of advance().
    std::optional<Clock::time_point> next_event();
    std::vector<std::string> advance();

    // An application kernel's fate, as if it came by itself. The event is for the caller to pass on.
    void end(const std::string& name, HeldPartition::Exit exit);
    void hang(const std::string& name); // no beat, and deaf to the power button
    // The same each time that it has run for so long; no exit: it hangs. The event comes from advance().
    void destine(const std::string& name, std::optional<HeldPartition::Exit> exit, Clock::duration after);
    // A function is unplugged from under its holder.
    void unplug(const std::string& name, const Bdf& bdf);

    // The boot kernel has a drive of this function mounted.
    void mount(const Bdf& device);

    // The next `times` calls of this kind fail, having done nothing, for the partition named or, if none is, for any;
    // or the nth of any kind from now (1: the next).
    void fail(Call call, Error error, unsigned times = 1, std::string name = {});
    void fail_nth(unsigned nth, Error error);
    // Every call of this kind for the partition takes so long, of real time, before it does anything.
    void slow_down(Call call, std::chrono::milliseconds time, std::string name);

    // The calls that changed something, in their order: "take_cpus db 2-3".
    std::vector<std::string> history() const;
    void forget_history();

private:
    struct Memory;
    struct Partition;
    struct Failure {
        Call call;
        std::string name; // empty: any
        Error error;
        unsigned times;
    };
    struct Slowness {
        Call call;
        std::string name;
        std::chrono::milliseconds time;
    };
    struct Fate {
        std::optional<HeldPartition::Exit> exit;
        Clock::duration after;
    };

    Partition& stopped(const std::string& name);
    Partition& named(const std::string& name);
    using Lock = std::unique_lock<std::mutex>;
    void enter(Lock& lock, Call call, const std::string& name, const std::string& detail = {});
    std::optional<MemoryRange> allocate(unsigned node, std::uint64_t bytes) const;
    std::shared_ptr<Memory> memory_at(const MemoryRange& range);
    void beat(Partition& partition, bool& told);

    const Machine machine_;
    const std::function<Clock::time_point()> now_;
    const Options options_;
    mutable std::mutex mutex_; // reading may come from another thread
    std::map<std::string, std::unique_ptr<Partition>> partitions_;
    std::vector<Failure> failures_;
    std::vector<Slowness> slow_;
    std::map<std::string, Fate> fates_; // by partition
    std::optional<std::pair<unsigned, Error>> nth_;
    std::vector<Bdf> mounted_;
    std::vector<std::string> history_;
};

} // namespace parker
