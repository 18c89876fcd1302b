// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/kernel_words.h"

#include <algorithm>
#include <array>

namespace parker {
namespace {

using namespace std::string_view_literals;

constexpr std::array relevant{"amd_iommu"sv,   "intel_iommu"sv,      "intremap"sv,  "iommu"sv, "iommu.passthrough"sv,
                              "irqaffinity"sv, "isolcpus"sv,         "maxcpus"sv,   "mem"sv,   "mitigations"sv,
                              "movablecore"sv, "no_ipi_broadcast"sv, "nohz_full"sv, "nosmt"sv, "nr_cpus"sv,
                              "pci"sv,         "possible_cpus"sv,    "rcu_nocbs"sv};

// Up to the next space that is in no quotes, as the kernel reads it (next_arg() in lib/cmdline.c).
std::string_view take_word(std::string_view& rest)
{
    bool quoted = false;
    const auto end = std::ranges::find_if(rest, [&quoted](char c) {
        quoted ^= c == '"';
        return (c == ' ' || c == '\t') && !quoted;
    });
    const auto word = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    return word;
}

} // namespace

std::vector<std::string> relevant_words(std::string_view cmdline)
{
    std::vector<std::string> words;
    while (!cmdline.empty()) {
        const auto word = take_word(cmdline);
        if (word == "--") // the rest is for init
            break;
        if (std::ranges::find(relevant, word.substr(0, word.find('='))) != relevant.end())
            words.emplace_back(word);
    }
    return words;
}

} // namespace parker
