// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rig.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "base/bytes.h"
#include "base/little_endian.h"

namespace parker::devices {

int RamDisk::done()
{
    if (kill)
        throw Killed{};
    return error;
}

int RamDisk::read(std::uint64_t offset, std::span<std::byte> into)
{
    REQUIRE((offset <= data.size() && into.size() <= data.size() - offset));
    ++reads;
    if (error == 0)
        std::memcpy(into.data(), data.data() + offset, into.size());
    return done();
}

int RamDisk::write(std::uint64_t offset, std::span<const std::byte> from)
{
    REQUIRE((offset <= data.size() && from.size() <= data.size() - offset));
    REQUIRE_FALSE(is_readonly);
    ++writes;
    if (error == 0)
        std::memcpy(data.data() + offset, from.data(), from.size());
    return done();
}

int RamDisk::flush()
{
    ++flushes;
    return done();
}

int RamDisk::discard(std::uint64_t offset, std::uint64_t bytes)
{
    REQUIRE((offset <= data.size() && bytes <= data.size() - offset));
    REQUIRE_FALSE(is_readonly);
    std::fill_n(data.begin() + static_cast<std::ptrdiff_t>(offset), bytes, std::byte{0});
    return done();
}

Rig::Rig(std::size_t disk_bytes) : ram(ram_bytes + bus_bytes), memory{{{start, ram}}}, disk{disk_bytes}
{
    std::ranges::copy(build_empty_bus(), at(bus));
    std::ranges::copy(build_config(nvme_identity(), registers), at(config));
    std::ranges::copy(nvme_registers(), at(registers));
    restart();
}

void Rig::restart()
{
    Nvme::Settings settings{"parker-db-0", {}};
    settings.uuid.fill(std::byte{0x5a});
    drive = std::make_unique<Nvme>(settings, bytes(config, function_config_bytes), bytes(registers, slot_bytes), memory,
                                   disk, state);
}

bool Rig::poll()
{
    return drive->poll(sent);
}

void Driver::wait_ready(std::uint32_t ready)
{
    for (int i = 0; i < 10 && (rig_.read<std::uint32_t>(Rig::registers + 0x1c) & 1) != ready; ++i)
        rig_.poll();
    REQUIRE((rig_.read<std::uint32_t>(Rig::registers + 0x1c) & 1) == ready);
}

void Driver::disable()
{
    rig_.write<std::uint32_t>(Rig::registers + 0x14, rig_.read<std::uint32_t>(Rig::registers + 0x14) & ~0xc001U);
    wait_ready(0);
}

void Driver::enable()
{
    queues_ = {};
    queues_[0].entries = admin_depth;
    std::ranges::fill(rig_.bytes(ring(0), 0x4000), std::byte{0});
    rig_.write<std::uint32_t>(Rig::registers + 0x24, (admin_depth - 1) << 16 | (admin_depth - 1));
    rig_.write<std::uint64_t>(Rig::registers + 0x28, ring(0));
    rig_.write<std::uint64_t>(Rig::registers + 0x30, ring(0) + 0x2000);
    rig_.write<std::uint32_t>(Rig::registers + 0x14, 0x00460001); // entries of 64 and 16 bytes; EN
    wait_ready(1);
}

std::uint16_t Driver::submit(unsigned number, const Words& words)
{
    auto& queue = queues_[number];
    const auto id = next_id_++;
    std::array<std::byte, 64> entry{};
    put<std::uint32_t>(entry, 0, words.opcode | std::uint32_t{words.flags} | std::uint32_t{id} << 16);
    put(entry, 4, words.name_space);
    put(entry, 24, words.prp1);
    put(entry, 32, words.prp2);
    put(entry, 40, words.w10);
    put(entry, 44, words.w11);
    put(entry, 48, words.w12);
    std::ranges::copy(entry, rig_.at(ring(number) + queue.tail * 64U));
    queue.tail = static_cast<std::uint16_t>((queue.tail + 1) % queue.entries);
    rig_.write<std::uint32_t>(Rig::registers + 0x1000 + number * 8, queue.tail);
    return id;
}

std::optional<Driver::Answer> Driver::take(unsigned number, std::uint16_t id)
{
    auto& queue = queues_[number];
    const auto entry = ring(number) + 0x2000 + queue.head * 16U;
    const auto last = rig_.read<std::uint32_t>(entry + 12);
    if ((last >> 16 & 1) != (queue.phase ? 1U : 0U))
        return std::nullopt;
    CHECK((last & 0xffff) == id);
    CHECK(rig_.read<std::uint32_t>(entry + 8) >> 16 == number);
    if (++queue.head == queue.entries) {
        queue.head = 0;
        queue.phase = !queue.phase;
    }
    rig_.write<std::uint32_t>(Rig::registers + 0x1004 + number * 8, queue.head);
    return Answer{static_cast<std::uint16_t>(last >> 17), rig_.read<std::uint32_t>(entry)};
}

Driver::Answer Driver::call(unsigned number, const Words& words)
{
    const auto id = submit(number, words);
    for (int i = 0; i < 10; ++i) {
        rig_.poll();
        if (const auto answer = take(number, id))
            return *answer;
    }
    FAIL("no completion");
    return {};
}

void Driver::create(unsigned number, unsigned vector)
{
    std::ranges::fill(rig_.bytes(ring(number), 0x4000), std::byte{0});
    queues_[number] = {.entries = depth};
    const std::uint32_t size = (depth - 1U) << 16 | number;
    CHECK(call(0, {.opcode = 5, .prp1 = ring(number) + 0x2000, .w10 = size, .w11 = vector << 16 | 3}).status == 0);
    CHECK(call(0, {.opcode = 1, .prp1 = ring(number), .w10 = size, .w11 = number << 16 | 1}).status == 0);
}

void Driver::probe()
{
    // pci_enable_msix: the entries first, then the function; request_irq unmasks.
    for (unsigned vector = 0; vector < 3; ++vector) {
        const auto entry = Rig::registers + 0x8000 + vector * 16;
        rig_.write<std::uint32_t>(entry, 0xfee03000);
        rig_.write<std::uint32_t>(entry + 8, 0x40 + vector);
        rig_.write<std::uint32_t>(entry + 12, 0);
    }
    rig_.write<std::uint16_t>(Rig::config + 0x42, rig_.read<std::uint16_t>(Rig::config + 0x42) | 0x8000);
    disable();
    enable();
    CHECK(call(0, {.opcode = 6, .prp1 = page, .w10 = 1}).status == 0);
    CHECK(call(0, {.opcode = 9, .w10 = 7, .w11 = 1 << 16 | 1}).result == 0x000f000f); // queues, from 0
    create(1, 1);
    create(2, 2);
    submit(0, {.opcode = 0x0c}); // an event, some day
    CHECK(call(0, {.opcode = 6, .name_space = 0, .prp1 = page, .w10 = 2}).status == 0);
    CHECK(rig_.read<std::uint32_t>(page) == 1);
    CHECK(call(0, {.opcode = 6, .name_space = 1, .prp1 = page, .w10 = 3}).status == 0);
    CHECK(call(0, {.opcode = 6, .name_space = 1, .prp1 = page, .w10 = 0}).status == 0);
}

Driver::Answer Driver::transfer(bool write, std::uint64_t block, std::size_t bytes, std::uint64_t address,
                                std::uint32_t flags)
{
    constexpr auto list = Rig::start + 0x90000;
    Words words{.opcode = static_cast<std::uint8_t>(write ? 1 : 2), .name_space = 1, .prp1 = address};
    const auto next = align_down(address, page_bytes) + page_bytes;
    if (address + bytes > next + page_bytes) {
        words.prp2 = list;
        for (std::uint64_t at = next, i = 0; at < address + bytes; at += page_bytes, ++i)
            rig_.write<std::uint64_t>(list + 8 * i, at);
    } else if (address + bytes > next) {
        words.prp2 = next;
    }
    words.w10 = static_cast<std::uint32_t>(block);
    words.w11 = static_cast<std::uint32_t>(block >> 32);
    words.w12 = static_cast<std::uint32_t>(bytes / 512 - 1) | flags;
    return call(1, words);
}

} // namespace parker::devices
