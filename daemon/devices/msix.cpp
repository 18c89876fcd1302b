// SPDX-License-Identifier: LGPL-2.1-or-later
#include "devices/msix.h"

#include <algorithm>
#include <atomic>

#include "devices/function.h"
#include "devices/memory.h"

namespace parker::devices {
namespace {

struct Entry {
    std::uint64_t address = 0, data_and_control = 0;
    bool operator==(const Entry&) const = default;
};

Entry load_entry(const std::byte* at)
{
    return {load<std::uint64_t>(at), load<std::uint64_t>(at + 8)};
}

// An interrupt for one local APIC, named by its ID (physical mode), with an ordinary vector. Anything else could be an
// INIT, a start-up or an NMI.
bool is_ordinary(const Message& message)
{
    constexpr std::uint64_t fixed_part = ~std::uint64_t{0xff000}; // bits 12 to 19 name the CPU
    constexpr std::uint64_t hints = 1 << 3;                       // redirection hint: with physical mode, nothing
    const auto vector = message.data & 0xff, delivery = message.data >> 8 & 7;
    return (message.address & fixed_part & ~hints) == 0xfee00000 && vector >= 0x20 && delivery <= 1 &&
           (message.data & ~0x7ffU & ~(1U << 14)) == 0; // edge; its level means nothing
}

} // namespace

Msix::Msix(std::byte* config, std::span<std::byte> table, unsigned vectors, std::uint64_t& pending)
    : config_{config}, table_{table.data()},
      vectors_{std::min({vectors, most, static_cast<unsigned>(table.size() / msix_entry_bytes)})}, pending_{pending}
{
}

void Msix::raise(unsigned vector)
{
    if (vector < vectors_)
        pending_ |= std::uint64_t{1} << vector;
}

void Msix::raise_all()
{
    for (unsigned vector = 0; vector < vectors_; ++vector)
        raise(vector);
}

void Msix::flush(std::vector<Message>& messages)
{
    if (pending_ == 0)
        return;
    // What was posted is seen before the mask is looked at: a driver that unmasks looks for work afterwards.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    constexpr std::uint16_t enabled = 1 << 15, masked = 1 << 14;
    const auto control = load<std::uint16_t>(config_ + msix_capability + 2);
    if ((control & (enabled | masked)) != enabled)
        return;
    for (unsigned vector = 0; vector < vectors_; ++vector) {
        const auto bit = std::uint64_t{1} << vector;
        if ((pending_ & bit) == 0)
            continue;
        const auto* at = table_ + vector * msix_entry_bytes;
        const auto entry = load_entry(at);
        if ((entry.data_and_control >> 32 & 1) != 0)
            continue;
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (load_entry(at) != entry)
            continue; // it moves to another CPU right now: the next poll sees what it became
        pending_ &= ~bit;
        const Message message{entry.address, static_cast<std::uint32_t>(entry.data_and_control)};
        if (is_ordinary(message))
            messages.push_back(message);
    }
}

} // namespace parker::devices
