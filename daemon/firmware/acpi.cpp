// SPDX-License-Identifier: LGPL-2.1-or-later
#include "firmware/acpi.h"

#include <parker.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/little_endian.h"
#include "firmware/acpi_table.h"
#include "marker.h"
#include "partition_aml.h"

namespace parker::firmware {
namespace {

// The compiled ASL, with the address of this partition's control page in place of the marker.
Bytes build_dsdt(std::uint64_t control_page)
{
    Bytes bytes(partition_aml.size());
    std::ranges::transform(partition_aml, bytes.begin(), [](unsigned char c) { return std::byte{c}; });
    Bytes marker(8);
    put<std::uint64_t>(marker, 0, PARKER_AML_CONTROL_MARKER);
    // std::ranges::search does not compile with clang 14 and libstdc++ 12.
    const auto at = std::search(bytes.begin(), bytes.end(), marker.begin(), marker.end());
    if (at == bytes.end() || std::search(at + 1, bytes.end(), marker.begin(), marker.end()) != bytes.end())
        throw Error{Code::failed, "DSDT", "the control page's marker must stand in it once"};
    put(std::span{bytes}, static_cast<std::size_t>(at - bytes.begin()), control_page);
    acpi_seal(bytes);
    return bytes;
}

Bytes build_fadt(std::uint64_t dsdt)
{
    constexpr std::uint32_t wbinvd = 1 << 0, proc_c1 = 1 << 2, power_button = 1 << 4, sleep_button = 1 << 5;
    constexpr std::uint32_t physical_apic = 1 << 19, hw_reduced = 1 << 20;
    constexpr std::uint16_t no_vga = 1 << 2, no_aspm = 1 << 4,
                            no_cmos_rtc = 1 << 5; // and bits 0, 1 clear: no legacy, no 8042

    auto fadt = acpi_table("FACP", 6, 276);
    put<std::uint16_t>(fadt, 109, no_vga | no_aspm | no_cmos_rtc);
    // Buttons "not fixed": ours is a control method. Logical APIC IDs would collide between kernels, so physical mode.
    put<std::uint32_t>(fadt, 112, wbinvd | proc_c1 | power_button | sleep_button | physical_apic | hw_reduced);
    put<std::uint8_t>(fadt, 131, 4); // minor version: 6.4
    put(fadt, 140, dsdt);            // X_DSDT
    put_text(fadt, 268, "PARKER");   // hypervisor vendor identity
    acpi_seal(fadt);
    return fadt;
}

Bytes local_apic(std::uint32_t apic_id, std::uint32_t uid)
{
    constexpr std::uint32_t enabled = 1;
    if (apic_id < 255 && uid < 256) {
        Bytes entry(8); // 5.2.12.2, Processor Local APIC
        put<std::uint8_t>(entry, 0, 0);
        put<std::uint8_t>(entry, 1, 8);
        put(entry, 2, static_cast<std::uint8_t>(uid));
        put(entry, 3, static_cast<std::uint8_t>(apic_id));
        put(entry, 4, enabled);
        return entry;
    }
    Bytes entry(16); // 5.2.12.12, Processor Local x2APIC
    put<std::uint8_t>(entry, 0, 9);
    put<std::uint8_t>(entry, 1, 16);
    put(entry, 4, apic_id);
    put(entry, 8, enabled);
    put(entry, 12, uid);
    return entry;
}

Bytes build_madt(const Request& request)
{
    auto madt = acpi_table("APIC", 5, acpi_header_bytes + 8);
    put<std::uint32_t>(madt, 36, 0xfee00000); // local APIC, the architecture's default
    // The phantom comes first: kernels since 6.9 take the first entry for the machine's BSP when they do not run on
    // it, and leave it alone. Older ones are told by disable_cpu_apicid=.
    acpi_append(madt, local_apic(request.phantom_apic_id, 0));
    for (std::uint32_t i = 0; i < request.cpus.size(); ++i)
        acpi_append(madt, local_apic(request.cpus[i].apic_id, i + 1));

    // A page of RAM for registers. Without an I/O APIC, kernels go looking for the machine's own.
    Bytes ioapic(12); // 5.2.12.3
    put<std::uint8_t>(ioapic, 0, 1);
    put<std::uint8_t>(ioapic, 1, 12);
    put(ioapic, 4, static_cast<std::uint32_t>(request.slice + PARKER_SLICE_IOAPIC));
    acpi_append(madt, ioapic);
    acpi_seal(madt);
    return madt;
}

Bytes build_mcfg(const Request& request)
{
    auto mcfg = acpi_table("MCFG", 1, acpi_header_bytes + 8);
    for (const auto& bus : request.buses) {
        Bytes entry(16); // 4.1.2: the base address is that of bus 0 of the segment
        put<std::uint64_t>(entry, 0, bus.ecam - (std::uint64_t{bus.number} << 20));
        put(entry, 8, bus.segment);
        put(entry, 10, bus.number);
        put(entry, 11, bus.number);
        acpi_append(mcfg, entry);
    }
    acpi_seal(mcfg);
    return mcfg;
}

} // namespace

Bytes build_acpi(const Request& request, std::uint64_t address)
{
    constexpr std::size_t rsdp_bytes = 36;
    Bytes block(align_up(rsdp_bytes, 16));
    const auto add = [&block, address](const Bytes& bytes) {
        const auto at = address + block.size();
        acpi_append(block, bytes);
        block.resize(align_up(block.size(), 16));
        return at;
    };

    std::vector<std::uint64_t> tables;
    tables.push_back(add(build_fadt(add(build_dsdt(request.slice + PARKER_SLICE_CONTROL)))));
    tables.push_back(add(build_madt(request)));
    if (spans_nodes(request)) {
        tables.push_back(add(build_srat(request)));
        tables.push_back(add(build_slit(request)));
    }
    if (!request.buses.empty())
        tables.push_back(add(build_mcfg(request)));

    auto xsdt = acpi_table("XSDT", 1, acpi_header_bytes + 8 * tables.size());
    for (std::size_t i = 0; i < tables.size(); ++i)
        put(xsdt, acpi_header_bytes + 8 * i, tables[i]);
    acpi_seal(xsdt);
    const auto xsdt_at = add(xsdt);

    const auto rsdp = std::span{block}.first(rsdp_bytes);
    put_text(rsdp, 0, "RSD PTR ");
    put_text(rsdp, 9, "PARKER");
    put<std::uint8_t>(rsdp, 15, 2); // ACPI 2.0 and later
    put<std::uint32_t>(rsdp, 20, rsdp_bytes);
    put(rsdp, 24, xsdt_at);
    put(rsdp, 8, acpi_checksum(rsdp.first(20))); // as ACPI 1.0 saw it
    put(rsdp, 32, acpi_checksum(rsdp));
    return block;
}

} // namespace parker::firmware
