// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdlib>
#include <iostream>

// A promise that is broken ends the fuzzer, which keeps the input that did it.
inline void require(bool condition, const char* what)
{
    if (condition)
        return;
    std::cerr << "broken promise: " << what << '\n';
    std::abort();
}
