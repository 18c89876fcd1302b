// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/refusal.h"

#include <parker.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace parker {
namespace {

// PARKER_WHY_NO_SUCH, _HELD and _REFUSED come for CPUs and functions alike: the object tells which code it is.
enum class Kind { any, cpu, node, function };

struct Row {
    int error;         // 0: any
    std::uint32_t why; // PARKER_WHY_NONE: only errno counts
    Kind kind;
    Code code;
    std::string_view reason;
    std::string_view suggestion;
};

constexpr auto table = std::to_array<Row>({
    {0, PARKER_WHY_NO_SUCH, Kind::cpu, Code::no_such_cpu, "this machine has no such CPU", "see `parkerctl host`"},
    {0, PARKER_WHY_NO_SUCH, Kind::node, Code::no_such_node, "this machine has no such node", "see `parkerctl host`"},
    {0, PARKER_WHY_NO_SUCH, Kind::any, Code::no_such_device, "this machine has no such function",
     "see `parkerctl host`"},
    {0, PARKER_WHY_BSP, Kind::any, Code::boot_cpu, "is the machine's boot processor, which must stay",
     "name other CPUs"},
    {0, PARKER_WHY_LAST, Kind::any, Code::not_enough_cpus, "the boot kernel would be left without a CPU",
     "name fewer CPUs"},
    {0, PARKER_WHY_OFFLINE, Kind::any, Code::cpu_busy, "is offline in the boot kernel", "bring it online first"},
    {0, PARKER_WHY_HELD, Kind::cpu, Code::cpu_busy, "another partition holds it", "see `parkerctl list`"},
    {0, PARKER_WHY_HELD, Kind::any, Code::device_busy, "another partition holds it", "see `parkerctl list`"},
    {0, PARKER_WHY_NOT_HELD, Kind::any, Code::invalid_argument, "this partition does not hold it", ""},
    {0, PARKER_WHY_REFUSED, Kind::cpu, Code::cpu_busy, "the boot kernel would not let go of it, or not take it back",
     "the kernel log (`journalctl -k`) says what uses it"},
    {0, PARKER_WHY_REFUSED, Kind::any, Code::device_busy, "the boot kernel would not let go of it, or not take it back",
     "the kernel log (`journalctl -k`) says what uses it"},
    {0, PARKER_WHY_ROOT_BUS, Kind::any, Code::root_bus, "is on a root bus, where bridges and the chipset sit",
     "use a device behind a PCIe root port"},
    {0, PARKER_WHY_BRIDGE, Kind::any, Code::bridge, "is a bridge, and bridges stay with the boot kernel",
     "name the function behind it"},
    {0, PARKER_WHY_SHARED_BUS, Kind::any, Code::shared_bus, "another function of its bus would stay behind",
     "give the partition all functions of that bus"},
    {0, PARKER_WHY_NOT_BOUND, Kind::any, Code::device_busy, "another driver has taken it meanwhile", "try again"},
    {0, PARKER_WHY_RESET, Kind::function, Code::device_busy, "could not be reset", "the kernel log says why"},
    {0, PARKER_WHY_RESET, Kind::any, Code::start_failed, "a device could not be reset after the last kernel",
     "the kernel log (`journalctl -k`) says which"},
    {0, PARKER_WHY_IOMMU, Kind::any, Code::dma_unconfined, "the IOMMU is off, or would not confine its DMA",
     "boot with intel_iommu=on or amd_iommu=on, or write `isolation: {dma: off}`"},
    {0, PARKER_WHY_NO_SLICE, Kind::any, Code::no_low_slice,
     "no slice of the memory below 1 MiB is left, and every partition needs one", "stop another partition"},
    {0, PARKER_WHY_RUNNING, Kind::any, Code::wrong_state, "the partition runs", "stop it first"},
    {0, PARKER_WHY_LOCKDOWN, Kind::any, Code::locked_down,
     "the boot kernel is locked down, or its policy forbids to load another kernel",
     "lockdown and partitions exclude each other: see kernel_lockdown(7)"},
    {0, PARKER_WHY_OUTSIDE, Kind::any, Code::failed, "an address is not in the partition's memory", ""},
    {0, PARKER_WHY_USED, Kind::any, Code::not_returned,
     "a device that its last kernel used was not reset, and could still write there",
     "the kernel log (`journalctl -k`) says which device and why"},
    {0, PARKER_WHY_VIRTUAL, Kind::any, Code::device_busy, "is a virtual function (SR-IOV)",
     "name the physical function instead"},
    {0, PARKER_WHY_HAS_VIRTUAL, Kind::any, Code::device_busy, "has virtual functions (SR-IOV)",
     "write 0 to its `sriov_numvfs` in /sys/bus/pci/devices first"},
    {0, PARKER_WHY_ATS, Kind::any, Code::dma_unconfined,
     "it translates addresses itself (ATS), and the IOMMU would believe it",
     "boot with pci=noats, or write `isolation: {dma: off}`"},
    {0, PARKER_WHY_BUSY, Kind::any, Code::busy, "something else is being done to it", "try again"},
    {0, PARKER_WHY_NO_ANSWER, Kind::any, Code::start_failed, "a CPU did not answer",
     "try again; the kernel log (`journalctl -k`) says which"},

    {ESHUTDOWN, PARKER_WHY_NONE, Kind::any, Code::wrong_state, "the machine goes down", ""},
    {EPERM, PARKER_WHY_NONE, Kind::any, Code::not_permitted, "CAP_SYS_ADMIN is needed", "run it as root"},
    {EACCES, PARKER_WHY_NONE, Kind::any, Code::not_permitted, "CAP_SYS_ADMIN is needed", "run it as root"},
    {ENOENT, PARKER_WHY_NONE, Kind::any, Code::no_such_partition, "the kernel module holds no such partition", ""},
    {EEXIST, PARKER_WHY_NONE, Kind::any, Code::wrong_state, "the name is taken", "`parkerctl list` shows who has it"},
    {ENOSPC, PARKER_WHY_NONE, Kind::any, Code::memory_busy,
     "its memory would be in more pieces than a partition can have", "start the partition soon after boot"},
    {ENOMEM, PARKER_WHY_NONE, Kind::any, Code::memory_busy, "the boot kernel would not let go of enough memory",
     "ask for less"},
    {EBUSY, PARKER_WHY_NONE, Kind::any, Code::wrong_state, "it runs, or still holds something", ""},
    {ENXIO, PARKER_WHY_NONE, Kind::node, Code::no_such_node, "this machine has no such node", "see `parkerctl host`"},
    {ENXIO, PARKER_WHY_NONE, Kind::cpu, Code::no_such_cpu, "this machine has no such CPU", "see `parkerctl host`"},
    {ENXIO, PARKER_WHY_NONE, Kind::function, Code::no_such_device, "this machine has no such function",
     "see `parkerctl host`"},
    {ENODEV, PARKER_WHY_NONE, Kind::any, Code::dma_unconfined, "there is no IOMMU",
     "boot with intel_iommu=on or amd_iommu=on, or write `isolation: {dma: off}`"},
    {ETIMEDOUT, PARKER_WHY_NONE, Kind::any, Code::start_failed, "a CPU did not answer", "try again"},
    {ENOTTY, PARKER_WHY_NONE, Kind::any, Code::module_missing, "the kernel module is older than parkerd",
     "install the matching module, then `modprobe -r parker && modprobe parker`"},
    {E2BIG, PARKER_WHY_NONE, Kind::any, Code::module_missing, "the kernel module is older than parkerd",
     "install the matching module, then `modprobe -r parker && modprobe parker`"},
});

Kind kind_of(std::string_view object)
{
    if (object.starts_with("CPU "))
        return Kind::cpu;
    if (object.starts_with("node "))
        return Kind::node;
    return object.starts_with("partition ") ? Kind::any : Kind::function;
}

} // namespace

Error refusal(int error, std::uint32_t why, std::string object, const std::string& doing)
{
    const auto kind = kind_of(object);
    const auto* row = std::ranges::find_if(table, [error, why, kind](const Row& candidate) {
        return candidate.why == why && (candidate.error == 0 || candidate.error == error) &&
               (candidate.kind == Kind::any || candidate.kind == kind);
    });
    if (row == table.end())
        return Error{Code::kernel_refused, std::move(object), doing + ": " + errno_text(error),
                     "the kernel log (`journalctl -k`) may say more"};
    return Error{row->code, std::move(object), doing + ": " + std::string{row->reason}, std::string{row->suggestion}};
}

} // namespace parker
