// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "firmware/firmware.h"

namespace parker::firmware {

// The ACPI tables of a partition as one block of bytes that has to lie at `address` (16-byte aligned); the RSDP is at
// its start. ACPI 6.5: 5.2.5 RSDP, 5.2.8 XSDT, 5.2.9 FADT, 5.2.12 MADT; PCI Firmware Specification 3.3: MCFG. The DSDT
// is asl/partition.asl.
Bytes build_acpi(const Request& request, std::uint64_t address);

} // namespace parker::firmware
