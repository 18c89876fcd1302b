// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string_view>

#include "firmware/firmware.h"

namespace parker::firmware {

// Pieces that every ACPI table is made of. ACPI 6.5, 5.2.6, System Description Table Header.
inline constexpr std::size_t acpi_header_bytes = 36;

std::uint8_t acpi_checksum(std::span<const std::byte> bytes); // what makes the sum 0
Bytes acpi_table(std::string_view signature, std::uint8_t revision, std::size_t bytes);
void acpi_seal(Bytes& table); // its length and checksum: last
void acpi_append(Bytes& table, const Bytes& entry);

// 5.2.16 SRAT and 5.2.17 SLIT, for a partition with memory or CPUs of several NUMA nodes. Proximity domains are the
// nodes in ascending order, counted from 0: the application kernel numbers its nodes likewise.
Bytes build_srat(const Request& request);
Bytes build_slit(const Request& request);
bool spans_nodes(const Request& request);

} // namespace parker::firmware
