// SPDX-License-Identifier: LGPL-2.1-or-later
#include "firmware/efi.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/little_endian.h"
#include "efi_services.h"
#include "firmware/efi/services.h"

namespace parker::firmware {
namespace {

// The data page, from its start: the services' own word, then the tables.
constexpr std::uint64_t data = services_code_bytes;
constexpr std::uint64_t runtime_table_at = data + 0x40; // UEFI 2.10, 4.5: header and 14 pointers
constexpr std::uint64_t runtime_table_bytes = 24 + 14 * 8;
constexpr std::uint64_t config_table_at = data + 0x100; // 4.6: GUID and pointer each
constexpr std::uint64_t properties_at = data + 0x180;   // 4.6.2, EFI_RT_PROPERTIES_TABLE
constexpr std::uint64_t vendor_at = data + 0x1c0;
constexpr std::uint64_t system_table_at = data + 0x200; // 4.3
constexpr std::uint64_t system_table_bytes = 120;
constexpr std::uint64_t all_bytes = data + 0x1000;

constexpr std::uint32_t revision = 2 << 16 | 100; // UEFI 2.10
constexpr std::uint32_t supports_reset_system = 0x0400;

using Guid = std::array<std::uint8_t, 16>; // as in memory
constexpr Guid acpi_20_guid{0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
                            0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81};
constexpr Guid smbios3_guid{0x44, 0x15, 0xfd, 0xf2, 0x94, 0x97, 0x2c, 0x4a,
                            0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94};
constexpr Guid rt_properties_guid{0x8a, 0x91, 0x66, 0xeb, 0xef, 0x7e, 0x2a, 0x40,
                                  0x84, 0x2e, 0x93, 0x1d, 0x21, 0xc3, 0x8a, 0xe9};

// 4.2, EFI_TABLE_HEADER: its CRC is computed with the field itself zero.
void seal(std::span<std::byte> table)
{
    put<std::uint32_t>(table, 16, 0);
    std::uint32_t crc = ~0U;
    for (const auto byte : table) {
        crc ^= std::to_integer<std::uint32_t>(byte);
        for (int bit = 0; bit < 8; ++bit)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320U : 0U);
    }
    put(table, 16, ~crc);
}

void put_header(std::span<std::byte> table, std::string_view signature)
{
    put_text(table, 0, signature);
    put(table, 8, revision);
    put(table, 12, static_cast<std::uint32_t>(table.size()));
}

} // namespace

Bytes build_efi_memory_map(const std::vector<Region>& regions)
{
    constexpr std::uint64_t write_back = 0x8, runtime = std::uint64_t{1} << 63;

    Bytes map(regions.size() * efi_descriptor_bytes);
    for (std::size_t i = 0; i < regions.size(); ++i) {
        const auto& region = regions[i];
        std::uint32_t type = 0; // EfiReservedMemoryType
        std::uint64_t attributes = write_back;
        switch (region.kind) {
        case Kind::ram:
            type = 7; // EfiConventionalMemory
            break;
        case Kind::reserved:
        case Kind::hole: // never among them
            break;
        case Kind::acpi:
            type = 9; // EfiACPIReclaimMemory
            break;
        case Kind::runtime_code:
            type = 5;
            attributes |= runtime;
            break;
        case Kind::runtime_data:
            type = 6;
            attributes |= runtime;
            break;
        }
        const auto entry = std::span{map}.subspan(i * efi_descriptor_bytes, efi_descriptor_bytes);
        put(entry, 0, type);
        put(entry, 8, region.start);
        put(entry, 24, (region.end - region.start) / page_bytes);
        put(entry, 32, attributes);
    }
    return map;
}

std::uint64_t efi_services_bytes()
{
    return all_bytes;
}

EfiServices build_efi_services(std::uint64_t address, std::uint64_t control_page, std::uint64_t rsdp,
                               std::uint64_t smbios)
{
    EfiServices result{Bytes(all_bytes), services_code_bytes, address + system_table_at};
    const auto bytes = std::span{result.bytes};
    std::ranges::transform(efi_services, bytes.begin(), [](unsigned char c) { return std::byte{c}; });
    put(bytes, services_control_page, control_page);

    // 4.5: time, time, wake-up, wake-up, SetVirtualAddressMap, ConvertPointer, variables (3), count, ResetSystem, ...
    const auto runtime_table = bytes.subspan(runtime_table_at, runtime_table_bytes);
    put_header(runtime_table, "RUNTSERV");
    for (std::size_t i = 0; i < 14; ++i)
        put(runtime_table, 24 + 8 * i, address + services_unsupported);
    put(runtime_table, 24 + 8 * 4, address + services_success);
    put(runtime_table, 24 + 8 * 10, address + services_reset);
    seal(runtime_table);

    put<std::uint16_t>(bytes, properties_at, 1); // version
    put<std::uint16_t>(bytes, properties_at + 2, 8);
    put(bytes, properties_at + 4, supports_reset_system);

    const std::array<std::pair<Guid, std::uint64_t>, 3> tables{{
        {acpi_20_guid, rsdp},
        {smbios3_guid, smbios},
        {rt_properties_guid, address + properties_at},
    }};
    for (std::size_t i = 0; i < tables.size(); ++i) {
        const auto at = config_table_at + 24 * i;
        for (std::size_t j = 0; j < tables[i].first.size(); ++j)
            put(bytes, at + j, tables[i].first[j]);
        put(bytes, at + 16, tables[i].second);
    }

    constexpr std::string_view vendor = "parkerd";
    for (std::size_t i = 0; i < vendor.size(); ++i)
        put(bytes, vendor_at + 2 * i, static_cast<std::uint16_t>(vendor[i])); // UCS-2

    const auto system_table = bytes.subspan(system_table_at, system_table_bytes);
    put_header(system_table, "IBI SYST");
    put(system_table, 24, address + vendor_at);
    put<std::uint32_t>(system_table, 32, 1); // firmware revision
    put(system_table, 88, address + runtime_table_at);
    put<std::uint64_t>(system_table, 104, tables.size());
    put(system_table, 112, address + config_table_at);
    seal(system_table);
    return result;
}

} // namespace parker::firmware
