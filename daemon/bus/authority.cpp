// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/authority.h"

#include <unistd.h>

#include <chrono>
#include <utility>

#include "bus/interaction.h"

namespace parker::bus {
namespace {

constexpr std::uint32_t allow_user_interaction = 1; // CheckAuthorizationFlags
constexpr std::chrono::minutes patience{5};         // for somebody looking for a password

std::string purpose(const Authority::Details& details)
{
    const auto verb = details.find("verb");
    const auto partition = details.find("partition");
    if (verb == details.end())
        return "this";
    return partition == details.end() ? verb->second : verb->second + " partition " + partition->second;
}

} // namespace

Authority::Authority(sdbus::IConnection& connection)
    : polkit_{sdbus::createProxy(connection, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority")}
{
}

bool Authority::is_privileged(const sdbus::Message& call)
{
    const auto uid = call.getCredsEuid();
    return uid == 0 || uid == ::geteuid();
}

// The bus is asked once for each connection, and not for each of thousands of calls.
Authority::User Authority::user(const sdbus::Message& call)
{
    constexpr std::size_t most_known = 1024;
    const auto sender = call.getSender();
    auto known = users_.find(sender);
    if (known == users_.end()) {
        if (users_.size() >= most_known)
            users_.clear();
        try {
            known = users_.emplace(sender, call.getCredsEuid()).first;
        } catch (const sdbus::Error& error) {
            throw Error{Code::not_permitted, "caller", "the bus does not know who it is: " + error.getMessage()};
        }
    }
    if (known->second == 0 || known->second == ::geteuid())
        return std::nullopt;
    return known->second;
}

Authority::Place Authority::admit(const sdbus::Message& call)
{
    const auto caller = user(call);
    if (!caller)
        return nullptr;
    auto place = calls_.take(*caller);
    if (!place)
        throw Error{Code::limit_exceeded, "caller",
                    "its user has " + std::to_string(most_calls) + " calls under way, the most there can be",
                    "wait for the end of some"};
    return place;
}

void Authority::check(const sdbus::Message& call, const char* action, const Details& details,
                      std::function<void(std::optional<Error>)> answer)
{
    User caller;
    try {
        caller = user(call);
    } catch (const Error& error) {
        answer(error);
        return;
    }
    if (caller)
        ask(call, *caller, action, details, std::move(answer));
    else
        answer(std::nullopt);
}

void Authority::ask(const sdbus::Message& call, std::uint32_t user, const char* action, const Details& details,
                    std::function<void(std::optional<Error>)> answer)
{
    const auto own = questions_.take(user);
    const auto of_all = own ? questions_of_all_.take(0) : nullptr;
    if (!of_all) {
        answer(Error{Code::limit_exceeded, "caller",
                     (own ? "polkit has " + std::to_string(most_questions_of_all) + " questions of all users"
                          : "polkit has " + std::to_string(most_questions) + " questions of this user") +
                         " to answer, the most there can be",
                     "answer the one for a password, or wait"});
        return;
    }

    using Subject = sdbus::Struct<std::string, std::map<std::string, sdbus::Variant>>;
    using Verdict = sdbus::Struct<bool, bool, std::map<std::string, std::string>>;
    const Subject subject{std::string{"system-bus-name"},
                          std::map<std::string, sdbus::Variant>{{"name", sdbus::Variant{call.getSender()}}}};
    const std::uint32_t flags = allows_interaction(call) ? allow_user_interaction : 0;
    polkit_->callMethodAsync("CheckAuthorization")
        .onInterface("org.freedesktop.PolicyKit1.Authority")
        .withTimeout(patience)
        .withArguments(subject, std::string{action}, details, flags, std::string{})
        .uponReplyInvoke([answer = std::move(answer), own, of_all, refused = "may not " + purpose(details),
                          action](const sdbus::Error* error, const Verdict& verdict) {
            if (error != nullptr)
                answer(Error{Code::not_permitted, "caller",
                             refused + ": polkit cannot be asked: " + error->getMessage(), "do it as root"});
            else if (verdict.get<0>())
                answer(std::nullopt);
            else if (verdict.get<1>()) // a challenge: it would allow it to who proves to be an administrator
                answer(Error{Code::not_permitted, "caller",
                             refused + ": polkit wants a password for " + action + ", and could ask nobody",
                             "do it on a terminal without --no-ask-password, or as root"});
            else
                answer(Error{Code::not_permitted, "caller", refused + ": polkit refused " + action,
                             "do it as root, or have a polkit rule allow it"});
        });
}

} // namespace parker::bus
