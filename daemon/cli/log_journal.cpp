// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/log_journal.h"

#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include <array>
#include <cstdlib>

namespace parker::cli {

void to_journal(const std::string& partition, const LogEvent& record)
{
    std::array<std::string, 7> fields{
        "MESSAGE=" + record.text,
        "PRIORITY=" + std::to_string(record.level),
        "SYSLOG_FACILITY=" + std::to_string(record.facility),
        "SYSLOG_IDENTIFIER=kernel",
        "KERNEL_SEQ=" + std::to_string(record.seq),
        "KERNEL_USEC=" + std::to_string(record.time_nsec / 1000),
        "PARTITION=" + partition,
    };
    std::array<iovec, fields.size()> parts{};
    for (std::size_t i = 0; i < fields.size(); ++i)
        parts.at(i) = {fields.at(i).data(), fields.at(i).size()};
    // In the unit, LogExtraFields= has added the last one already.
    const auto count = static_cast<int>(parts.size()) - (std::getenv("INVOCATION_ID") != nullptr ? 1 : 0);
    (void)sd_journal_sendv(parts.data(), count); // no journal, no entry: nobody else could be told
}

} // namespace parker::cli
