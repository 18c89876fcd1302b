// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "bus/context.h"
#include "bus/job_adaptor.h"

namespace parker::bus {

class JobObject final : public sdbus::AdaptorInterfaces<org::parker1::Job_adaptor, sdbus::ManagedObject_adaptor> {
public:
    JobObject(sdbus::IConnection& connection, Fleet::Job job);
    ~JobObject();

private:
    std::uint32_t Id() override { return job_.id; }
    std::string Verb() override { return std::string{to_string(job_.verb)}; }
    sdbus::Struct<std::string, sdbus::ObjectPath> Partition() override;

    Fleet::Job job_;
};

} // namespace parker::bus
