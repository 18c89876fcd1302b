// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "firmware/firmware.h"

namespace parker::firmware {

// A bzImage that a partition can start, its header checked field by field. Documentation/arch/x86/boot.rst.
struct BzImage {
    std::span<const std::byte> setup_header; // from 0x1f1 on, to be copied into boot_params
    std::span<const std::byte> kernel;       // the protected-mode part
    std::uint64_t alignment = 0;             // of the load address; a power of two
    std::uint64_t init_bytes = 0;            // needed from the load address on until the kernel knows its memory
    std::uint32_t cmdline_max = 0;           // bytes, without the terminating NUL
    std::string release;                     // "6.1.0-1-amd64"
};

// Views into `image`. Throws Error{bad_image} that says what it is instead, or what it lacks.
BzImage parse_bzimage(std::span<const std::byte> image);

inline constexpr std::uint64_t entry64_offset =
    0x200; // of startup_64 in the protected-mode part, boot.rst "64-bit Boot Protocol"

} // namespace parker::firmware
