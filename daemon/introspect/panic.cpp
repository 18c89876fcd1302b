// SPDX-License-Identifier: LGPL-2.1-or-later
#include "introspect/panic.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "introspect/log_cursor.h"

namespace parker::introspect {
namespace {

// kernel/panic.c
constexpr std::string_view panic_words = "Kernel panic - not syncing";
// oops_end() panics with these words (arch/x86/kernel/dumpstack.c); what they do not say, the oops before them does.
constexpr std::string_view fatal_words = "Kernel panic - not syncing: Fatal exception";
// arch/x86/mm/fault.c, arch/x86/kernel/{traps,dumpstack}.c, lib/bug.c, kernel/watchdog.c, kernel/rcu/tree_stall.h
constexpr auto trouble_words = std::to_array<std::string_view>({
    "BUG: ",
    "kernel BUG at ",
    "Oops: ",
    "general protection fault",
    "stack segment: ",
    "invalid opcode: ",
    "double fault: ",
    "watchdog: BUG: ",
    "NMI watchdog: Watchdog detected hard LOCKUP",
    "watchdog: Watchdog detected hard LOCKUP",
    "rcu: INFO: rcu",
});

std::string one_line(std::string_view text)
{
    std::string line{text.substr(0, std::min(text.find('\n'), PanicWatch::most_bytes))};
    std::ranges::replace_if(
        line, [](char c) { return c < ' ' || c > '~'; }, '?');
    return line;
}

} // namespace

void PanicWatch::see(const LogRecord& record)
{
    const std::string_view text = record.text;
    if (text.starts_with(panic_words)) {
        if (panic_.empty()) // the first is the cause of the others
            panic_ = one_line(text);
        return;
    }
    if (!panic_.empty() || !std::ranges::any_of(trouble_words, [text](auto words) { return text.starts_with(words); }))
        return;
    // One trouble is several lines, of which the first says most: "BUG: kernel NULL pointer ...", then "Oops: 0002".
    if (trouble_.empty() || !text.starts_with("Oops: "))
        trouble_ = one_line(text);
}

std::string PanicWatch::line() const
{
    if (panic_.empty())
        return trouble_;
    if (!trouble_.empty() && panic_.starts_with(fatal_words))
        return one_line(trouble_ + "; " + panic_);
    return panic_;
}

std::string cause_of_death(const PrintkRing& ring)
{
    PanicWatch watch;
    LogCursor cursor;
    for (auto step = cursor.next(ring, true); !step.none(); step = cursor.next(ring, true))
        if (step.record)
            watch.see(*step.record);
    return watch.line();
}

} // namespace parker::introspect
