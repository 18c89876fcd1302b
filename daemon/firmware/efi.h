// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "firmware/firmware.h"

namespace parker::firmware {

// What kinds of memory there are, for e820 and the EFI memory map alike. A hole is in neither: a kernel before 6.2
// takes from a bridge's window whatever is in one of them.
enum class Kind { ram, reserved, acpi, runtime_code, runtime_data, hole };

struct Region {
    std::uint64_t start = 0; // page aligned
    std::uint64_t end = 0;
    Kind kind = Kind::ram;
};

// UEFI 2.10, 7.2.3 EFI_MEMORY_DESCRIPTOR.
inline constexpr std::uint32_t efi_descriptor_bytes = 40;
inline constexpr std::uint32_t efi_descriptor_version = 1;
Bytes build_efi_memory_map(const std::vector<Region>& regions);

// One page of code, then pages of data; to lie at `address`, with kinds runtime_code and runtime_data.
struct EfiServices {
    Bytes bytes;
    std::uint64_t code_bytes = 0;
    std::uint64_t system_table = 0; // physical address
};
EfiServices build_efi_services(std::uint64_t address, std::uint64_t control_page, std::uint64_t rsdp,
                               std::uint64_t smbios);
std::uint64_t efi_services_bytes();

} // namespace parker::firmware
