// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/cpu_set.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "base/error.h"

namespace parker {
namespace {

constexpr unsigned bits = 64;

std::optional<unsigned> number(std::string_view text)
{
    unsigned value = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || value >= CpuSet::max_cpus)
        return std::nullopt;
    return value;
}

} // namespace

CpuSet::CpuSet(std::initializer_list<unsigned> cpus)
{
    for (const unsigned cpu : cpus)
        add(cpu);
}

std::optional<CpuSet> CpuSet::parse(std::string_view text)
{
    CpuSet set;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const auto item = text.substr(0, comma);
        if (comma != std::string_view::npos && comma + 1 == text.size())
            return std::nullopt;
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);

        const auto dash = item.find('-');
        const auto first = number(item.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : number(item.substr(dash + 1));
        if (!first || !last || *last < *first)
            return std::nullopt;
        for (unsigned cpu = *first; cpu <= *last; ++cpu)
            set.add(cpu);
    }
    return set;
}

std::string CpuSet::to_string() const
{
    std::string text;
    const auto cpus = to_vector();
    for (std::size_t i = 0; i < cpus.size();) {
        std::size_t end = i + 1;
        while (end < cpus.size() && cpus[end] == cpus[end - 1] + 1)
            ++end;
        if (!text.empty())
            text += ',';
        text += std::to_string(cpus[i]);
        if (end - i > 1)
            text += '-' + std::to_string(cpus[end - 1]);
        i = end;
    }
    return text;
}

void CpuSet::add(unsigned cpu)
{
    if (cpu >= max_cpus)
        throw Error{Code::no_such_cpu, "CPU " + std::to_string(cpu), "no machine has so many CPUs"};
    if (cpu / bits >= words_.size())
        words_.resize(cpu / bits + 1);
    words_[cpu / bits] |= std::uint64_t{1} << (cpu % bits);
}

void CpuSet::remove(unsigned cpu)
{
    if (!contains(cpu))
        return;
    words_[cpu / bits] &= ~(std::uint64_t{1} << (cpu % bits));
    trim();
}

bool CpuSet::contains(unsigned cpu) const
{
    return cpu / bits < words_.size() && (words_[cpu / bits] >> (cpu % bits) & 1) != 0;
}

bool CpuSet::empty() const
{
    return words_.empty();
}

unsigned CpuSet::size() const
{
    unsigned count = 0;
    for (const auto word : words_)
        count += static_cast<unsigned>(std::popcount(word));
    return count;
}

std::optional<unsigned> CpuSet::first() const
{
    for (std::size_t i = 0; i < words_.size(); ++i)
        if (words_[i] != 0)
            return static_cast<unsigned>(i) * bits + static_cast<unsigned>(std::countr_zero(words_[i]));
    return std::nullopt;
}

std::vector<unsigned> CpuSet::to_vector() const
{
    std::vector<unsigned> cpus;
    for (std::size_t i = 0; i < words_.size(); ++i)
        for (auto word = words_[i]; word != 0; word &= word - 1)
            cpus.push_back(static_cast<unsigned>(i) * bits + static_cast<unsigned>(std::countr_zero(word)));
    return cpus;
}

CpuSet CpuSet::operator|(const CpuSet& other) const
{
    CpuSet result = words_.size() >= other.words_.size() ? *this : other;
    const auto& shorter = words_.size() >= other.words_.size() ? other.words_ : words_;
    for (std::size_t i = 0; i < shorter.size(); ++i)
        result.words_[i] |= shorter[i];
    return result;
}

CpuSet CpuSet::operator&(const CpuSet& other) const
{
    CpuSet result;
    result.words_.resize(std::min(words_.size(), other.words_.size()));
    for (std::size_t i = 0; i < result.words_.size(); ++i)
        result.words_[i] = words_[i] & other.words_[i];
    result.trim();
    return result;
}

CpuSet CpuSet::operator-(const CpuSet& other) const
{
    CpuSet result = *this;
    for (std::size_t i = 0; i < std::min(words_.size(), other.words_.size()); ++i)
        result.words_[i] &= ~other.words_[i];
    result.trim();
    return result;
}

void CpuSet::trim()
{
    while (!words_.empty() && words_.back() == 0)
        words_.pop_back();
}

} // namespace parker
