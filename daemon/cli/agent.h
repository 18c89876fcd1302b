// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

namespace parker::cli {

// Asks for a password on this terminal when polkit wants one: pkttyagent(1), for as long as this lives. It stands back
// where the session has an agent of its own, as a desktop does. Without the program nobody is asked, and polkit
// refuses.
class Agent {
public:
    Agent(); // returns when it can be asked, or cannot be had
    ~Agent();
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    static bool is_of_use(); // somebody without privileges sits at a terminal

private:
    ::pid_t process_ = -1;
};

} // namespace parker::cli
