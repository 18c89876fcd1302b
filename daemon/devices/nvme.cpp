// SPDX-License-Identifier: LGPL-2.1-or-later
#include "devices/nvme.h"

#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "devices/nvme_command.h"

namespace parker::devices {

using namespace nvme;

namespace {

constexpr unsigned commands_per_look = 16; // of one queue: the others, and the other devices, have their turn

std::uint64_t capabilities()
{
    constexpr std::uint64_t contiguous = 1 << 16, timeout = 40 << 24; // 20 s, in units of 500 ms
    constexpr std::uint64_t nvm_commands = std::uint64_t{1} << 37;
    return (entries_most - 1) | contiguous | timeout | nvm_commands; // doorbells side by side, pages of 4 KiB
}

} // namespace

Identity nvme_identity()
{
    // An ID for which no driver has quirks: all there is to say is the class, NVM Express.
    return {.vendor = 0x1b36,
            .device = 0x00f0,
            .revision = 1,
            .class_code = 0x010802,
            .subsystem_vendor = 0x1b36,
            .subsystem = 0x00f0,
            .bars = {{0, 0, nvme_register_bytes}, {4, nvme_msix_offset, 0x1000}},
            .vectors = nvme_io_queues + 1,
            .msix_bar = 4};
}

std::vector<std::byte> nvme_registers()
{
    std::vector<std::byte> bytes(slot_bytes);
    put(std::span{bytes}, cap_at, capabilities());
    put<std::uint32_t>(bytes, vs_at, 0x00010300);
    reset_msix(std::span{bytes}.subspan(nvme_msix_offset), nvme_io_queues + 1);
    return bytes;
}

Nvme::Nvme(Settings settings, std::span<std::byte> config, std::span<std::byte> registers, const Memory& memory,
           Disk& disk, NvmeState& state)
    : settings_{std::move(settings)}, registers_{registers.data()}, memory_{memory}, disk_{disk}, state_{state},
      msix_{config.data(), registers.subspan(nvme_msix_offset, msix_pending), nvme_io_queues + 1, state.pending}
{
    if (config.size() < function_config_bytes || registers.size() < slot_bytes)
        throw Error{Code::invalid_argument, "NVMe drive", "its registers are too small"};
    if (state_.enabled == 0)
        return;
    // At most one completion is owed, and before any other is posted to the same queue it must be known whether it was.
    for (unsigned queue = 0; queue <= nvme_io_queues; ++queue)
        if (Progress::of(state_.submissions[queue].progress).owes)
            post(queue);
    msix_.raise_all();
}

std::byte* Nvme::doorbell(unsigned queue, bool completion) const
{
    return registers_ + doorbells_at + (std::size_t{queue} * 2 + (completion ? 1 : 0)) * 4;
}

void Nvme::show_status()
{
    const auto status = (state_.enabled != 0 ? csts_ready : 0) | (state_.failed != 0 ? csts_fatal : 0) |
                        (state_.shut_down != 0 ? csts_shut_down : 0);
    if (load<std::uint32_t>(registers_ + csts_at) != status)
        store<std::uint32_t>(registers_ + csts_at, status);
}

void Nvme::enable()
{
    const auto cc = load<std::uint32_t>(registers_ + cc_at);
    const auto aqa = load<std::uint32_t>(registers_ + aqa_at);
    const auto submissions_at = load<std::uint64_t>(registers_ + asq_at);
    const auto completions_at = load<std::uint64_t>(registers_ + acq_at);
    const auto submissions = (aqa & 0xfff) + 1, completions = (aqa >> 16 & 0xfff) + 1;
    const auto is_ring = [this](std::uint64_t address, std::uint64_t entries, std::uint64_t bytes) {
        return entries >= 2 && address % page_bytes == 0 && memory_.at(address, entries * bytes) != nullptr;
    };
    // Of the rest of CC: the NVM command set, pages of 4 KiB, round robin.
    if ((cc & 0x3ff0) != 0 || !is_ring(submissions_at, submissions, command_bytes) ||
        !is_ring(completions_at, completions, completion_bytes)) {
        commit(state_.failed, 1);
        return;
    }
    state_.submissions = {};
    state_.completions = {};
    state_.event_requested = 0;
    state_.event_epoch = 0;
    msix_.forget();
    state_.submissions[0] = {.address = submissions_at, .entries = static_cast<std::uint16_t>(submissions)};
    state_.completions[0] = {.address = completions_at,
                             .position = 1 << 16,
                             .entries = static_cast<std::uint16_t>(completions),
                             .interrupts = 1};
    store<std::uint32_t>(doorbell(0, false), 0); // what an earlier driver left there
    store<std::uint32_t>(doorbell(0, true), 0);
    commit(state_.shut_down, 0);
    commit(state_.enabled, 1);
}

void Nvme::disable()
{
    commit(state_.enabled, 0);
    commit(state_.failed, 0);
    commit(state_.shut_down, 0);
    msix_.forget();
}

void Nvme::shut_down()
{
    (void)disk_.flush(); // there is nobody to tell any more
    commit(state_.shut_down, 1);
}

bool Nvme::poll(std::vector<Message>& messages)
{
    const auto cc = load<std::uint32_t>(registers_ + cc_at);
    const auto wanted = (cc & cc_enable) != 0, ready = state_.enabled != 0;
    bool worked = false;
    if (wanted && !ready && state_.failed == 0) {
        enable();
        worked = true;
    } else if (!wanted && (ready || state_.failed != 0)) {
        disable();
        worked = true;
    }
    if ((cc & cc_shutdown) != 0 && state_.shut_down == 0) {
        shut_down();
        worked = true;
    }
    show_status();
    if (state_.enabled != 0)
        for (unsigned queue = 0; queue <= nvme_io_queues; ++queue)
            worked |= serve(queue);
    msix_.flush(messages);
    return worked;
}

// The next command, when there is one and there is room for its completion.
std::optional<Nvme::Command> Nvme::next_command(unsigned queue) const
{
    const auto& submission = state_.submissions[queue];
    const auto& completion = state_.completions[submission.completion];
    const auto tail = load<std::uint32_t>(doorbell(queue, false));
    const auto read_until = load<std::uint32_t>(doorbell(submission.completion, true));
    const auto head = Progress::of(submission.progress).head;
    if (tail >= submission.entries || tail == head || read_until >= completion.entries)
        return std::nullopt;
    if (((completion.position & 0xffff) + 1) % completion.entries == read_until)
        return std::nullopt;
    Command command;
    if (!memory_.read(submission.address + head * command_bytes, command.bytes))
        return std::nullopt;
    return command;
}

bool Nvme::serve(unsigned queue)
{
    bool worked = false;
    for (unsigned i = 0; i < commands_per_look; ++i) {
        auto& submission = state_.submissions[queue];
        if (submission.entries == 0)
            break; // also: it has just been deleted
        auto progress = Progress::of(submission.progress);
        const auto command = next_command(queue);
        if (!command)
            break;
        worked = true;
        const auto outcome = queue == 0 ? admin(*command) : io(*command);
        submission.result = outcome.result;
        progress.head = static_cast<std::uint16_t>((progress.head + 1) % submission.entries);
        progress.owes = !outcome.held;
        progress.status = outcome.status;
        progress.id = command->id();
        progress.owed_at = static_cast<std::uint16_t>(state_.completions[submission.completion].position);
        // From here on the command is done. Until here, nobody has been told, so its memory is still the drive's, and
        // doing it again does the same.
        commit(submission.progress, progress.word());
        if (progress.owes)
            post(queue);
    }
    return worked;
}

void Nvme::post(unsigned queue)
{
    auto& submission = state_.submissions[queue];
    auto& completion = state_.completions[submission.completion];
    auto progress = Progress::of(submission.progress);
    const auto at = static_cast<std::uint16_t>(completion.position);
    if (at == progress.owed_at && completion.entries != 0) {
        const auto phase = completion.position >> 16 & 1;
        auto* entry = memory_.at(completion.address + at * completion_bytes, completion_bytes);
        if (entry != nullptr) {
            store<std::uint32_t>(entry, submission.result);
            store<std::uint32_t>(entry + 4, 0);
            store<std::uint32_t>(entry + 8, progress.head | queue << 16);
            store<std::uint32_t>(entry + 12, progress.id | phase << 16 | std::uint32_t{progress.status} << 17);
        }
        if (completion.interrupts != 0)
            msix_.raise(completion.vector);
        const auto next = at + 1U == completion.entries ? (phase ^ 1) << 16 : (phase << 16 | (at + 1U));
        commit(completion.position, next);
    }
    progress.owes = false;
    commit(submission.progress, progress.word());
}

} // namespace parker::devices
