// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plan/complaints.h"

#include <algorithm>
#include <utility>

namespace parker {
namespace {

constexpr std::size_t max_named_holders = 3;

std::string line_of(const Manifest& manifest, const Position& at)
{
    if (manifest.source_line == 0 || at.line < manifest.source_line)
        return {};
    std::string_view rest = manifest.source;
    for (auto skip = at.line - manifest.source_line; skip > 0; --skip) {
        const auto end = rest.find('\n');
        if (end == std::string_view::npos)
            return {};
        rest.remove_prefix(end + 1);
    }
    return std::string{rest.substr(0, rest.find('\n'))};
}

} // namespace

void Complaints::error(Code code, const Position& at, std::string message, std::string suggestion, std::string holder)
{
    has_errors_ = true;
    add({Severity::error, code, at, {}, std::move(message), {}, std::move(holder), std::move(suggestion)});
}

void Complaints::warning(Code code, const Position& at, std::string message, std::string suggestion)
{
    add({Severity::warning, code, at, {}, std::move(message), {}, {}, std::move(suggestion)});
}

void Complaints::add(Finding finding)
{
    finding.partition = manifest_.name.value;
    finding.source_line = line_of(manifest_, finding.at);
    findings_.push_back(std::move(finding));
}

std::string holder_text(std::string_view holder)
{
    return holder == boot_kernel ? std::string{holder} : "partition " + std::string{holder};
}

std::string holders_text(std::vector<std::string_view> holders)
{
    std::ranges::sort(holders, {}, [](std::string_view holder) { return std::pair{holder == boot_kernel, holder}; });
    holders.erase(std::unique(holders.begin(), holders.end()), holders.end());

    std::string text;
    const auto named = std::min(holders.size(), max_named_holders);
    for (std::size_t i = 0; i < named; ++i) {
        if (i > 0)
            text += i + 1 == holders.size() ? " and " : ", ";
        text += holder_text(holders[i]);
    }
    if (holders.size() > named)
        text += " and " + std::to_string(holders.size() - named) + " more";
    return text;
}

std::string cpus_text(const CpuSet& cpus)
{
    return (cpus.size() == 1 ? "CPU " : "CPUs ") + cpus.to_string();
}

std::string cpu_count_text(unsigned count)
{
    return std::to_string(count) + (count == 1 ? " CPU" : " CPUs");
}

std::string count_is_text(unsigned count)
{
    return std::to_string(count) + (count == 1 ? " is" : " are");
}

std::string alternatives_text(const std::vector<std::string>& alternatives)
{
    std::string text;
    for (std::size_t i = 0; i < alternatives.size(); ++i)
        text += (i == 0 ? "" : i + 1 == alternatives.size() ? ", or " : ", ") + alternatives[i];
    return text;
}

std::string exact_bytes(std::uint64_t bytes)
{
    if (auto text = format_bytes(bytes); bytes == 0 || parse_bytes(text) == bytes)
        return text;
    for (const auto& [name, unit] : {std::pair{"GiB", GiB}, std::pair{"MiB", MiB}, std::pair{"KiB", KiB}})
        if (bytes % unit == 0)
            return std::to_string(bytes / unit) + name;
    return std::to_string(bytes) + "B";
}

} // namespace parker
