// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/kernel_words.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/kernel_line.h"

namespace parker {
namespace {

using namespace std::string_view_literals;

constexpr std::array relevant{"amd_iommu"sv,   "intel_iommu"sv, "intremap"sv,      "iommu"sv,    "iommu.passthrough"sv,
                              "irqaffinity"sv, "isolcpus"sv,    "maxcpus"sv,       "mem"sv,      "mem_encrypt"sv,
                              "mitigations"sv, "movablecore"sv, "nohz_full"sv,     "nosmt"sv,    "no_ipi_broadcast"sv,
                              "nr_cpus"sv,     "pci"sv,         "possible_cpus"sv, "rcu_nocbs"sv};

} // namespace

std::vector<std::string> relevant_words(std::string_view cmdline)
{
    std::vector<std::string> words;
    for (const auto& word : kernel_words(cmdline))
        if (std::ranges::find(relevant, word.name) != relevant.end())
            words.emplace_back(word.text);
    return words;
}

std::optional<std::string> last_value(std::string_view cmdline, std::string_view name)
{
    std::optional<std::string> value;
    for (auto& word : kernel_words(cmdline))
        if (word.name == name)
            value = std::move(word.value);
    return value;
}

// get_option() in lib/cmdline.c: a number in C's spelling, and what follows does not matter.
bool broadcasts_interrupts(std::string_view cmdline)
{
    auto value = last_value(cmdline, "no_ipi_broadcast").value_or("");
    std::string_view digits = value;
    if (digits.starts_with('-'))
        digits.remove_prefix(1);
    if (digits.starts_with("0x") || digits.starts_with("0X"))
        digits.remove_prefix(2);
    digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
    return digits.empty() || std::isxdigit(static_cast<unsigned char>(digits.front())) == 0;
}

} // namespace parker
