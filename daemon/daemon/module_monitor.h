// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <libudev.h>

#include <functional>
#include <memory>
#include <string>

#include "daemon/loop.h"

namespace parker {

// Hears the module's uevents: KOBJ_CHANGE of /sys/class/parker/NAME.
class ModuleMonitor {
public:
    ModuleMonitor(Loop& loop, std::function<void(const std::string& partition)> changed);

private:
    void receive();

    std::function<void(const std::string&)> changed_;
    std::unique_ptr<udev, decltype(&udev_unref)> udev_;
    std::unique_ptr<udev_monitor, decltype(&udev_monitor_unref)> monitor_;
    Loop::Handle readable_;
};

} // namespace parker
