// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <exception>
#include <span>
#include <string>
#include <string_view>

namespace parker {

// What went wrong, once for the whole product: a code is the [CODE] of a finding, the D-Bus error name, the exit code
// of parkerctl, and what `parkerctl explain` speaks about. error.cpp holds the one table that says so.
enum class Code {
    failed, // a bug, or something nobody foresaw
    usage,  // the command line
    no_such_partition,
    not_permitted,
    daemon_not_running,
    module_missing,
    invalid_argument,
    bad_machine, // a folder or description that no machine can be read from

    // Manifests
    unreadable, // a file that cannot be opened, read, or is no regular file
    loose_mode, // a manifest that others than its owner may write
    too_large,  // a named limit, which the message states
    not_yaml,
    duplicate_key,
    unknown_key,
    missing_key,
    wrong_type,
    bad_value,
    duplicate_name,
    manifest_gone,    // is not there, and nobody removed it
    ignored_file,     // may be meant as a manifest, and is not called like one
    invalid_manifest, // the sum: has findings of severity error

    // Kernel images
    bad_image,       // no bzImage that a partition can start
    image_mismatch,  // not the pinned sha256
    image_too_large, // does not fit into the partition's memory

    // Resources
    no_such_cpu,
    boot_cpu, // the BSP, or its core's other threads
    cpu_busy,
    not_enough_cpus,
    no_such_node,
    not_enough_memory,
    memory_busy, // enough free, but the boot kernel would not let go of it
    no_such_device,
    root_bus,
    bridge,
    shared_bus,
    device_busy,
    no_msi,  // the function has neither MSI nor MSI-X
    no_ecam, // its bus has no memory-mapped configuration space of the machine's
    sr_iov,  // it is a virtual function, or has some
    no_low_slice,
    dma_unconfined,
    interrupt_remapping,
    interrupt_broadcast,
    memory_encrypted,
    apic_id,

    // Life of a partition
    busy,           // another job on this partition is under way
    limit_exceeded, // one user asks for more at once than anybody may
    cancelled,
    wrong_state,
    start_failed, // the CPU did not answer
    boot_timeout, // no first heartbeat
    stop_timeout,
    not_returned,   // something could not be given back, is kept and retried
    kernel_refused, // the module said no, for a reason without a code of its own
    locked_down,
    look_given_up, // its memory leads astray who looks into it
    not_stoppable, // a warning: whatever becomes of it, only the machine's reset may end it
};

struct CodeInfo {
    Code code;
    std::string_view name;     // "unknown-key": in findings, JSON and `explain`
    std::string_view bus_name; // "UnknownKey": after "org.parker1.Error."
    int exit_code;  // of parkerctl: 1 failed, 2 usage, 3 nothing matches, 4 not permitted, 5 manifest, 6 resources
    bool retryable; // the same request may succeed later, unchanged
};

const CodeInfo& info(Code code);
std::span<const CodeInfo> all_codes(); // in the order of the enum
const CodeInfo* find_code(std::string_view name);

// The one exception type: what was being done, to which object, why it failed, what may help.
class Error : public std::exception {
public:
    Error(Code code, std::string object, std::string reason, std::string suggestion = {});

    Code code() const { return code_; }
    const std::string& object() const { return object_; } // "partition db", "/etc/parker.d/db.yaml", "CPU 3"
    const std::string& reason() const { return reason_; }
    const std::string& suggestion() const { return suggestion_; }        // may be empty
    const char* what() const noexcept override { return what_.c_str(); } // "object: reason"

private:
    Code code_;
    std::string object_;
    std::string reason_;
    std::string suggestion_;
    std::string what_;
};

// For a failing system call: reason becomes "DOING: strerror(errno)". Call it before anything else touches errno.
[[noreturn]] void throw_errno(Code code, std::string object, std::string_view doing);
std::string errno_text(int error);

// Throws what a call of sd-event says is wrong: its result is a negative errno then.
void check_event(int result);

} // namespace parker
