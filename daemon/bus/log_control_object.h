// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "bus/context.h"
#include "bus/log_control_adaptor.h"

namespace parker::bus {

// org.freedesktop.LogControl1(5)
class LogControlObject final : public sdbus::AdaptorInterfaces<org::freedesktop::LogControl1_adaptor> {
public:
    LogControlObject(sdbus::IConnection& connection, Service::Host& host);
    ~LogControlObject() { unregisterAdaptor(); }

private:
    std::string LogLevel() override { return host_.log_level(); }
    void LogLevel(const std::string& value) override;
    std::string LogTarget() override { return host_.log_target(); }
    void LogTarget(const std::string& value) override;
    std::string SyslogIdentifier() override { return "parkerd"; }

    template <typename Function>
    void set(Function function);

    Service::Host& host_;
};

} // namespace parker::bus
