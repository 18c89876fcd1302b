// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace parker::devices {

struct Message {
    std::uint64_t address = 0;
    std::uint32_t data = 0;
    bool operator==(const Message&) const = default;
};

// Sends interrupts to the partition's CPUs. Whoever implements this checks each message again: nothing else keeps an
// interrupt from a CPU of somebody else's.
class Interrupts {
public:
    virtual ~Interrupts() = default;
    virtual void send(std::span<const Message> messages) = 0;
};

// A function's MSI-X, whose table and control word the partition writes whenever it likes. What may not be sent now is
// kept and tried again at each poll, as the pending bits of a real table are.
class Msix {
public:
    static constexpr unsigned most = 64;

    // `pending` lives with the device's state, so that an interrupt outlives this process.
    Msix(std::byte* config, std::span<std::byte> table, unsigned vectors, std::uint64_t& pending);

    void raise(unsigned vector); // sent by flush(); one that the device does not have is ignored
    void raise_all();            // after a restart: what was on its way then may be lost
    void forget() { pending_ = 0; }
    void flush(std::vector<Message>& messages); // appends what may be sent now, at most one for each vector

private:
    std::byte* config_;
    std::byte* table_;
    unsigned vectors_;
    std::uint64_t& pending_;
};

} // namespace parker::devices
