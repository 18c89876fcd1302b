// SPDX-License-Identifier: LGPL-2.1-or-later
// What the manifests say, brought together with what is held (interfaces.md, Reconciling).
#include <fmt/format.h>

#include <algorithm>

#include "partition/image.h"
#include "partition/impl.h"

namespace parker {
namespace {

Findings about(const Findings& all, const std::string& name)
{
    Findings result;
    std::ranges::copy_if(all, std::back_inserter(result), [&name](const Finding& f) { return f.partition == name; });
    return result;
}

// Of one that is not there, though nobody has removed it.
Finding not_found(const FleetPartition& p, Absence why)
{
    Finding finding;
    finding.severity = why == Absence::taken_out ? Severity::warning : Severity::error;
    finding.code = Code::manifest_gone;
    finding.at.file = p.origin.file;
    finding.partition = p.name;
    finding.message = fmt::format("the manifest of `{}` is not found, and its file was not removed: ", p.name);
    finding.message +=
        why == Absence::taken_out ? "it runs on until it is stopped" : "the last good definition is used";
    finding.suggestion = why == Absence::taken_out ? fmt::format("put it back, or systemctl stop parker@{}", p.name)
                                                   : "mend the file; to remove the partition, remove the file";
    return finding;
}

bool same(const Findings& a, const Findings& b)
{
    return std::ranges::equal(a, b, {}, to_text, to_text);
}

} // namespace

void Fleet::Impl::adopt(const HeldPartition& held)
{
    const auto p = std::make_shared<Partition>();
    p->name = held.name;
    p->held = held;
    if (held.state == HeldPartition::State::idle) {
        p->phase = {State::inactive, SubState::held};
        p->release_wanted = true; // half a start, or half a return, unless a manifest says that it is to be kept
    } else if (held.heartbeat != 0) {
        p->phase = {State::active, SubState::running};
        read_heartbeat(*p, held.heartbeat);
    } else {
        p->phase = {State::activating, SubState::booting};
    }
    if (p->runs()) {
        p->run = load_run(environment.state_directory, held.name);
        p->reserved_definition = p->run.definition;
        p->origin = p->run.origin;
        arm(*p);
    }
    partitions.emplace(p->name, p);
    observer.partition_appeared(p->name);
}

void Fleet::Impl::define(const Manifests& manifests)
{
    findings = manifests.findings;
    reading = manifests.reading;
    std::vector<std::string> changed;
    for (const auto& manifest : manifests.manifests)
        if (define(manifest, manifests))
            changed.push_back(manifest.name.value);
    for (const auto& p : all())
        if (std::ranges::find(manifests.manifests, p->name, [](const Manifest& m) { return m.name.value; }) ==
                manifests.manifests.end() &&
            miss(*p, manifests))
            changed.push_back(p->name);

    auto next = std::make_shared<std::vector<Manifest>>();
    for (const auto& [name, p] : partitions)
        if (p->manifest && !p->vanished)
            next->push_back(*p->manifest);
    definitions = std::move(next);

    for (const auto& name : changed)
        observer.partition_changed(name);
    for (const auto& p : all()) {
        look(*p); // an adopted one may have ended before this daemon began
        reconcile(*p);
    }
}

// Whether others can see a difference; a new one is told of here.
bool Fleet::Impl::define(const Manifest& manifest, const Manifests& all)
{
    const auto& name = manifest.name.value;
    auto own = about(all.findings, name);
    auto definition = sha256(manifest.source);
    auto& p = partitions[name];
    const bool is_new = !p;
    if (is_new) {
        p = std::make_shared<Partition>();
        p->name = name;
    }
    const bool visible = p->broken || p->taken_out || p->vanished || !p->manifest || p->definition != definition ||
                         p->manifest->name.at.file != manifest.name.at.file || !same(p->findings, own);
    const bool kept = p->reserved_always();
    const bool known = p->manifest != nullptr;
    p->manifest = std::make_shared<const Manifest>(manifest);
    p->definition = std::move(definition);
    p->findings = std::move(own);
    p->origin = origin_of(manifest.name.at.file, all.reading);
    p->broken = false;
    p->taken_out = false;
    p->vanished = false;
    p->release_wanted = !p->reserved_always() && (p->release_wanted || kept);
    p->reserve_wanted = manifest.reserve == Manifest::Reserve::always && p->reserved_definition != p->definition;
    if (!known)
        arm(*p); // an adopted one, whose timeouts are known only now
    if (is_new)
        observer.partition_appeared(name);
    return visible && !is_new;
}

// A partition that no valid manifest speaks of now: has its manifest become invalid, was it taken out of its file, or
// is it gone?
bool Fleet::Impl::miss(Partition& p, const Manifests& manifests)
{
    const auto is_its = [&p](const Finding& finding) {
        if (finding.severity != Severity::error)
            return false;
        if (!finding.partition.empty())
            return finding.partition == p.name;
        // Nobody knows whose document it was: this one's if it was in that file, or if it is not known where it was.
        return p.origin.file.empty() || finding.at.file == p.origin.file;
    };
    Findings own;
    std::ranges::copy_if(manifests.findings, std::back_inserter(own), is_its);
    auto why = own.empty() ? absence(p.origin, manifests.reading) : Absence::unknown;
    if (why == Absence::taken_out && at_rest(p.phase) && !p.rebooting)
        why = Absence::removed;
    if (own.empty() && why != Absence::removed) {
        own.push_back(not_found(p, why));
        findings.push_back(own.back());
    }
    const bool visible = p.broken != (why == Absence::unknown) || p.taken_out != (why == Absence::taken_out) ||
                         p.vanished != (why == Absence::removed) || !same(p.findings, own);
    p.broken = why == Absence::unknown;
    p.taken_out = why == Absence::taken_out;
    p.vanished = why == Absence::removed;
    p.findings = std::move(own);
    p.reserve_wanted = false;
    return visible;
}

// Begins what has to be done without anybody asking for it. One thing at a time: the end of each job comes here again.
void Fleet::Impl::reconcile(Partition& p)
{
    if (p.job || p.retrying)
        return;
    // What failed is left to its unit, which may start it again.
    if (p.taken_out && at_rest(p.phase) && p.phase.state != State::failed && !p.rebooting)
        p.vanished = true;
    if (p.vanished && (p.phase.sub_state == SubState::running || p.phase.sub_state == SubState::booting)) {
        begin(p, Verb::stop);
    } else if (!at_rest(p.phase) || p.phase.sub_state == SubState::partially_returned) {
        return; // it is under way, or is tried again at its time
    } else if (p.held && (p.vanished || p.release_wanted)) {
        begin(p, Verb::release);
    } else if (p.vanished) {
        const auto name = p.name;
        partitions.erase(name);
        observer.partition_gone(name);
    } else if (p.reserve_wanted) {
        begin(p, Verb::reserve);
    }
}

} // namespace parker
