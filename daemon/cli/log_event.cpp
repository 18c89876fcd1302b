// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/log_event.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace parker::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json, const char* key)
{
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::uint64_t number_of(const Json& json, const char* key)
{
    const auto found = json.find(key);
    return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

} // namespace

std::optional<LogEvent> LogEvent::parse(const std::string& line)
{
    LogEvent event;
    event.json = Json::parse(line, nullptr, false);
    if (!event.json.is_object())
        return std::nullopt;
    const auto kind = text_of(event.json, "kind");
    constexpr std::array<std::string_view, 5> kinds{"run", "record", "lost", "unreadable", "end"};
    const auto* found = std::ranges::find(kinds, kind);
    if (found == kinds.end())
        return std::nullopt;
    event.kind = static_cast<Kind>(found - kinds.begin());
    event.run = text_of(event.json, "run");
    event.kernel_release = text_of(event.json, "kernel_release");
    event.started_usec = number_of(event.json, "started_usec");
    event.seq = number_of(event.json, "seq");
    event.time_nsec = number_of(event.json, "time_nsec");
    event.level = static_cast<unsigned>(number_of(event.json, "level") & 7);
    event.facility = static_cast<unsigned>(number_of(event.json, "facility") & 0xff);
    const char* text = event.kind == Kind::unreadable ? "why" : event.kind == Kind::end ? "cause" : "text";
    event.text = text_of(event.json, text);
    event.records = number_of(event.json, "records");
    event.result = text_of(event.json, "result");
    return event;
}

} // namespace parker::cli
