// SPDX-License-Identifier: LGPL-2.1-or-later
// A partition may write anything into what its drive is made of. The input is a row of writes, each followed by a look
// of the drive; it stays within the partition's memory (ASan sees to that) and within its disk, ends each look, sends
// ordinary interrupts alone, and goes on after it was killed.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "devices/nvme.h"
#include "require.h"

using namespace parker::devices;

namespace {

constexpr std::uint64_t start = 0x140000000, ram_bytes = 0x40000;
constexpr std::uint64_t config_at = ram_bytes, registers_at = config_at + function_config_bytes;
constexpr std::uint64_t all_bytes = registers_at + slot_bytes;

class Zeros : public Disk {
public:
    std::uint64_t bytes() const override { return 1 << 20; }
    bool readonly() const override { return false; }
    int read(std::uint64_t offset, std::span<std::byte> into) override
    {
        check(offset, into.size());
        into.front() = into.back() = std::byte{0}; // ASan sees both ends
        return 0;
    }
    int write(std::uint64_t offset, std::span<const std::byte> from) override
    {
        check(offset, from.size());
        return from.front() == std::byte{5} && from.back() == std::byte{6} ? 5 : 0; // an errno
    }
    int flush() override { return 0; }
    int discard(std::uint64_t offset, std::uint64_t count) override
    {
        check(offset, count);
        return 0;
    }

private:
    void check(std::uint64_t offset, std::uint64_t count) const
    {
        require(offset <= bytes() && count <= bytes() - offset, "a request within the disk");
        require(count != 0, "a request for something");
    }
};

class Input {
public:
    explicit Input(std::span<const std::uint8_t> bytes) : bytes_{bytes} {}
    bool empty() const { return bytes_.empty(); }
    std::uint64_t number(std::size_t bytes)
    {
        std::uint64_t value = 0;
        for (; bytes > 0 && !bytes_.empty(); --bytes, bytes_ = bytes_.subspan(1))
            value = value << 8 | bytes_[0];
        return value;
    }

private:
    std::span<const std::uint8_t> bytes_;
};

// Small numbers, addresses in the partition, and whatever else.
std::uint64_t value_of(Input& input)
{
    switch (input.number(1) % 4) {
    case 0:
        return input.number(1);
    case 1:
        return start + input.number(1) * 0x1000 % all_bytes;
    case 2:
        return start + input.number(3) % (all_bytes + 0x100);
    default:
        return input.number(8);
    }
}

struct Partition {
    std::vector<std::byte> ram = std::vector<std::byte>(all_bytes);
    Memory memory{{{start, ram}}};
    Zeros disk;
    NvmeState state{};

    Partition()
    {
        std::ranges::copy(build_config(nvme_identity(), start + registers_at), ram.data() + config_at);
        std::ranges::copy(nvme_registers(), ram.data() + registers_at);
        // What most inputs would have to find out first.
        put64(registers_at + 0x24, 0x001f001f);
        put64(registers_at + 0x28, start + 0x1000);
        put64(registers_at + 0x30, start + 0x2000);
        const std::uint32_t enable = 0x00460001;
        std::memcpy(ram.data() + registers_at + 0x14, &enable, sizeof(enable));
    }
    Nvme process()
    {
        return {{"serial", {}},
                {ram.data() + config_at, function_config_bytes},
                {ram.data() + registers_at, slot_bytes},
                memory,
                disk,
                state};
    }
    void put64(std::uint64_t at, std::uint64_t value) { std::memcpy(ram.data() + at, &value, sizeof(value)); }
};

} // namespace

// libFuzzer's name for it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    Input input{{data, size}};
    Partition partition;
    std::vector<Message> messages;
    for (int processes = 0; processes < 20 && !input.empty(); ++processes) {
        auto drive = partition.process(); // as after a kill
        for (auto looks = input.number(1) % 32; looks-- > 0 && !input.empty();) {
            const auto kind = input.number(1);
            const auto place = input.number(1);
            switch (kind % 6) {
            case 0:
                partition.put64(registers_at + place % 16 * 4, value_of(input));
                break;
            case 1:
                partition.put64(registers_at + 0x1000 + place % 36 * 4, value_of(input));
                break;
            case 2:
                partition.put64(registers_at + 0x8000 + place % 36 * 8, value_of(input));
                break;
            case 3:
                partition.put64(config_at + place, value_of(input));
                break;
            case 4: // a word of a command of a likely queue
                partition.put64(0x1000 + place * 8, value_of(input));
                break;
            default:
                partition.put64(place * 0x100, value_of(input));
            }
            messages.clear();
            drive.poll(messages);
            require(messages.size() <= nvme_io_queues + 1, "one interrupt for each vector");
            for (const auto& message : messages)
                require((message.address & ~0xff008ULL) == 0xfee00000 && (message.data & 0xff) >= 0x20 &&
                            (message.data >> 8 & 7) <= 1,
                        "an ordinary interrupt");
        }
    }
    return 0;
}
