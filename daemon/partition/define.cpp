// SPDX-License-Identifier: LGPL-2.1-or-later
// What the manifests say, brought together with what is held (interfaces.md, Reconciling).
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
        arm(*p);
    }
    partitions.emplace(p->name, p);
    observer.partition_appeared(p->name);
}

void Fleet::Impl::define(const Manifests& manifests)
{
    findings = manifests.findings;
    std::vector<std::string> changed;
    for (const auto& manifest : manifests.manifests)
        if (define(manifest, manifests.findings))
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
bool Fleet::Impl::define(const Manifest& manifest, const Findings& all_findings)
{
    const auto& name = manifest.name.value;
    auto own = about(all_findings, name);
    auto definition = sha256(manifest.source);
    auto& p = partitions[name];
    const bool is_new = !p;
    if (is_new) {
        p = std::make_shared<Partition>();
        p->name = name;
    }
    const bool visible = p->broken || p->vanished || !p->manifest || p->definition != definition ||
                         p->manifest->name.at.file != manifest.name.at.file || !same(p->findings, own);
    const bool kept = p->reserved_always();
    const bool known = p->manifest != nullptr;
    p->manifest = std::make_shared<const Manifest>(manifest);
    p->definition = std::move(definition);
    p->findings = std::move(own);
    p->broken = false;
    p->vanished = false;
    p->release_wanted = !p->reserved_always() && (p->release_wanted || kept);
    p->reserve_wanted = manifest.reserve == Manifest::Reserve::always && p->reserved_definition != p->definition;
    if (!known)
        arm(*p); // an adopted one, whose timeouts are known only now
    if (is_new)
        observer.partition_appeared(name);
    return visible && !is_new;
}

// A partition that no valid manifest speaks of now: has its manifest become invalid, or is it gone?
bool Fleet::Impl::miss(Partition& p, const Manifests& manifests)
{
    const auto is_its = [&p](const Finding& finding) {
        if (finding.severity != Severity::error)
            return false;
        if (!finding.partition.empty())
            return finding.partition == p.name;
        // Nobody knows whose document it was: this one's if it was in that file, or if it is not known where it was.
        return !p.manifest || finding.at.file == p.manifest->name.at.file;
    };
    Findings own;
    std::ranges::copy_if(manifests.findings, std::back_inserter(own), is_its);
    const bool broken = !own.empty();
    const bool visible = p.broken != broken || p.vanished == broken || !same(p.findings, own);
    p.broken = broken;
    p.vanished = !broken;
    p.findings = std::move(own);
    p.reserve_wanted = false;
    return visible;
}

// Begins what has to be done without anybody asking for it. One thing at a time: the end of each job comes here again.
void Fleet::Impl::reconcile(Partition& p)
{
    if (p.job || p.retrying)
        return;
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
