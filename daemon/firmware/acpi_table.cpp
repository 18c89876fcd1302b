// SPDX-License-Identifier: LGPL-2.1-or-later
#include "firmware/acpi_table.h"

#include "base/little_endian.h"

namespace parker::firmware {

std::uint8_t acpi_checksum(std::span<const std::byte> bytes)
{
    unsigned sum = 0;
    for (const auto byte : bytes)
        sum += std::to_integer<unsigned>(byte);
    return static_cast<std::uint8_t>(0x100 - (sum & 0xff));
}

Bytes acpi_table(std::string_view signature, std::uint8_t revision, std::size_t bytes)
{
    Bytes result(bytes);
    put_text(result, 0, signature);
    put<std::uint8_t>(result, 8, revision);
    put_text(result, 10, "PARKER");
    put_text(result, 16, "PARTITN ");
    put<std::uint32_t>(result, 24, 1); // OEM revision
    put_text(result, 28, "PRKR");
    put<std::uint32_t>(result, 32, 1);
    return result;
}

void acpi_seal(Bytes& table)
{
    put(table, 4, static_cast<std::uint32_t>(table.size()));
    put<std::uint8_t>(table, 9, 0);
    put(table, 9, acpi_checksum(table));
}

void acpi_append(Bytes& table, const Bytes& entry)
{
    table.insert(table.end(), entry.begin(), entry.end());
}

} // namespace parker::firmware
