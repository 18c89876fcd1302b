// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace parker {
namespace {

constexpr auto table = std::to_array<CodeInfo>({
    {Code::failed, "failed", "Failed", 1, false},
    {Code::usage, "usage", "Usage", 2, false},
    {Code::no_such_partition, "no-such-partition", "NoSuchPartition", 3, false},
    {Code::not_permitted, "not-permitted", "NotPermitted", 4, false},
    {Code::daemon_not_running, "daemon-not-running", "DaemonNotRunning", 1, true},
    {Code::module_missing, "module-missing", "ModuleMissing", 1, true},
    {Code::invalid_argument, "invalid-argument", "InvalidArgument", 1, false},
    {Code::bad_machine, "bad-machine", "BadMachine", 1, false},

    {Code::unreadable, "unreadable", "Unreadable", 5, false},
    {Code::loose_mode, "loose-mode", "LooseMode", 5, false},
    {Code::too_large, "too-large", "TooLarge", 5, false},
    {Code::not_yaml, "not-yaml", "NotYaml", 5, false},
    {Code::duplicate_key, "duplicate-key", "DuplicateKey", 5, false},
    {Code::unknown_key, "unknown-key", "UnknownKey", 5, false},
    {Code::missing_key, "missing-key", "MissingKey", 5, false},
    {Code::wrong_type, "wrong-type", "WrongType", 5, false},
    {Code::bad_value, "bad-value", "BadValue", 5, false},
    {Code::duplicate_name, "duplicate-name", "DuplicateName", 5, false},
    {Code::manifest_gone, "manifest-gone", "ManifestGone", 5, false},
    {Code::ignored_file, "ignored-file", "IgnoredFile", 5, false},
    {Code::invalid_manifest, "invalid-manifest", "InvalidManifest", 5, false},

    {Code::bad_image, "bad-image", "BadImage", 5, false},
    {Code::image_mismatch, "image-mismatch", "ImageMismatch", 5, false},
    {Code::image_too_large, "image-too-large", "ImageTooLarge", 6, false},

    {Code::no_such_cpu, "no-such-cpu", "NoSuchCpu", 6, false},
    {Code::boot_cpu, "boot-cpu", "BootCpu", 6, false},
    {Code::cpu_busy, "cpu-busy", "CpuBusy", 6, true},
    {Code::not_enough_cpus, "not-enough-cpus", "NotEnoughCpus", 6, true},
    {Code::no_such_node, "no-such-node", "NoSuchNode", 6, false},
    {Code::not_enough_memory, "not-enough-memory", "NotEnoughMemory", 6, true},
    {Code::memory_busy, "memory-busy", "MemoryBusy", 6, true},
    {Code::no_such_device, "no-such-device", "NoSuchDevice", 6, true},
    {Code::root_bus, "root-bus", "RootBus", 6, false},
    {Code::bridge, "bridge", "Bridge", 6, false},
    {Code::shared_bus, "shared-bus", "SharedBus", 6, false},
    {Code::device_busy, "device-busy", "DeviceBusy", 6, true},
    {Code::no_msi, "no-msi", "NoMsi", 6, false},
    {Code::no_ecam, "no-ecam", "NoEcam", 6, false},
    {Code::sr_iov, "sr-iov", "SrIov", 6, false},
    {Code::no_low_slice, "no-low-slice", "NoLowSlice", 6, true},
    {Code::dma_unconfined, "dma-unconfined", "DmaUnconfined", 6, false},
    {Code::interrupt_remapping, "interrupt-remapping", "InterruptRemapping", 6, false},
    {Code::interrupt_broadcast, "interrupt-broadcast", "InterruptBroadcast", 6, false},
    {Code::memory_encrypted, "memory-encrypted", "MemoryEncrypted", 6, false},
    {Code::apic_id, "apic-id", "ApicId", 6, false},

    {Code::busy, "busy", "Busy", 1, true},
    {Code::limit_exceeded, "limit-exceeded", "LimitExceeded", 1, true},
    {Code::cancelled, "cancelled", "Cancelled", 1, true},
    {Code::wrong_state, "wrong-state", "WrongState", 1, false},
    {Code::start_failed, "start-failed", "StartFailed", 1, true},
    {Code::boot_timeout, "boot-timeout", "BootTimeout", 1, true},
    {Code::stop_timeout, "stop-timeout", "StopTimeout", 1, true},
    {Code::not_returned, "not-returned", "NotReturned", 1, true},
    {Code::kernel_refused, "kernel-refused", "KernelRefused", 1, true},
    {Code::locked_down, "locked-down", "LockedDown", 4, false},
    {Code::look_given_up, "look-given-up", "LookGivenUp", 1, true},
    {Code::not_stoppable, "not-stoppable", "NotStoppable", 1, false},
});

static_assert(
    [] {
        for (std::size_t i = 0; i < table.size(); ++i)
            if (static_cast<std::size_t>(table[i].code) != i)
                return false;
        return table.back().code == Code::not_stoppable;
    }(),
    "the table follows the enum, row by row");

} // namespace

const CodeInfo& info(Code code)
{
    return table.at(static_cast<std::size_t>(code));
}

std::span<const CodeInfo> all_codes()
{
    return table;
}

const CodeInfo* find_code(std::string_view name)
{
    const auto* row = std::ranges::find(table, name, &CodeInfo::name);
    return row == table.end() ? nullptr : row;
}

Error::Error(Code code, std::string object, std::string reason, std::string suggestion)
    : code_{code}, object_{std::move(object)}, reason_{std::move(reason)},
      suggestion_{std::move(suggestion)}, what_{object_.empty() ? reason_ : object_ + ": " + reason_}
{
}

std::string errno_text(int error)
{
    return std::generic_category().message(error);
}

void check_event(int result)
{
    if (result < 0)
        throw Error{Code::failed, "event loop", errno_text(-result)};
}

void throw_errno(Code code, std::string object, std::string_view doing)
{
    const int error = errno;
    throw Error{code, std::move(object), std::string{doing} + ": " + errno_text(error)};
}

} // namespace parker
