// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bdf.h"
#include "base/bytes.h"
#include "base/cpu_set.h"
#include "base/error.h"
#include "plan/boot_use.h"

namespace parker {

// A partition as the module holds it. The only truth about what is held.
struct HeldPartition {
    enum class State { idle, running, exited };
    enum class Exit { none, poweroff, reboot, panic, killed, unknown };
    enum class Dma { none, confined, open, lost }; // none: it has no device; lost: one is gone, the others confined

    std::string name;
    State state = State::idle;
    Exit exit = Exit::none;
    std::uint64_t slice = 0; // physical address
    CpuSet cpus;
    std::vector<MemoryRange> memory; // ascending
    std::vector<Bdf> devices;
    std::vector<Bdf> lost; // those of them that were unplugged meanwhile
    Dma dma = Dma::none;
    std::uint64_t heartbeat = 0;
};

// A window on a partition's physical memory. Another kernel may write to it at any time: read each value once, check
// it, believe nothing.
class Mapping {
public:
    virtual ~Mapping() = default;
    virtual std::span<std::byte> bytes() = 0;
    virtual void zero(); // all of it
};

// The module's client: mechanism only, one call one step. The same interface stands before a simulated machine.
// Everything throws Error, naming the CPU, range or function at fault; a call that throws has changed nothing, except
// the give_* ones, which give what they can and name what stayed. Reading may be done in any thread beside one that
// changes things.
class Control {
public:
    struct Info {
        unsigned slices = 0;
        unsigned slices_free = 0;
        std::uint32_t tsc_khz = 0;
        bool x2apic_stays = false; // local APICs are in x2APIC mode although nothing remaps interrupts for it
    };
    struct StartPoint { // physical addresses
        std::uint64_t entry = 0;
        std::uint64_t boot_params = 0;
        std::uint64_t page_table = 0;
        unsigned cpu = 0;
    };

    virtual ~Control() = default;

    virtual Info info() = 0;
    virtual std::uint32_t apic_id(unsigned cpu) = 0;
    virtual std::vector<HeldPartition> list() = 0; // ordered by name; empty without the module
    virtual std::optional<HeldPartition> find(const std::string& name) = 0;
    virtual std::optional<std::uint64_t> heartbeat(const std::string& name) = 0; // as find() says it, for less

    virtual void create(const std::string& name) = 0;
    virtual void destroy(const std::string& name) = 0;
    virtual void take_cpus(const std::string& name, const CpuSet& cpus) = 0;
    virtual void give_cpus(const std::string& name, const CpuSet& cpus) = 0;
    // Zeroed memory of one node, in as few ranges as the node's fragmentation allows.
    virtual std::vector<MemoryRange> take_memory(const std::string& name, unsigned node, std::uint64_t bytes) = 0;
    virtual void give_memory(const std::string& name, const MemoryRange& range) = 0;
    // The drivers are unbound and remembered; give_devices() binds them again. With `confine`, DMA is held to the
    // partition's memory by the IOMMU, or the call fails (dma_unconfined). When give_devices() throws not_returned,
    // every function was reset and none reaches the partition's memory any more, but a driver would not bind: the
    // function stays listed as held, and the call can be repeated. After any other error a function may still write to
    // memory.
    virtual void take_devices(const std::string& name, const std::vector<Bdf>& devices, bool confine) = 0;
    virtual void give_devices(const std::string& name, const std::vector<Bdf>& devices) = 0;

    // Why the boot kernel should keep a function that nobody holds: it uses a drive of it, which take_devices()
    // refuses, or reaches the network over it.
    virtual std::optional<BootUse> in_use(const Bdf& device) = 0;

    virtual std::unique_ptr<Mapping> map(const MemoryRange& range) = 0; // a part of what a partition holds
    virtual void start(const std::string& name, const StartPoint& at) = 0;
    virtual void kill(const std::string& name) = 0; // also clears an exited partition
};

std::string_view to_string(HeldPartition::State state);
std::string_view to_string(HeldPartition::Exit exit);
std::string_view to_string(HeldPartition::Dma dma);

} // namespace parker
