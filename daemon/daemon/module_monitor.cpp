// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/module_monitor.h"

#include <string_view>
#include <utility>

#include "base/error.h"

namespace parker {

ModuleMonitor::ModuleMonitor(Loop& loop, std::function<void(const std::string&)> changed)
    : changed_{std::move(changed)}, udev_{udev_new(), &udev_unref},
      monitor_{udev_ ? udev_monitor_new_from_netlink(udev_.get(), "udev") : nullptr, &udev_monitor_unref}
{
    if (!monitor_ || udev_monitor_filter_add_match_subsystem_devtype(monitor_.get(), "parker", nullptr) < 0 ||
        udev_monitor_enable_receiving(monitor_.get()) < 0)
        throw_errno(Code::failed, "device events", "listening to udev");
    readable_ = loop.on_readable(udev_monitor_get_fd(monitor_.get()), [this] { receive(); });
}

// The socket does not block: until it has no more.
void ModuleMonitor::receive()
{
    for (;;) {
        const std::unique_ptr<udev_device, decltype(&udev_device_unref)> device{
            udev_monitor_receive_device(monitor_.get()), &udev_device_unref};
        if (!device)
            return;
        const char* action = udev_device_get_action(device.get());
        const char* name = udev_device_get_sysname(device.get());
        if (action != nullptr && name != nullptr && std::string_view{action} == "change")
            changed_(name);
    }
}

} // namespace parker
