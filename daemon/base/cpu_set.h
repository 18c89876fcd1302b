// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parker {

// A set of the boot kernel's CPU numbers, 0 to max_cpus - 1.
class CpuSet {
public:
    static constexpr unsigned max_cpus = 8192; // CONFIG_NR_CPUS of the largest distribution kernels (x86 MAXSMP)

    CpuSet() = default;
    CpuSet(std::initializer_list<unsigned> cpus);

    // The kernel's list format, "0-3,8": Documentation/admin-guide/kernel-parameters.rst, "cpu lists". Empty text is
    // the empty set; nullopt for anything else that is not such a list, or a number that is too large.
    static std::optional<CpuSet> parse(std::string_view text);
    std::string to_string() const;

    void add(unsigned cpu);
    void remove(unsigned cpu);
    bool contains(unsigned cpu) const;
    bool empty() const;
    unsigned size() const;
    std::optional<unsigned> first() const;
    std::vector<unsigned> to_vector() const; // ascending

    CpuSet operator|(const CpuSet& other) const;
    CpuSet operator&(const CpuSet& other) const;
    CpuSet operator-(const CpuSet& other) const;
    CpuSet& operator|=(const CpuSet& other) { return *this = *this | other; }
    CpuSet& operator-=(const CpuSet& other) { return *this = *this - other; }
    bool operator==(const CpuSet& other) const = default;

private:
    void trim();
    std::vector<std::uint64_t> words_; // no trailing zero word, so that equal sets compare equal
};

} // namespace parker
