// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

namespace parker::bus {

// A call's flag ALLOW_INTERACTIVE_AUTHORIZATION (D-Bus Specification, "Message Format"): whoever makes it would wait
// while somebody is asked for a password. sdbus-c++ 1.2 does not know of it; libsystemd inside does.
bool allows_interaction(const sdbus::Message& call);
void allow_interaction(sdbus::IConnection& connection); // in all calls that are made from now on

} // namespace parker::bus
