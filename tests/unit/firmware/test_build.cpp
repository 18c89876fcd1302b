// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <parker.h>
#include <parker_control.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "devices/nvme.h"
#include "fake_image.h"
#include "firmware/firmware.h"

using namespace parker;
using namespace parker::firmware;

namespace {

constexpr std::uint64_t slice = 0x19000;

Request request(const Bytes& image)
{
    Request result;
    result.name = "db";
    result.cpus = {{2, 0}, {3, 0}};
    result.phantom_apic_id = 200;
    result.slice = slice;
    result.memory = {{512 * MiB, 640 * MiB, 0}, {6 * GiB, 7 * GiB, 1}};
    result.buses = {{1, 0x81, 0xb8100000, 0xfe800000, 2 * MiB, 0x800000000, 1 * MiB}};
    result.image = image;
    result.cmdline = "root=/dev/nvme0n1";
    result.tsc_khz = 2000000;
    result.credentials = {{"system.hostname", "db"}};
    return result;
}

// The partition's memory as its kernel finds it.
class Memory {
public:
    explicit Memory(const Firmware& firmware) : firmware_{firmware} {}

    std::span<const std::byte> at(std::uint64_t address, std::size_t bytes) const
    {
        for (const auto& segment : firmware_.segments)
            if (address >= segment.address && address + bytes <= segment.address + segment.bytes.size())
                return std::span{segment.bytes}.subspan(address - segment.address, bytes);
        throw std::out_of_range{"nothing was put there"};
    }
    template <typename T>
    T read(std::uint64_t address) const
    {
        return get<T>(at(address, sizeof(T)), 0);
    }
    std::string text(std::uint64_t address, std::size_t bytes) const
    {
        std::string result;
        for (const auto byte : at(address, bytes))
            result += std::to_integer<char>(byte);
        return result;
    }
    unsigned sum(std::uint64_t address, std::size_t bytes) const
    {
        unsigned result = 0;
        for (const auto byte : at(address, bytes))
            result += std::to_integer<unsigned>(byte);
        return result & 0xff;
    }

private:
    const Firmware& firmware_;
};

struct E820 {
    std::uint64_t start, end;
    std::uint32_t type;
};

std::vector<E820> e820(const Memory& memory, std::uint64_t params)
{
    std::vector<E820> result;
    for (unsigned i = 0; i < memory.read<std::uint8_t>(params + 0x1e8); ++i) {
        const auto at = params + 0x2d0 + i * 20;
        const auto start = memory.read<std::uint64_t>(at);
        result.push_back({start, start + memory.read<std::uint64_t>(at + 8), memory.read<std::uint32_t>(at + 16)});
    }
    return result;
}

// Follows the page tables as a CPU would.
std::uint64_t translate(const Memory& memory, std::uint64_t pml4, std::uint64_t address)
{
    auto table = pml4;
    for (int shift = 39; shift >= 21; shift -= 9) {
        const auto entry = memory.read<std::uint64_t>(table + (address >> shift & 511) * 8);
        if ((entry & 1) == 0)
            throw std::out_of_range{"not mapped"};
        if ((entry & 0x80) != 0)
            return (entry & ~0x1fffffULL) | (address & 0x1fffff);
        table = entry & ~0xfffULL;
    }
    throw std::out_of_range{"no page"};
}

std::uint64_t find_table(const Memory& memory, std::uint64_t rsdp, const std::string& signature)
{
    const auto xsdt = memory.read<std::uint64_t>(rsdp + 24);
    const auto bytes = memory.read<std::uint32_t>(xsdt + 4);
    for (std::uint64_t at = xsdt + 36; at < xsdt + bytes; at += 8)
        if (const auto table = memory.read<std::uint64_t>(at); memory.text(table, 4) == signature)
            return table;
    throw std::out_of_range{signature};
}

} // namespace

TEST_CASE("segments lie in the partition's memory and do not overlap")
{
    const auto image = test::fake_image();
    const auto asked = request(image);
    auto built = build(asked);
    std::ranges::sort(built.segments, {}, &Segment::address);
    std::uint64_t last = 0;
    for (const auto& segment : built.segments) {
        CAPTURE(segment.address);
        CHECK(segment.address >= last);
        last = segment.address + segment.bytes.size();
        const bool in_slice = segment.address >= slice && last <= slice + PARKER_SLICE_BYTES;
        CHECK((in_slice || std::ranges::any_of(asked.memory, [&segment](const auto& range) {
                   return range.contains(segment.address, segment.bytes.size());
               })));
    }
}

TEST_CASE("e820 and the EFI map describe the slice and the ranges, and nothing else of RAM")
{
    const auto image = test::fake_image();
    const auto built = build(request(image));
    const Memory memory{built};
    const auto map = e820(memory, built.boot_params);

    std::uint64_t last = 0, ram = 0, all = 0;
    for (const auto& entry : map) {
        CHECK(entry.start >= last);
        CHECK(entry.end > entry.start);
        last = entry.end;
        all += entry.end - entry.start;
        ram += entry.type == 1 ? entry.end - entry.start : 0;
    }
    CHECK(all == PARKER_SLICE_BYTES + 128 * MiB + GiB + MiB); // and the bus's configuration space
    CHECK(ram > 128 * MiB + GiB - 64 * KiB);
    CHECK(map[0].start == slice);
    CHECK(map[0].type == 2);
    CHECK(map[2].start == slice + PARKER_SLICE_RAM);
    CHECK(map[2].type == 1);
    CHECK(std::ranges::any_of(
        map, [](const E820& e) { return e.start == 0xb8100000 && e.end == 0xb8200000 && e.type == 2; }));

    const auto efi = built.boot_params + 0x1c0;
    CHECK(memory.text(efi, 4) == "EL64");
    CHECK(memory.read<std::uint32_t>(efi + 8) == 40);
    CHECK(memory.read<std::uint32_t>(efi + 20) == map.size() * 40);
    const auto efi_map = memory.read<std::uint32_t>(efi + 16) | std::uint64_t{memory.read<std::uint32_t>(efi + 28)}
                                                                    << 32;
    for (std::size_t i = 0; i < map.size(); ++i) {
        CHECK(memory.read<std::uint64_t>(efi_map + i * 40 + 8) == map[i].start);
        CHECK(memory.read<std::uint64_t>(efi_map + i * 40 + 24) * 4096 == map[i].end - map[i].start);
        CHECK((memory.read<std::uint32_t>(efi_map + i * 40) == 7) == (map[i].type == 1));
    }
}

TEST_CASE("the page tables map all of it one to one")
{
    const auto image = test::fake_image();
    const auto built = build(request(image));
    const Memory memory{built};
    for (const std::uint64_t address : {std::uint64_t{0}, slice, 512 * MiB, 4 * GiB - 1, 6 * GiB, 7 * GiB - 1,
                                        built.entry, built.boot_params, built.page_table})
        CHECK(translate(memory, built.page_table, address) == address);
    CHECK_THROWS(translate(memory, built.page_table, 5 * GiB));
    CHECK_THROWS(translate(memory, built.page_table, 512 * GiB));
}

TEST_CASE("the kernel finds its ACPI tables, and the machine as the partition has it")
{
    const auto image = test::fake_image();
    const auto built = build(request(image));
    const Memory memory{built};
    const auto rsdp = memory.read<std::uint64_t>(built.boot_params + 0x70);
    CHECK(memory.text(rsdp, 8) == "RSD PTR ");
    CHECK(memory.sum(rsdp, 20) == 0);
    CHECK(memory.sum(rsdp, 36) == 0);

    const auto fadt = find_table(memory, rsdp, "FACP");
    CHECK((memory.read<std::uint32_t>(fadt + 112) & (1U << 20)) != 0); // HW_REDUCED_ACPI
    const auto dsdt = memory.read<std::uint64_t>(fadt + 140);
    CHECK(memory.text(dsdt, 4) == "DSDT");
    const auto madt = find_table(memory, rsdp, "APIC");
    const auto mcfg = find_table(memory, rsdp, "MCFG");
    for (const auto table : {fadt, dsdt, madt, mcfg})
        CHECK(memory.sum(table, memory.read<std::uint32_t>(table + 4)) == 0);

    CHECK(memory.read<std::uint8_t>(madt + 44 + 3) == 200); // the phantom comes first
    CHECK(memory.read<std::uint8_t>(madt + 52 + 3) == 2);
    CHECK(memory.read<std::uint8_t>(madt + 60 + 3) == 3);
    CHECK(memory.read<std::uint32_t>(madt + 68 + 4) == slice + PARKER_SLICE_IOAPIC);
    CHECK(memory.read<std::uint64_t>(mcfg + 44) + (0x81ULL << 20) == 0xb8100000);
    CHECK(memory.read<std::uint16_t>(mcfg + 44 + 8) == 1);

    // The control page: where the AML looks.
    CHECK(memory.read<std::uint64_t>(slice + PARKER_CTL_MAGIC) == PARKER_CTL_MAGIC_VALUE);
    CHECK(memory.read<std::uint32_t>(slice + PARKER_CTL_BUSES + PARKER_BUS_NUMBER) == 0x81);
    CHECK(memory.read<std::uint64_t>(slice + PARKER_CTL_BUSES + PARKER_BUS_PREF_START) == 0x800000000);
    CHECK(memory.read<std::uint64_t>(slice + PARKER_CTL_BUSES + PARKER_BUS_ECAM) == 0xb8100000);
}

TEST_CASE("a partition on several NUMA nodes is told so")
{
    const auto image = test::fake_image();
    auto asked = request(image);
    asked.cpus = {{2, 5}, {3, 5}};
    asked.memory[0].node = 5;
    asked.memory[1].node = 2;
    asked.node_distances = {{{2, 5}, 31}};
    const auto built = build(asked);
    const Memory memory{built};
    const auto rsdp = memory.read<std::uint64_t>(built.boot_params + 0x70);

    const auto srat = find_table(memory, rsdp, "SRAT");
    CHECK(memory.sum(srat, memory.read<std::uint32_t>(srat + 4)) == 0);
    CHECK(memory.read<std::uint32_t>(srat + 48 + 4) == 1); // CPU: node 5 is the second domain
    CHECK(memory.read<std::uint32_t>(srat + 48 + 8) == 2);
    const auto last = srat + 48 + 2 * 24 + 2 * 40;
    CHECK(memory.read<std::uint32_t>(last + 2) == 0);
    CHECK(memory.read<std::uint64_t>(last + 8) == 6 * GiB);
    CHECK(memory.read<std::uint64_t>(last + 16) == GiB);

    const auto slit = find_table(memory, rsdp, "SLIT");
    CHECK(memory.sum(slit, memory.read<std::uint32_t>(slit + 4)) == 0);
    CHECK(memory.read<std::uint64_t>(slit + 36) == 2);
    CHECK(memory.read<std::uint32_t>(slit + 44) == 0x0a141f0a); // 10 31, 20 10

    asked.memory[1].node = 5;
    const auto one = build(asked);
    const Memory of_one{one};
    CHECK_THROWS(find_table(of_one, of_one.read<std::uint64_t>(one.boot_params + 0x70), "SRAT"));
}

TEST_CASE("APIC IDs that need x2APIC get entries of their own kind")
{
    const auto image = test::fake_image();
    auto asked = request(image);
    asked.cpus = {{300, 0}};
    asked.phantom_apic_id = 1000;
    const auto built = build(asked);
    const Memory memory{built};
    const auto madt = find_table(memory, memory.read<std::uint64_t>(built.boot_params + 0x70), "APIC");
    CHECK(memory.read<std::uint8_t>(madt + 44) == 9);
    CHECK(memory.read<std::uint32_t>(madt + 44 + 4) == 1000);
    CHECK(memory.read<std::uint32_t>(madt + 60 + 4) == 300);
}

TEST_CASE("the command line is parkerd's words, then the user's")
{
    const auto image = test::fake_image();
    auto asked = request(image);
    const auto built = build(asked);
    CHECK_THAT(built.cmdline, Catch::Contains(" mce=no_cmci nosgx module_blacklist=kvm,")); // a 6.1 kernel
    CHECK_THAT(built.cmdline, Catch::StartsWith("no_ipi_broadcast=1 ") && Catch::EndsWith(" root=/dev/nvme0n1") &&
                                  Catch::Contains("disable_cpu_apicid=200") &&
                                  Catch::Contains(" reboot=efi,panic_warm ") &&
                                  Catch::Contains("tsc_early_khz=2000000"));
    const Memory memory{built};
    const auto at = memory.read<std::uint32_t>(built.boot_params + 0x228) |
                    std::uint64_t{memory.read<std::uint32_t>(built.boot_params + 0xc8)} << 32;
    CHECK(memory.text(at, built.cmdline.size() + 1) == built.cmdline + '\0');

    for (const auto* word :
         {"acpi=off", "ro pci=conf1", "efi=noruntime", "reboot=t", "no_ipi_broadcast=0", "a  memmap=1G@0"}) {
        CAPTURE(word);
        asked.cmdline = word;
        CHECK_THROWS_AS(build(asked), Error);
    }
    asked.cmdline = "quiet -- acpi=off";
    CHECK_NOTHROW(build(asked));

    asked.credentials = {{"system.hostname", "db"}, {"system.machine_id", "not one word"}};
    CHECK_THAT(build(asked).cmdline,
               Catch::Contains(" systemd.hostname=db ") && !Catch::Contains("systemd.machine_id"));
    asked.cmdline = std::string(2048, 'x');
    CHECK_THROWS_WITH(build(asked), Catch::Contains("the kernel takes 2047"));
}

TEST_CASE("initrds are concatenated on word boundaries")
{
    const auto image = test::fake_image();
    auto asked = request(image);
    const Bytes first(5, std::byte{1}), second(3, std::byte{2});
    asked.initrds = {first, second};
    const auto built = build(asked);
    const Memory memory{built};
    const auto at = memory.read<std::uint32_t>(built.boot_params + 0x218) |
                    std::uint64_t{memory.read<std::uint32_t>(built.boot_params + 0xc0)} << 32;
    CHECK(memory.read<std::uint32_t>(built.boot_params + 0x21c) == 12);
    CHECK(memory.read<std::uint8_t>(at + 4) == 1);
    CHECK(memory.read<std::uint8_t>(at + 5) == 0);
    CHECK(memory.read<std::uint8_t>(at + 8) == 2);
}

TEST_CASE("what does not fit is said")
{
    const auto image = test::fake_image(64 * 1024 * 1024);
    auto asked = request(image);
    asked.memory = {{512 * MiB, 560 * MiB, 0}};
    CHECK_THROWS_WITH(build(asked), Catch::Contains("room for the kernel (64MiB)"));
    asked.memory.clear();
    CHECK_THROWS_AS(build(asked), Error);
    asked.memory = {{2 * GiB, 3 * GiB, 0}, {GiB, 2 * GiB, 0}};
    CHECK_THROWS_WITH(build(asked), Catch::Contains("ascending"));
    asked = request(image);
    asked.buses.resize(PARKER_CTL_BUS_MAX + 1, asked.buses[0]);
    CHECK_THROWS_WITH(build(asked), Catch::Contains("too many buses"));
}

TEST_CASE("Functions that are memory have a bus of their own at the top of the partition's memory")
{
    const auto image = test::fake_image();
    auto asked = request(image);
    asked.functions = {{devices::nvme_identity(), devices::nvme_registers()},
                       {devices::nvme_identity(), devices::nvme_registers()}};
    constexpr auto bus = 7 * GiB - 2 * MiB;
    CHECK(function_bus(asked.memory) == bus);
    const auto built = build(asked);
    const Memory memory{built};

    // Its configuration space is reserved, its registers are in no entry: what is in one is no bridge's to hand out.
    bool reserved = false;
    for (const auto& entry : e820(memory, built.boot_params)) {
        CHECK((entry.end <= bus + MiB || entry.start >= bus + 2 * MiB));
        if (entry.start <= bus && bus < entry.end) {
            CHECK(entry.type == 2);
            CHECK(entry.end == bus + MiB);
            reserved = true;
        }
    }
    CHECK(reserved);

    const auto rsdp = memory.read<std::uint64_t>(built.boot_params + 0x70);
    const auto mcfg = find_table(memory, rsdp, "MCFG");
    REQUIRE(memory.read<std::uint32_t>(mcfg + 4) == 44 + 2 * 16); // behind the real bus
    CHECK(memory.read<std::uint64_t>(mcfg + 60) == bus);
    CHECK(memory.read<std::uint16_t>(mcfg + 68) == 2);
    CHECK(memory.read<std::uint16_t>(mcfg + 70) == 0); // bus 0 to 0
    const auto bridge = slice + PARKER_CTL_BUSES + PARKER_CTL_BUS_BYTES;
    CHECK(memory.read<std::uint32_t>(bridge + PARKER_BUS_PRESENT) == 1);
    CHECK(memory.read<std::uint64_t>(bridge + PARKER_BUS_MEM_START) == bus + MiB);
    CHECK(memory.read<std::uint64_t>(bridge + PARKER_BUS_MEM_BYTES) == MiB);
    CHECK(memory.read<std::uint64_t>(bridge + PARKER_BUS_PREF_BYTES) == 0);
    CHECK(memory.read<std::uint64_t>(bridge + PARKER_BUS_ECAM) == bus);

    for (const unsigned slot : {0U, 1U}) {
        const auto config = bus + devices::slot_config(slot), registers = bus + devices::slot_registers(slot);
        CHECK(memory.read<std::uint32_t>(config + 8) >> 8 == 0x010802);
        CHECK(memory.read<std::uint32_t>(config + 0x58) == (static_cast<std::uint32_t>(registers) | 2));
        CHECK(memory.read<std::uint32_t>(config + 0x60) == registers >> 32);
        CHECK(memory.read<std::uint32_t>(registers + 8) == 0x00010300);
    }
    CHECK(memory.read<std::uint32_t>(bus + 0x1000) == 0xffffffff); // function 1: nobody
    CHECK(memory.read<std::uint32_t>(bus + devices::slot_config(2)) == 0xffffffff);
}

TEST_CASE("Too many functions that are memory are a mistake")
{
    const auto image = test::fake_image();
    auto asked = request(image);
    asked.functions.resize(devices::slots + 1, {devices::nvme_identity(), devices::nvme_registers()});
    CHECK_THROWS_WITH(build(asked), Catch::Contains("too many functions"));
    asked.functions.resize(1);
    asked.buses.resize(PARKER_CTL_BUS_MAX, asked.buses[0]);
    CHECK_THROWS_WITH(build(asked), Catch::Contains("too many buses"));
}

TEST_CASE("SMBIOS has a firmware of a date that Linux lets have a configuration space above 4 GiB")
{
    const auto image = test::fake_image();
    const auto built = build(request(image));
    const Memory memory{built};
    for (const auto& segment : built.segments)
        if (segment.bytes.size() > 64 && memory.text(segment.address, 5) == "_SM3_") {
            const auto at = segment.address + 32;
            CHECK(memory.read<std::uint8_t>(at) == 0); // type 0, its strings behind it
            CHECK(memory.text(at + memory.read<std::uint8_t>(at + 1), 21) ==
                  std::string{"parkerd\0001\00001/01/2026", 21});
            CHECK(memory.read<std::uint8_t>(at + 8) == 3);
            return;
        }
    FAIL("no SMBIOS entry point");
}

TEST_CASE("SMBIOS carries the partition's identity and credentials")
{
    const auto image = test::fake_image();
    const auto built = build(request(image));
    const Memory memory{built};
    for (const auto& segment : built.segments) {
        if (segment.bytes.size() < 32 || memory.text(segment.address, 5) != "_SM3_")
            continue;
        CHECK(memory.sum(segment.address, 24) == 0);
        CHECK(memory.read<std::uint64_t>(segment.address + 16) == segment.address + 32);
        const auto text = memory.text(segment.address + 32, segment.bytes.size() - 32);
        CHECK_THAT(text, Catch::Contains("io.systemd.credential:system.hostname=db"));
        CHECK_THAT(text, Catch::Contains("Parker partition"));
        CHECK(memory.read<std::uint32_t>(segment.address + 12) == text.size());
        return;
    }
    FAIL("no SMBIOS entry point");
}
