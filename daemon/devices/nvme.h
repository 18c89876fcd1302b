// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "devices/disk.h"
#include "devices/function.h"
#include "devices/memory.h"
#include "devices/msix.h"

namespace parker::devices {

inline constexpr unsigned nvme_io_queues = 16;               // pairs; as many vectors, and the admin queue's
inline constexpr std::uint64_t nvme_register_bytes = 0x2000; // BAR 0, at the slot's start
inline constexpr std::uint64_t nvme_msix_offset = 0x8000;    // BAR 4

Identity nvme_identity();

// The slot's registers as its firmware leaves them: a drive that is not enabled yet.
std::vector<std::byte> nvme_registers();

// All that a drive must remember from one command to the next, in memory that outlives this process: another one goes
// on where this one was killed. Zeros are a drive that is not enabled. Each step is one store, the last of what belongs
// to it, so that whoever finds it half done does the same again: nothing is done twice that could be seen twice.
struct NvmeState {
    struct Submission {
        std::uint64_t address;
        std::uint64_t progress; // a Progress
        std::uint64_t epoch;    // the admin queue's progress when this was created or deleted
        std::uint32_t result;   // of the completion that is owed
        std::uint16_t completion;
        std::uint16_t entries; // 0: there is no such queue
    };
    struct Completion {
        std::uint64_t address;
        std::uint64_t epoch;
        std::uint32_t position; // bits 0 to 15: the next entry; bit 16: its phase
        std::uint16_t vector;
        std::uint16_t entries;
        std::uint32_t interrupts; // 1: wanted
        std::uint32_t unused;
    };
    std::uint64_t pending; // interrupts, by vector
    std::uint32_t enabled, failed, shut_down;
    std::uint64_t event_epoch;     // as a queue's
    std::uint32_t event_requested; // 1: a command waits for an event, of which there are none
    std::uint32_t unused;
    std::array<Submission, nvme_io_queues + 1> submissions;
    std::array<Completion, nvme_io_queues + 1> completions;
};

// An NVMe drive whose registers are memory: the stock drivers of Linux need no answer at once (they wait for CSTS.RDY
// and for completions). Everything it is told may be a lie.
class Nvme {
public:
    struct Settings {
        std::string serial;               // printable ASCII, at most 20
        std::array<std::byte, 16> uuid{}; // of the namespace
    };

    // `config` and `registers` are the function's own; the rest must live longer than this. Goes on where the state
    // says that another process was; interrupts are sent again then, as that one may have come no further.
    Nvme(Settings settings, std::span<std::byte> config, std::span<std::byte> registers, const Memory& memory,
         Disk& disk, NvmeState& state);

    // Looks once, and does a bounded amount of what it finds. Appends the interrupts that this asks for. True: there
    // was something, and there may be more.
    bool poll(std::vector<Message>& messages);

private:
    struct Command;
    struct Outcome {
        std::uint16_t status = 0;
        std::uint32_t result = 0;
        bool held = false; // no completion now
    };
    using Submission = NvmeState::Submission;
    using Completion = NvmeState::Completion;
    struct Segment {
        std::uint64_t address = 0;
        std::span<std::byte> bytes;
    };

    std::byte* doorbell(unsigned queue, bool completion) const;
    void enable();
    void disable();
    void shut_down();
    void show_status();
    bool serve(unsigned queue);
    std::optional<Command> next_command(unsigned queue) const;
    void post(unsigned queue);

    Outcome admin(const Command& command);
    Outcome create_completion(const Command& command);
    Outcome create_submission(const Command& command);
    Outcome delete_completion(const Command& command);
    Outcome delete_submission(const Command& command);
    Outcome get_feature(const Command& command) const;
    Outcome set_feature(const Command& command) const;
    Outcome log_page(const Command& command);
    Outcome event(const Command& command);
    Outcome identification(const Command& command);
    std::vector<std::byte> describe_controller() const;
    std::vector<std::byte> describe_namespace() const;
    std::vector<std::byte> describe_identifiers() const;

    Outcome io(const Command& command);
    Outcome transfer(const Command& command, bool write);
    Outcome flush(const Command& command);
    Outcome discard(const Command& command);

    // The memory that a command's PRP entries name, in order; a status otherwise.
    std::uint16_t find_memory(const Command& command, std::uint64_t bytes, std::vector<Segment>& segments) const;
    std::uint16_t hand_over(const Command& command, std::span<const std::byte> bytes) const;
    bool replayed(std::uint64_t epoch) const;
    bool in_range(std::uint64_t block, std::uint64_t blocks) const;

    Settings settings_;
    std::byte* registers_;
    const Memory& memory_;
    Disk& disk_;
    NvmeState& state_;
    Msix msix_;
};

} // namespace parker::devices
