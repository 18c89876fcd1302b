// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/cpuinfo.h"

#include <optional>

#include "machine/text.h"

namespace parker {
namespace {

void read_flags(std::string_view flags, CpuInfo& info)
{
    while (!flags.empty()) {
        const auto flag = text::take_until(flags, ' ');
        info.hypervisor |= flag == "hypervisor";
        info.hfi |= flag == "hfi";
        info.sme |= flag == "sme";
        info.tdx |= flag == "tdx_guest";
    }
}

} // namespace

CpuInfo parse_cpuinfo(std::string_view text)
{
    CpuInfo info;
    std::optional<unsigned> cpu;
    bool has_flags = false;
    while (!text.empty()) {
        auto value = text::take_line(text);
        const auto key = text::trim(text::take_until(value, ':'));
        value = text::trim(value);
        if (key == "processor") {
            cpu = text::number<unsigned>(value);
        } else if (key == "vendor_id" && info.vendor.empty()) {
            info.vendor = text::printable(value);
        } else if (key == "flags" && !has_flags) { // the same for all, but for what hybrid machines do not tell
            has_flags = true;
            read_flags(value, info);
        } else if (key == "apicid" && cpu && *cpu < CpuSet::max_cpus) {
            if (text::number<unsigned>(value).value_or(0) > last_apic_id)
                info.far.add(*cpu);
        }
    }
    return info;
}

} // namespace parker
