// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/faults.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "control/held.h"
#include "manifest/scalar.h"

namespace parker {
namespace {

using Call = SimulatedControl::Call;
using Exit = HeldPartition::Exit;

// A kernel that hangs has no exit.
constexpr std::array<std::pair<std::string_view, std::optional<Exit>>, 4> fates{
    {{"panic", Exit::panic}, {"reboot", Exit::reboot}, {"poweroff", Exit::poweroff}, {"hang", std::nullopt}}};

std::vector<std::string> split(const std::string& text)
{
    std::vector<std::string> parts;
    for (std::size_t start = 0; start <= text.size();) {
        const auto end = std::min(text.find(':', start), text.size());
        parts.push_back(text.substr(start, end - start));
        start = end + 1;
    }
    return parts;
}

std::optional<unsigned> parse_times(const std::string& text)
{
    unsigned times = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), times);
    const bool good = result.ec == std::errc{} && result.ptr == text.data() + text.size() && times > 0;
    return good ? std::optional{times} : std::nullopt;
}

} // namespace

void inject(SimulatedControl& control, const std::string& fault)
{
    constexpr std::string_view mounted = "mounted:";
    if (fault.starts_with(mounted))
        if (const auto device = Bdf::parse(fault.substr(mounted.size()))) {
            control.mount(*device);
            return;
        }
    auto parts = split(fault);
    const bool slow = parts.front() == "slow";
    if (slow)
        parts.erase(parts.begin());
    const Error no_such{Code::usage, "--fault", "'" + fault + "' is no fault", "like take-memory:db or panic:db:10s"};
    if (parts.size() < 2 || parts.size() > 3 || !is_partition_name(parts[1]))
        throw Error{no_such};

    const auto fate = std::ranges::find(fates, parts[0], [](const auto& each) { return each.first; });
    if (fate != fates.end() && !slow) {
        const auto after = parts.size() == 3 ? parse_duration(parts[2]) : std::nullopt;
        if (!after)
            throw Error{no_such};
        control.destine(parts[1], fate->second, *after);
        return;
    }
    const auto call = SimulatedControl::find_call(parts[0]);
    if (slow) {
        const auto time = parts.size() == 3 ? parse_duration(parts[2]) : std::nullopt;
        if (!call || !time)
            throw Error{no_such};
        control.slow_down(*call, *time, parts[1]);
        return;
    }
    const auto times = parts.size() == 3 ? parse_times(parts[2]) : std::optional{1U};
    if (!call || !times)
        throw Error{no_such};
    control.fail(*call, {Code::kernel_refused, "partition " + parts[1], "the fault " + fault + " was asked for"},
                 *times, parts[1]);
}

} // namespace parker
