// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "devices/disk.h"
#include "devices/nvme.h"

namespace parker::devices {

// A disk in memory that counts, and fails when told to.
class RamDisk : public Disk {
public:
    struct Killed : std::runtime_error {
        Killed() : std::runtime_error{"killed"} {}
    };

    explicit RamDisk(std::size_t bytes) : data(bytes) {}
    std::uint64_t bytes() const override { return data.size(); }
    bool readonly() const override { return is_readonly; }
    int read(std::uint64_t offset, std::span<std::byte> into) override;
    int write(std::uint64_t offset, std::span<const std::byte> from) override;
    int flush() override;
    int discard(std::uint64_t offset, std::uint64_t bytes) override;

    std::vector<std::byte> data;
    bool is_readonly = false;
    int error = 0;     // of every call
    bool kill = false; // after the next call has done its work, nothing comes
    int reads = 0, writes = 0, flushes = 0;

private:
    int done();
};

// A partition's memory with a drive in it, its firmware's work done, and the device's side.
class Rig {
public:
    static constexpr std::uint64_t start = 0x140000000, ram_bytes = 0x400000; // the bus follows
    static constexpr std::uint64_t bus = start + ram_bytes, config = bus + slot_config(0),
                                   registers = bus + slot_registers(0);

    explicit Rig(std::size_t disk_bytes = 1 << 20);
    void restart(); // kill -9, and another process

    std::byte* at(std::uint64_t address) { return ram.data() + (address - start); }
    std::span<std::byte> bytes(std::uint64_t address, std::size_t count) { return {at(address), count}; }
    template <typename T>
    T read(std::uint64_t address)
    {
        return load<T>(at(address));
    }
    template <typename T>
    void write(std::uint64_t address, std::type_identity_t<T> value)
    {
        store<T>(at(address), value);
    }
    bool poll(); // one look; its interrupts are added to `sent`

    std::vector<std::byte> ram;
    Memory memory;
    RamDisk disk;
    NvmeState state{};
    std::unique_ptr<Nvme> drive;
    std::vector<Message> sent;
};

// Does what Linux's nvme driver does, in the order of its probe (6.1: nvme_reset_work, nvme_init_ctrl_finish,
// nvme_setup_io_queues, nvme_scan_work).
class Driver {
public:
    struct Answer {
        std::uint16_t status = 0; // without the phase
        std::uint32_t result = 0;
    };
    struct Words {
        std::uint8_t opcode = 0;
        std::uint32_t name_space = 0;
        std::uint64_t prp1 = 0, prp2 = 0;
        std::uint32_t w10 = 0, w11 = 0, w12 = 0;
        std::uint16_t flags = 0; // bits 8 to 15 of the first word
    };
    static constexpr std::uint16_t depth = 8, admin_depth = 32;
    static constexpr std::uint64_t page = Rig::start + 0x100000; // for data

    explicit Driver(Rig& rig) : rig_{rig} {}

    void enable();  // with its handshake
    void disable(); // the same
    void probe();   // all, up to a queue pair for each of two CPUs
    void create(unsigned queue, unsigned vector);

    std::uint16_t submit(unsigned queue, const Words& words); // its identifier; the drive has not looked yet
    std::optional<Answer> take(unsigned queue, std::uint16_t id);
    Answer call(unsigned queue, const Words& words); // submit, wait, take

    // Blocks of the namespace, by the first I/O queue, as nvme_setup_prps lays memory out.
    Answer transfer(bool write, std::uint64_t block, std::size_t bytes, std::uint64_t address = page,
                    std::uint32_t flags = 0);
    static std::uint64_t ring(unsigned queue) { return Rig::start + 0x10000 + queue * 0x4000; }

private:
    void wait_ready(std::uint32_t ready);
    struct Queue {
        std::uint16_t entries = 0, tail = 0, head = 0;
        bool phase = true;
    };
    Rig& rig_;
    std::array<Queue, 4> queues_{};
    std::uint16_t next_id_ = 1;
};

} // namespace parker::devices
