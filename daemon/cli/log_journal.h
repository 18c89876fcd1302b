// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "cli/log_event.h"

namespace parker::cli {

// A record of a partition's kernel as an entry of the journal, with SYSLOG_IDENTIFIER=kernel, its PRIORITY= and
// SYSLOG_FACILITY=, and of its own PARTITION=, KERNEL_SEQ= (its number) and KERNEL_USEC= (the kernel's clock).
void to_journal(const std::string& partition, const LogEvent& record);

} // namespace parker::cli
