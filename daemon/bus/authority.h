// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "base/quota.h"

namespace parker::bus {

// The polkit actions of units/org.parker1.policy.
namespace action {
inline constexpr const char* inspect = "org.parker1.inspect";
inline constexpr const char* manage_partitions = "org.parker1.manage-partitions";
inline constexpr const char* manage_manifests = "org.parker1.manage-manifests";
inline constexpr const char* dump_memory = "org.parker1.dump-memory";
} // namespace action

// Who may do what, and how much of it at once. Root and the daemon's own user may everything; about others polkit
// decides, and where there is no polkit they may nothing. What one of these others leaves unanswered is counted, so
// that it cannot take from the rest what all share: this process's memory, and the bus, which lets one connection wait
// for 128 answers (max_replies_per_connection in dbus-daemon's system.conf) and so this one ask polkit as often.
class Authority {
public:
    using Details = std::map<std::string, std::string>;
    using User = std::optional<std::uint32_t>; // nothing: root, or the daemon's own
    using Place = std::shared_ptr<const void>;

    static constexpr std::size_t most_calls = 64;     // of one user, under way at once
    static constexpr std::size_t most_questions = 16; // to polkit, of one user
    static constexpr std::size_t most_questions_of_all = 80;

    explicit Authority(sdbus::IConnection& connection);

    // Root, or the daemon's own user. Asks the bus.
    static bool is_privileged(const sdbus::Message& call);

    // Of whoever called. not_permitted: it has gone already.
    User user(const sdbus::Message& call);

    // A call that is not answered at once keeps this until it is. limit_exceeded: its user has too many of them.
    Place admit(const sdbus::Message& call);

    // Answers at once for root, else when polkit has answered, which may take as long as typing a password. Nothing
    // in the answer: go ahead.
    void check(const sdbus::Message& call, const char* action, const Details& details,
               std::function<void(std::optional<Error>)> answer);

private:
    void ask(const sdbus::Message& call, std::uint32_t user, const char* action, const Details& details,
             std::function<void(std::optional<Error>)> answer);

    std::unique_ptr<sdbus::IProxy> polkit_;
    std::unordered_map<std::string, std::uint32_t> users_; // by the names of connections, which are never used again
    Quota<std::uint32_t> calls_{most_calls};
    Quota<std::uint32_t> questions_{most_questions};
    Quota<int> questions_of_all_{most_questions_of_all}; // has one key
};

} // namespace parker::bus
