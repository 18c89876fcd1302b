// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "base/bytes.h"
#include "devices/nvme_command.h"

namespace parker::devices {

using namespace nvme;

namespace {

constexpr std::uint8_t feature_write_cache = 6, feature_queues = 7, feature_events = 0xb;

} // namespace

// A command that was executed before, by a process that was killed before it could say so.
bool Nvme::replayed(std::uint64_t epoch) const
{
    return epoch == state_.submissions[0].progress;
}

Nvme::Outcome Nvme::admin(const Command& command)
{
    if (!command.plain())
        return {invalid_field};
    switch (command.opcode()) {
    case delete_submission_queue:
        return delete_submission(command);
    case create_submission_queue:
        return create_submission(command);
    case get_log_page:
        return log_page(command);
    case delete_completion_queue:
        return delete_completion(command);
    case create_completion_queue:
        return create_completion(command);
    case identify:
        return identification(command);
    case abort_command:
        return {success, 1}; // not aborted: a command is done as soon as it is seen
    case set_features:
        return set_feature(command);
    case get_features:
        return get_feature(command);
    case event_request:
        return event(command);
    default:
        return {invalid_opcode};
    }
}

Nvme::Outcome Nvme::create_completion(const Command& command)
{
    const auto number = command.word(10) & 0xffff, entries = (command.word(10) >> 16) + 1;
    const auto flags = command.word(11) & 0xffff, vector = command.word(11) >> 16;
    if (number == 0 || number > nvme_io_queues)
        return {invalid_queue};
    auto& queue = state_.completions[number];
    if (queue.entries != 0)
        return {replayed(queue.epoch) ? success : invalid_queue};
    if (entries < 2 || entries > entries_most)
        return {invalid_queue_size};
    if (vector > nvme_io_queues)
        return {invalid_vector};
    if ((flags & 1) == 0 || command.prp1() % page_bytes != 0) // contiguous
        return {invalid_field};
    if (memory_.at(command.prp1(), entries * completion_bytes) == nullptr)
        return {transfer_error};
    store<std::uint32_t>(doorbell(number, true), 0);
    queue = {.address = command.prp1(),
             .epoch = state_.submissions[0].progress,
             .position = 1 << 16,
             .vector = static_cast<std::uint16_t>(vector),
             .interrupts = flags >> 1 & 1};
    commit(queue.entries, static_cast<std::uint16_t>(entries));
    return {};
}

Nvme::Outcome Nvme::create_submission(const Command& command)
{
    const auto number = command.word(10) & 0xffff, entries = (command.word(10) >> 16) + 1;
    const auto flags = command.word(11) & 0xffff, completion = command.word(11) >> 16;
    if (number == 0 || number > nvme_io_queues)
        return {invalid_queue};
    auto& queue = state_.submissions[number];
    if (queue.entries != 0)
        return {replayed(queue.epoch) ? success : invalid_queue};
    if (entries < 2 || entries > entries_most)
        return {invalid_queue_size};
    if (completion == 0 || completion > nvme_io_queues || state_.completions[completion].entries == 0)
        return {no_such_completion_queue};
    if ((flags & 1) == 0 || command.prp1() % page_bytes != 0)
        return {invalid_field};
    if (memory_.at(command.prp1(), entries * command_bytes) == nullptr)
        return {transfer_error};
    store<std::uint32_t>(doorbell(number, false), 0);
    queue = {.address = command.prp1(),
             .epoch = state_.submissions[0].progress,
             .completion = static_cast<std::uint16_t>(completion)};
    commit(queue.entries, static_cast<std::uint16_t>(entries));
    return {};
}

Nvme::Outcome Nvme::delete_submission(const Command& command)
{
    const auto number = command.word(10) & 0xffff;
    if (number == 0 || number > nvme_io_queues)
        return {invalid_queue};
    auto& queue = state_.submissions[number];
    if (queue.entries == 0)
        return {queue.address != 0 && replayed(queue.epoch) ? success : invalid_queue};
    commit(queue.epoch, state_.submissions[0].progress);
    commit(queue.entries, 0);
    return {};
}

Nvme::Outcome Nvme::delete_completion(const Command& command)
{
    const auto number = command.word(10) & 0xffff;
    if (number == 0 || number > nvme_io_queues)
        return {invalid_queue};
    auto& queue = state_.completions[number];
    if (queue.entries == 0)
        return {queue.address != 0 && replayed(queue.epoch) ? success : invalid_queue};
    if (std::ranges::any_of(state_.submissions, [number](const Submission& submission) {
            return submission.entries != 0 && submission.completion == number;
        }))
        return {queue_in_use};
    commit(queue.epoch, state_.submissions[0].progress);
    commit(queue.entries, 0);
    return {};
}

Nvme::Outcome Nvme::get_feature(const Command& command) const
{
    switch (command.word(10) & 0xff) {
    case feature_write_cache:
        return {success, 1};
    case feature_queues:
        return {success, (nvme_io_queues - 1) << 16 | (nvme_io_queues - 1)};
    case feature_events:
        return {success, 0};
    default:
        return {invalid_field};
    }
}

Nvme::Outcome Nvme::set_feature(const Command& command) const
{
    switch (command.word(10) & 0xff) {
    case feature_queues: // how many it gives does not depend on how many are wanted
        return {success, (nvme_io_queues - 1) << 16 | (nvme_io_queues - 1)};
    case feature_events:
        return {};
    default:
        return {invalid_field};
    }
}

Nvme::Outcome Nvme::log_page(const Command& command)
{
    constexpr std::uint8_t errors = 1, health = 2, firmware = 3;
    const auto page = command.word(10) & 0xff;
    const auto words = (std::uint64_t{command.word(10) >> 16} | std::uint64_t{command.word(11) & 0xffff} << 16) + 1;
    if (page != errors && page != health && page != firmware)
        return {invalid_log_page};
    if (words * 4 > page_bytes)
        return {invalid_field};
    std::vector<std::byte> bytes(page_bytes); // no errors, no slots of firmware
    if (page == health) {
        put<std::uint16_t>(bytes, 1, 300); // kelvin: memory has no temperature of its own, and no driver should worry
        put<std::uint8_t>(bytes, 3, 100);  // spare, and when to worry about it, in percent
        put<std::uint8_t>(bytes, 4, 10);
    }
    return {hand_over(command, std::span{bytes}.first(words * 4))};
}

// There are no events: the command stays with the drive until it is disabled.
Nvme::Outcome Nvme::event(const Command&)
{
    if (state_.event_requested != 0 && !replayed(state_.event_epoch))
        return {too_many_event_requests};
    commit(state_.event_epoch, state_.submissions[0].progress);
    commit(state_.event_requested, 1);
    return {.held = true};
}

} // namespace parker::devices
