// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/control.h"

#include <cstring>

namespace parker {

void Mapping::zero()
{
    std::memset(bytes().data(), 0, bytes().size());
}

std::string_view to_string(HeldPartition::State state)
{
    switch (state) {
    case HeldPartition::State::idle:
        return "idle";
    case HeldPartition::State::running:
        return "running";
    case HeldPartition::State::exited:
        return "exited";
    }
    return "?";
}

std::string_view to_string(HeldPartition::Exit exit)
{
    switch (exit) {
    case HeldPartition::Exit::none:
        return "none";
    case HeldPartition::Exit::poweroff:
        return "poweroff";
    case HeldPartition::Exit::reboot:
        return "reboot";
    case HeldPartition::Exit::panic:
        return "panic";
    case HeldPartition::Exit::killed:
        return "killed";
    case HeldPartition::Exit::unknown:
        return "unknown";
    }
    return "?";
}

std::string_view to_string(HeldPartition::Dma dma)
{
    switch (dma) {
    case HeldPartition::Dma::none:
        return "none";
    case HeldPartition::Dma::confined:
        return "confined";
    case HeldPartition::Dma::open:
        return "open";
    case HeldPartition::Dma::lost:
        return "lost";
    }
    return "?";
}

} // namespace parker
