// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>

#include "base/fd.h"
#include "control/control.h"
#include "control/drivers.h"

namespace parker {

// Control over the real module. Nothing is opened before it is needed: a daemon without the module can still say so.
class KernelControl : public Control {
public:
    struct Paths {
        std::filesystem::path device = "/dev/parker";
        std::filesystem::path class_directory = "/sys/class/parker";
        std::filesystem::path pci = "/sys/bus/pci";
        std::filesystem::path drivers = "/run/parker/drivers.json";
    };
    // As ioctl(2) on the device: -1 and errno. Tests give their own.
    using Ioctl = std::function<int(unsigned long, void*)>;

    KernelControl();
    explicit KernelControl(Paths paths, Ioctl ioctl = {}, Drivers::Write write = Drivers::write_attribute);

    Info info() override;
    std::uint32_t apic_id(unsigned cpu) override;
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

private:
    int device(); // opened at first use, by whichever thread comes first
    template <typename Struct>
    int call(unsigned long request, Struct& argument);
    void set(unsigned long request, const std::string& name, std::vector<std::uint64_t> items, std::uint32_t flags,
             const std::string& doing, const std::function<std::string(std::uint64_t)>& describe);
    HeldPartition with_remembered(HeldPartition held) const;

    Paths paths_;
    Ioctl ioctl_;
    Drivers drivers_;
    std::mutex opening_;
    Fd device_;
};

} // namespace parker
