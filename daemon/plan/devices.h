// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "machine/machine.h"
#include "plan/boot_use.h"
#include "plan/complaints.h"

namespace parker {

// The machine's PCI functions, who holds them, and which ones a manifest shall have.
class DeviceRoom {
public:
    explicit DeviceRoom(const Machine& machine, InUse in_use = {});

    // Some manifest asks for these by address: others that only ask for their kind get them last.
    void speak_for(const Manifest& manifest);
    void take(std::span<const Bdf> devices, std::string_view holder); // `holder` outlives this
    // Ordered by address. `near`: nodes to prefer.
    std::optional<std::vector<Bdf>> choose(const Manifest& manifest, std::span<const unsigned> near,
                                           Complaints& complaints) const;
    std::vector<unsigned> nodes_of(std::span<const Bdf> devices) const; // the one with most of them first

private:
    using Index = std::size_t; // into machine_.functions
    struct Choice {
        std::vector<std::pair<Index, const Manifest::Device*>> functions; // and what asked for them
        bool has(Index function) const;
    };
    struct Refusal {
        Code code;
        std::string reason; // "0000:81:00.0 (NVMe SSD, driver nvme) is a bridge …"
        std::string suggestion;
        std::string_view holder; // may be empty
    };

    std::optional<Index> find(const Bdf& bdf) const;
    Index index_of(const Machine::PciFunction& function) const;
    std::span<const Machine::PciFunction> bus_of(Index function) const;
    const std::optional<BootUse>& use_of(Index function) const;
    bool has_ecam(Index function) const;

    // Why nobody can have the function now, whatever goes with it.
    std::optional<Code> obstacle(Index function) const;
    Refusal refusal(Index function, Code code) const;
    Refusal sr_iov_refusal(Index function) const;
    Refusal no_ecam_refusal(Index function) const;
    std::string describe(Index function) const;

    void choose_address(const Bdf& bdf, const Manifest::Device& device, Choice& choice, Complaints& complaints) const;
    void choose_match(const Manifest& manifest, std::size_t wish, std::span<const unsigned> near, Choice& choice,
                      Complaints& complaints) const;
    std::optional<Refusal> unfit(const Manifest& manifest, std::size_t wish, Index function,
                                 const Choice& choice) const;
    const BootUse* use_of_bus(Index function, const Choice& choice) const;
    bool completes_bus(const Manifest& manifest, std::size_t wish, Index function, const Choice& choice) const;
    std::optional<Index> group_mate(Index function, const Choice& choice) const;
    void complain_no_match(const Manifest& manifest, std::size_t wish, const Choice& choice,
                           Complaints& complaints) const;
    void check_buses(const Choice& choice, Complaints& complaints) const;
    void check_isolation(const Manifest& manifest, const Choice& choice, Complaints& complaints) const;
    void warn_of_unknown(const Choice& choice, Complaints& complaints) const;

    const Machine& machine_;
    InUse in_use_;
    mutable std::map<Index, std::optional<BootUse>> uses_; // asked for once
    std::vector<std::string_view> holder_;                 // by function; empty: the boot kernel, who gives
    std::vector<bool> spoken_for_;
    std::vector<unsigned> virtuals_;                                                // virtual functions, by function
    std::map<std::pair<std::uint16_t, std::uint16_t>, std::vector<Index>> by_kind_; // vendor and device
    std::map<unsigned, std::vector<Index>> by_group_;
};

} // namespace parker
