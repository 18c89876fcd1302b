// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/satisfies.h"

#include "partition/reserve.h"
#include "plan/satisfies.h"

namespace parker {
namespace {

bool satisfies(HeldPartition::Dma held, Manifest::Dma wanted)
{
    using Dma = HeldPartition::Dma;
    return held == Dma::none || wanted == Manifest::Dma::automatic ||
           held == (wanted == Manifest::Dma::required ? Dma::confined : Dma::open);
}

} // namespace

bool satisfies(const HeldPartition& held, const Manifest& manifest, const Machine& machine, const CpuSet& others)
{
    return held.state == HeldPartition::State::idle && held.lost.empty() && satisfies(held.dma, manifest.dma) &&
           satisfies(to_holding(held), manifest, machine, others);
}

} // namespace parker
