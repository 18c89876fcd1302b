// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"

namespace parker::bus {

// The polkit actions of units/org.parker1.policy.
namespace action {
inline constexpr const char* inspect = "org.parker1.inspect";
inline constexpr const char* manage_partitions = "org.parker1.manage-partitions";
inline constexpr const char* manage_manifests = "org.parker1.manage-manifests";
inline constexpr const char* dump_memory = "org.parker1.dump-memory";
} // namespace action

// Who may do what. Root and the daemon's own user may everything; about others polkit decides, and where there is no
// polkit they may nothing.
class Authority {
public:
    using Details = std::map<std::string, std::string>;

    explicit Authority(sdbus::IConnection& connection);

    // Root, or the daemon's own user.
    static bool is_privileged(const sdbus::Message& call);

    // Answers at once for root, else when polkit has answered, which may take as long as typing a password. Nothing
    // in the answer: go ahead.
    void check(const sdbus::Message& call, const char* action, const Details& details,
               std::function<void(std::optional<Error>)> answer);

private:
    std::unique_ptr<sdbus::IProxy> polkit_;
};

} // namespace parker::bus
