// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/job_object.h"

#include <memory>
#include <utility>

#include "bus/json.h"
#include "bus/names.h"

namespace parker::bus {

JobObject::JobObject(sdbus::IConnection& connection, const Context& context, Fleet::Job job)
    : AdaptorInterfaces{connection, job_path(job.id)}, context_{context}, job_{std::move(job)}
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

void JobObject::failed(const Error& error)
{
    emitFailed(std::string{info(error.code()).name}, utf8(error.what()), utf8(error.suggestion()));
}

void JobObject::Cancel(sdbus::Result<>&& result)
{
    const auto& call = *getObject().getCurrentlyProcessedMessage();
    const auto shared = admit(context_, call, std::move(result));
    if (!shared)
        return;
    context_.authority.check(
        call, action::dump_memory, {{"verb", "give up dumping the memory of"}, {"partition", job_.partition}},
        [&context = context_, object = Presence{presence_}, shared, id = job_.id](const std::optional<Error>& refusal) {
            reply(*shared, context.on_bug, object, [&context, &refusal, id] {
                if (refusal)
                    throw Error{*refusal};
                context.fleet.cancel(id); // of a job that has ended meanwhile, nothing is left to do
            });
        });
}

sdbus::Struct<std::string, sdbus::ObjectPath> JobObject::Partition()
{
    return {job_.partition, sdbus::ObjectPath{partition_path(job_.partition)}};
}

} // namespace parker::bus
