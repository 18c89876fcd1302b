// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>

// Numbers of the NVM Express Base Specification 1.3, as far as the drive made of memory speaks it.
namespace parker::devices::nvme {

// Registers, 3.1
inline constexpr std::size_t cap_at = 0x00, vs_at = 0x08, cc_at = 0x14, csts_at = 0x1c, aqa_at = 0x24, asq_at = 0x28,
                             acq_at = 0x30, doorbells_at = 0x1000;
inline constexpr std::uint32_t cc_enable = 1, cc_shutdown = 3 << 14;
inline constexpr std::uint32_t csts_ready = 1, csts_fatal = 1 << 1, csts_shut_down = 2 << 2;

inline constexpr unsigned entries_most = 256;
inline constexpr std::size_t command_bytes = 64, completion_bytes = 16;

// Status codes, 4.6.1: type in bits 8 to 10; "do not retry" is bit 14.
inline constexpr std::uint16_t do_not_retry = 1 << 14;
inline constexpr std::uint16_t success = 0;
inline constexpr std::uint16_t invalid_opcode = 0x01 | do_not_retry;
inline constexpr std::uint16_t invalid_field = 0x02 | do_not_retry;
inline constexpr std::uint16_t transfer_error = 0x04 | do_not_retry; // an address is not in the partition's memory
inline constexpr std::uint16_t internal_error = 0x06;
inline constexpr std::uint16_t invalid_namespace = 0x0b | do_not_retry;
inline constexpr std::uint16_t invalid_prp_offset = 0x13 | do_not_retry;
inline constexpr std::uint16_t write_protected = 0x20 | do_not_retry;
inline constexpr std::uint16_t out_of_range = 0x80 | do_not_retry;
inline constexpr std::uint16_t no_space = 0x81 | do_not_retry;
inline constexpr std::uint16_t no_such_completion_queue = 0x100 | do_not_retry;
inline constexpr std::uint16_t invalid_queue = 0x101 | do_not_retry;
inline constexpr std::uint16_t invalid_queue_size = 0x102 | do_not_retry;
inline constexpr std::uint16_t too_many_event_requests = 0x105 | do_not_retry;
inline constexpr std::uint16_t invalid_vector = 0x108 | do_not_retry;
inline constexpr std::uint16_t invalid_log_page = 0x109 | do_not_retry;
inline constexpr std::uint16_t queue_in_use = 0x10c | do_not_retry;
inline constexpr std::uint16_t write_fault = 0x280;
inline constexpr std::uint16_t read_error = 0x281;

// Admin commands, 5
inline constexpr std::uint8_t delete_submission_queue = 0x00, create_submission_queue = 0x01, get_log_page = 0x02,
                              delete_completion_queue = 0x04, create_completion_queue = 0x05, identify = 0x06,
                              abort_command = 0x08, set_features = 0x09, get_features = 0x0a, event_request = 0x0c;

// Commands of the NVM command set, 6
inline constexpr std::uint8_t flush_blocks = 0x00, write_blocks = 0x01, read_blocks = 0x02, manage_blocks = 0x09;

inline constexpr std::uint32_t the_namespace = 1, all_namespaces = 0xffffffff;
inline constexpr std::uint64_t block_bytes = 512;
inline constexpr unsigned transfer_shift = 6; // the most bytes of one command: pages << this
inline constexpr std::uint64_t transfer_most = std::uint64_t{4096} << transfer_shift;

} // namespace parker::devices::nvme
