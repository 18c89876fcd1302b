// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "bus/context.h"
#include "bus/job_adaptor.h"

namespace parker::bus {

class JobObject final : public sdbus::AdaptorInterfaces<org::parker1::Job_adaptor, sdbus::ManagedObject_adaptor> {
public:
    JobObject(sdbus::IConnection& connection, const Context& context, Fleet::Job job);
    ~JobObject();

    void failed(const Error& error);

private:
    void Cancel(sdbus::Result<>&& result) override;
    std::uint32_t Id() override { return job_.id; }
    std::string Verb() override { return std::string{to_string(job_.verb)}; }
    sdbus::Struct<std::string, sdbus::ObjectPath> Partition() override;
    std::uint64_t Bytes() override { return job_.progress ? job_.progress->bytes.load() : 0; }
    std::uint64_t BytesTotal() override { return job_.progress ? job_.progress->bytes_total.load() : 0; }

    const Context& context_;
    std::shared_ptr<const void> presence_ = std::make_shared<int>();
    Fleet::Job job_;
};

} // namespace parker::bus
