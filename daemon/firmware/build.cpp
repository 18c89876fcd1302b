// SPDX-License-Identifier: LGPL-2.1-or-later
#include <parker.h>
#include <parker_control.h>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/little_endian.h"
#include "firmware/acpi.h"
#include "firmware/bzimage.h"
#include "firmware/cmdline.h"
#include "firmware/efi.h"
#include "firmware/firmware.h"
#include "firmware/page_tables.h"
#include "firmware/smbios.h"

namespace parker::firmware {
namespace {

// Offsets in boot_params, Documentation/arch/x86/zero-page.rst.
namespace zero_page {
constexpr std::size_t bytes = 4096;
constexpr std::size_t rsdp = 0x070;
constexpr std::size_t ramdisk_high = 0x0c0, ramdisk_bytes_high = 0x0c4, cmdline_high = 0x0c8;
constexpr std::size_t efi = 0x1c0; // struct efi_info
constexpr std::size_t e820_entries = 0x1e8, e820_table = 0x2d0, e820_max = 128;
constexpr std::size_t setup_header = 0x1f1;
constexpr std::size_t type_of_loader = 0x210, ramdisk = 0x218, ramdisk_bytes = 0x21c, cmdline = 0x228;
} // namespace zero_page

std::uint32_t low(std::uint64_t value)
{
    return static_cast<std::uint32_t>(value);
}

std::uint32_t high(std::uint64_t value)
{
    return static_cast<std::uint32_t>(value >> 32);
}

[[noreturn]] void does_not_fit(std::string_view what, std::uint64_t bytes)
{
    throw Error{Code::image_too_large, "partition memory",
                fmt::format("no range has room for the {} ({})", what, format_bytes(bytes)), "give it more memory"};
}

// The free rest of the partition's memory.
class Space {
public:
    explicit Space(const std::vector<MemoryRange>& memory) : free_{memory} {}

    // The lowest place: a kernel takes what lies around it into use early.
    std::uint64_t take_bottom(std::string_view what, std::uint64_t bytes, std::uint64_t alignment)
    {
        for (auto& range : free_) {
            const auto start = align_up(range.start, alignment);
            if (start < range.end && range.end - start >= bytes) {
                // What alignment leaves below stays RAM for the kernel; nothing of ours needs it.
                range.start = align_up(start + bytes, page_bytes);
                return start;
            }
        }
        does_not_fit(what, bytes);
    }

    // The highest place.
    std::uint64_t take_top(std::string_view what, std::uint64_t bytes)
    {
        const auto whole = align_up(std::max<std::uint64_t>(bytes, 1), page_bytes);
        for (auto range = free_.rbegin(); range != free_.rend(); ++range) {
            if (range->start < range->end && range->bytes() >= whole) {
                range->end -= whole;
                return range->end;
            }
        }
        does_not_fit(what, bytes);
    }

private:
    std::vector<MemoryRange> free_;
};

// The bus of the functions that are memory, as the bridge of a real one is described.
Bus describe_function_bus(const Request& request)
{
    const auto at = function_bus(request.memory);
    Bus bus;
    bus.segment = static_cast<std::uint16_t>(request.buses.size() + 1);
    bus.ecam = at;
    bus.mem_start = at + devices::bus_registers;
    bus.mem_bytes = devices::bus_bytes - devices::bus_registers;
    return bus;
}

void check(const Request& request)
{
    const auto require = [](bool condition, const char* otherwise) {
        if (!condition)
            throw Error{Code::invalid_argument, "firmware request", otherwise};
    };
    require(!request.cpus.empty(), "a partition needs a CPU");
    require(!request.memory.empty(), "a partition needs memory");
    require(request.memory.size() <= PARKER_RANGES_MAX, "too many memory ranges");
    require(request.buses.size() + (request.functions.empty() ? 0 : 1) <= PARKER_CTL_BUS_MAX, "too many buses");
    require(request.functions.size() <= devices::slots, "too many functions");
    require(request.slice % page_bytes == 0 && request.slice + PARKER_SLICE_BYTES <= 640 * KiB,
            "the slice is not below 640 KiB");
    std::uint64_t last = MiB;
    for (const auto& range : request.memory) {
        require(range.start >= last && range.end > range.start, "memory ranges are not ascending");
        require(range.start % (2 * MiB) == 0 && range.end % (2 * MiB) == 0, "memory ranges are not 2 MiB aligned");
        last = range.end;
    }
    for (const auto& bus : request.buses)
        require(bus.segment != 0 && bus.ecam % MiB == 0 && bus.ecam >= std::uint64_t{bus.number} << 20,
                "a bus is impossible");
}

// The control page and the stand-in for an I/O APIC, in the slice's first two pages.
Segment build_slice(const Request& request)
{
    Segment segment{request.slice, Bytes(PARKER_SLICE_RAM)};
    const auto bytes = std::span{segment.bytes};
    put<std::uint64_t>(bytes, PARKER_CTL_MAGIC, PARKER_CTL_MAGIC_VALUE);
    for (std::size_t i = 0; i < request.buses.size(); ++i) {
        const auto& bus = request.buses[i];
        const auto entry = bytes.subspan(PARKER_CTL_BUSES + i * PARKER_CTL_BUS_BYTES, PARKER_CTL_BUS_BYTES);
        put<std::uint32_t>(entry, PARKER_BUS_PRESENT, 1);
        put<std::uint32_t>(entry, PARKER_BUS_SEGMENT, bus.segment);
        put<std::uint32_t>(entry, PARKER_BUS_NUMBER, bus.number);
        put(entry, PARKER_BUS_MEM_START, bus.mem_start);
        put(entry, PARKER_BUS_MEM_BYTES, bus.mem_bytes);
        put(entry, PARKER_BUS_PREF_START, bus.pref_start);
        put(entry, PARKER_BUS_PREF_BYTES, bus.pref_bytes);
        put(entry, PARKER_BUS_ECAM, bus.ecam);
    }
    // Whatever register is asked for, the window (I/O APIC data sheet, IOWIN at 0x10) reads as this: version 0x11, two
    // pins, and as a redirection entry: masked.
    put<std::uint32_t>(bytes, PARKER_SLICE_IOAPIC + 0x10, 0x00010011);
    return segment;
}

// Configuration space and registers of the functions that are memory. Their bus is the first to take from the top.
std::vector<Segment> build_functions(const Request& request, Space& space, std::vector<Region>& carved)
{
    const auto bus = space.take_top("devices", devices::bus_bytes);
    if (bus != function_bus(request.memory))
        throw Error{Code::invalid_argument, "firmware request", "the last range has no room for devices"};
    carved.push_back({bus, bus + devices::bus_registers, Kind::reserved});
    carved.push_back({bus + devices::bus_registers, bus + devices::bus_bytes, Kind::hole});
    std::vector<Segment> segments{{bus, devices::build_empty_bus()}};
    for (unsigned slot = 0; slot < request.functions.size(); ++slot) {
        const auto& function = request.functions[slot];
        const auto registers = bus + devices::slot_registers(slot);
        const auto config = devices::build_config(function.identity, registers);
        std::ranges::copy(config, segments[0].bytes.begin() + static_cast<std::ptrdiff_t>(devices::slot_config(slot)));
        segments.push_back({registers, function.registers});
    }
    return segments;
}

// All regions, ascending: the slice, the ranges with what is carved out of them, and the configuration space.
std::vector<Region> build_map(const Request& request, std::vector<Region> carved)
{
    std::vector<Region> map{
        {request.slice, request.slice + page_bytes, Kind::runtime_data}, // ResetSystem writes to it
        {request.slice + PARKER_SLICE_IOAPIC, request.slice + PARKER_SLICE_RAM, Kind::reserved},
        {request.slice + PARKER_SLICE_RAM, request.slice + PARKER_SLICE_BYTES, Kind::ram},
    };
    std::ranges::sort(carved, {}, &Region::start);
    auto next = carved.begin();
    for (const auto& range : request.memory) {
        auto at = range.start;
        for (; next != carved.end() && next->start < range.end; ++next) {
            if (at < next->start)
                map.push_back({at, next->start, Kind::ram});
            if (next->kind != Kind::hole)
                map.push_back(*next);
            at = next->end;
        }
        if (at < range.end)
            map.push_back({at, range.end, Kind::ram});
    }
    for (const auto& bus : request.buses)
        if (request.functions.empty() || bus.ecam != function_bus(request.memory)) // that one is carved out
            map.push_back({bus.ecam, bus.ecam + MiB, Kind::reserved});
    std::ranges::sort(map, {}, &Region::start);
    return map;
}

void put_e820(std::span<std::byte> params, const std::vector<Region>& map)
{
    if (map.size() > zero_page::e820_max)
        throw Error{Code::not_enough_memory, "partition memory", "it is in too many pieces for an e820 table"};
    put(params, zero_page::e820_entries, static_cast<std::uint8_t>(map.size()));
    for (std::size_t i = 0; i < map.size(); ++i) {
        const auto at = zero_page::e820_table + i * 20;
        put(params, at, map[i].start);
        put(params, at + 8, map[i].end - map[i].start);
        // ACPI 6.5, table 15.1
        put<std::uint32_t>(params, at + 16, map[i].kind == Kind::ram ? 1 : map[i].kind == Kind::acpi ? 3 : 2);
    }
}

} // namespace

std::uint64_t function_bus(const std::vector<MemoryRange>& memory)
{
    return memory.back().end - devices::bus_bytes; // ranges are aligned as it is
}

Firmware build(const Request& wanted)
{
    check(wanted);
    auto request = wanted;
    if (!wanted.functions.empty())
        request.buses.push_back(describe_function_bus(wanted));
    const auto image = parse_bzimage(request.image);
    Firmware result;
    result.cmdline = build_cmdline(request, image.release);
    result.kernel_release = image.release;
    if (result.cmdline.size() > image.cmdline_max)
        throw Error{Code::too_large, "kernel command line",
                    fmt::format("it has {} bytes with parkerd's own words, the kernel takes {}", result.cmdline.size(),
                                image.cmdline_max),
                    "shorten it"};

    Space space{request.memory};
    std::vector<Region> carved;
    const auto place = [&result](std::uint64_t address, Bytes bytes) {
        result.segments.push_back({address, std::move(bytes)});
    };

    if (!request.functions.empty())
        for (auto& segment : build_functions(request, space, carved))
            place(segment.address, std::move(segment.bytes));

    const auto kernel_at = space.take_bottom("kernel", image.init_bytes, std::max(image.alignment, 2 * MiB));
    place(kernel_at, Bytes(image.kernel.begin(), image.kernel.end()));
    result.entry = kernel_at + entry64_offset;

    std::uint64_t initrd_bytes = 0;
    for (const auto& initrd : request.initrds)
        initrd_bytes += align_up(initrd.size(), 4); // each cpio archive starts on a word
    std::uint64_t initrd_at = 0;
    if (initrd_bytes != 0) {
        initrd_at = space.take_top("initrd", initrd_bytes);
        Bytes all;
        all.reserve(initrd_bytes);
        for (const auto& initrd : request.initrds) {
            all.insert(all.end(), initrd.begin(), initrd.end());
            all.resize(align_up(all.size(), 4));
        }
        place(initrd_at, std::move(all));
    }

    // Tables whose length does not depend on where they lie: build them twice.
    const auto carve = [&](std::string_view what, Kind kind, auto&& build_at) {
        const auto bytes = build_at(std::uint64_t{0}).size();
        const auto at = space.take_top(what, bytes);
        carved.push_back({at, at + align_up(bytes, page_bytes), kind});
        place(at, build_at(at));
        return at;
    };
    const auto rsdp =
        carve("ACPI tables", Kind::acpi, [&request](std::uint64_t at) { return build_acpi(request, at); });
    const auto smbios =
        carve("SMBIOS tables", Kind::acpi, [&request](std::uint64_t at) { return build_smbios(request, at); });

    const auto services_at = space.take_top("EFI services", efi_services_bytes());
    auto services = build_efi_services(services_at, request.slice + PARKER_SLICE_CONTROL, rsdp, smbios);
    carved.push_back({services_at, services_at + services.code_bytes, Kind::runtime_code});
    carved.push_back({services_at + services.code_bytes, services_at + services.bytes.size(), Kind::runtime_data});
    place(services_at, std::move(services.bytes));

    result.page_table = space.take_top("page tables", page_tables_bytes(request.memory));
    place(result.page_table, build_page_tables(request.memory, result.page_table));

    const auto cmdline_at = space.take_top("command line", result.cmdline.size() + 1);
    Bytes cmdline(result.cmdline.size() + 1);
    put_text(cmdline, 0, result.cmdline);
    place(cmdline_at, std::move(cmdline));

    const auto map = build_map(request, std::move(carved));
    auto efi_map = build_efi_memory_map(map);
    const auto efi_map_bytes = efi_map.size();
    const auto efi_map_at = space.take_top("EFI memory map", efi_map_bytes);
    place(efi_map_at, std::move(efi_map));

    Bytes page(zero_page::bytes);
    const auto params = std::span{page};
    std::ranges::copy(image.setup_header, params.begin() + zero_page::setup_header);
    put<std::uint8_t>(params, zero_page::type_of_loader, 0xff); // no ID assigned
    put(params, zero_page::rsdp, rsdp);
    put(params, zero_page::ramdisk, low(initrd_at));
    put(params, zero_page::ramdisk_high, high(initrd_at));
    put(params, zero_page::ramdisk_bytes, low(initrd_bytes));
    put(params, zero_page::ramdisk_bytes_high, high(initrd_bytes));
    put(params, zero_page::cmdline, low(cmdline_at));
    put(params, zero_page::cmdline_high, high(cmdline_at));
    put_text(params, zero_page::efi, "EL64");
    put(params, zero_page::efi + 4, low(services.system_table));
    put(params, zero_page::efi + 8, efi_descriptor_bytes);
    put(params, zero_page::efi + 12, efi_descriptor_version);
    put(params, zero_page::efi + 16, low(efi_map_at));
    put(params, zero_page::efi + 20, low(efi_map_bytes));
    put(params, zero_page::efi + 24, high(services.system_table));
    put(params, zero_page::efi + 28, high(efi_map_at));
    put_e820(params, map);
    result.boot_params = space.take_top("boot parameters", page.size());
    place(result.boot_params, std::move(page));
    place(request.slice, build_slice(request).bytes);
    return result;
}

} // namespace parker::firmware
