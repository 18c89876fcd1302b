// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/context.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "bus/json.h"
#include "bus/names.h"

namespace parker::bus {

void check_flags(std::uint64_t flags)
{
    if (flags != 0)
        throw Error{Code::invalid_argument, "flags", fmt::format("{:#x}: no flag is known, it must be 0", flags)};
}

std::string_view to_string(Fleet::Verb verb)
{
    switch (verb) {
    case Fleet::Verb::start:
        return "start";
    case Fleet::Verb::stop:
        return "stop";
    case Fleet::Verb::kill:
        return "kill";
    case Fleet::Verb::reserve:
        return "reserve";
    case Fleet::Verb::release:
        return "release";
    case Fleet::Verb::dump:
        return "dump";
    }
    return "unknown";
}

void begin(const Context& context, const Presence& object, const sdbus::Message& call, JobResult&& result,
           Fleet::Verb verb, const std::string& name, std::uint64_t flags)
{
    const auto shared = admit(context, call, std::move(result));
    if (!shared)
        return;
    const auto answer = [&context, object, shared, verb, name](const std::optional<Error>& refusal) {
        reply(*shared, context.on_bug, object, [&context, &refusal, verb, &name] {
            if (refusal)
                throw *refusal;
            return sdbus::ObjectPath{job_path(context.fleet.begin(verb, name))};
        });
    };
    try {
        check_flags(flags);
        if (verb != Fleet::Verb::start)       // of a manifest that was dropped just now, perhaps
            (void)context.fleet.status(name); // that it exists, before anybody is asked for a password
        context.authority.check(call, action::manage_partitions,
                                {{"verb", std::string{to_string(verb)}}, {"partition", name}},
                                [&context, verb, answer](const std::optional<Error>& refusal) {
                                    if (!refusal && verb == Fleet::Verb::start)
                                        context.host.when_current([answer] { answer(std::nullopt); });
                                    else
                                        answer(refusal);
                                });
    } catch (const Error& error) {
        answer(error);
    }
}

Dictionaries to_dictionaries(const Findings& findings, bool with_source_line)
{
    Dictionaries list;
    list.reserve(findings.size());
    for (const auto& finding : findings) {
        auto& entry = list.emplace_back();
        const auto add = [&entry](const char* key, const std::string& value) {
            if (!value.empty())
                entry.emplace(key, sdbus::Variant{utf8(value)});
        };
        add("Severity", finding.severity == Severity::error ? "error" : "warning");
        add("Code", std::string{info(finding.code).name});
        add("Message", finding.message);
        add("File", finding.at.file);
        if (finding.at.line != 0) {
            entry.emplace("Line", sdbus::Variant{std::uint32_t{finding.at.line}});
            entry.emplace("Column", sdbus::Variant{std::uint32_t{finding.at.column}});
        }
        if (with_source_line)
            add("SourceLine", finding.source_line);
        add("Partition", finding.partition);
        add("Holder", finding.holder);
        add("Suggestion", finding.suggestion);
    }
    return list;
}

} // namespace parker::bus
