// SPDX-License-Identifier: LGPL-2.1-or-later
// A partition's memory, written to a file. It is done in the partition's lane: nothing that parkerd does can take the
// memory away meanwhile, and submit() has it given up when there is something to do.
#include <utility>

#include "partition/core_relay.h"
#include "partition/impl.h"
#include "partition/inside.h"

namespace parker {
namespace {

constexpr std::size_t search_pages = std::size_t{1} << 16; // between two looks whether to go on

void write_dump(Control& control, const HeldPartition& held, Fleet::Dump& dump, Fleet::Progress& progress)
{
    auto inside = std::make_unique<Inside>(control, held);
    inside->look().cancel_when([&progress] { return progress.cancelled.load(); });
    while (!inside->search(search_pages, true) && !inside->came_round())
        ;
    inside->look().begin(introspect::Look::reading);
    auto core = introspect::elf_core(inside->memory(), inside->kernel());
    progress.bytes_total = core.file_bytes;
    (void)relay_core(std::move(inside), std::move(core), std::move(dump.file),
                     dump.compress ? introspect::Compression::zstd : introspect::Compression::none,
                     [&progress](std::uint64_t bytes) {
                         progress.bytes = bytes;
                         return !progress.cancelled;
                     });
}

} // namespace

std::uint32_t Fleet::Impl::begin_dump(Partition& p, Dump dump)
{
    if (p.dump)
        throw Error{Code::busy, "partition " + p.name, "another memory dump of it is under way", "wait for its end"};
    check(p, Verb::dump);
    if (p.runs() && !dump.live)
        throw Error{Code::wrong_state, "partition " + p.name, "it runs, and would change its memory meanwhile",
                    "parkerctl dump --live, or `dump: on-crash` in its manifest"};
    const auto id = ++last_job;
    p.dump = Job{id, Verb::dump, p.name, std::make_shared<Progress>()};
    observer.job_new(id, p.name);
    submit_beside(
        p,
        [&control = environment.control, held = *p.held, progress = p.dump->progress,
         dump = std::make_shared<Dump>(std::move(dump))] { write_dump(control, held, *dump, *progress); },
        [this](Partition& q, const std::optional<Error>& error) {
            const auto job = *std::exchange(q.dump, std::nullopt);
            observer.job_removed(job.id, q.name, error);
        });
    return id;
}

} // namespace parker
