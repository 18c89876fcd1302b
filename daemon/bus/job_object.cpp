// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/job_object.h"

#include <utility>

#include "bus/names.h"

namespace parker::bus {

JobObject::JobObject(sdbus::IConnection& connection, Fleet::Job job)
    : AdaptorInterfaces{connection, job_path(job.id)}, job_{std::move(job)}
{
    registerAdaptor();
    emitInterfacesAddedSignal();
}

JobObject::~JobObject()
{
    try {
        emitInterfacesRemovedSignal();
    } catch (const sdbus::Error&) { // a broken connection: Attachment tells of it
    }
    unregisterAdaptor();
}

sdbus::Struct<std::string, sdbus::ObjectPath> JobObject::Partition()
{
    return {job_.partition, sdbus::ObjectPath{partition_path(job_.partition)}};
}

} // namespace parker::bus
