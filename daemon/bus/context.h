// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/authority.h"
#include "bus/errors.h"
#include "bus/service.h"
#include "partition/fleet.h"

namespace parker::bus {

// What every object on the bus needs.
struct Context {
    Fleet& fleet;
    Service::Host& host;
    Authority& authority;
    OnBug on_bug;
};

// Of a call that is answered later, and counts as one of its user's until then. Null: it was refused just now.
template <typename... Values>
std::shared_ptr<sdbus::Result<Values...>> admit(const Context& context, const sdbus::Message& call,
                                                sdbus::Result<Values...>&& result)
{
    struct Admitted {
        sdbus::Result<Values...> result;
        Authority::Place place;
    };
    const auto admitted = std::make_shared<Admitted>(Admitted{std::move(result), {}});
    try {
        admitted->place = context.authority.admit(call);
    } catch (const Error& error) {
        admitted->result.returnError(to_bus(error));
        return nullptr;
    }
    return {admitted, &admitted->result};
}

using JobResult = sdbus::Result<sdbus::ObjectPath>;

// Answers with a new job, after asking whether the caller may: Manager.StartPartition, Partition.Start and their like.
void begin(const Context& context, const Presence& object, const sdbus::Message& call, JobResult&& result,
           Fleet::Verb verb, const std::string& name, std::uint64_t flags);

void check_flags(std::uint64_t flags); // invalid_argument unless 0
std::string_view to_string(Fleet::Verb verb);

using Dictionary = std::map<std::string, sdbus::Variant>;
using Dictionaries = std::vector<Dictionary>;
Dictionaries to_dictionaries(const Findings& findings, bool with_source_line);

} // namespace parker::bus
