// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string_view>

#include "base/kernel_line.h"

namespace parker::firmware {

// Which words of a user's an application kernel may get.
//
// Linux on x86 has more than a thousand words, and each release brings new ones. A list of words that are refused would
// be behind from the first day; a list of words that are accepted would refuse what systemd, dracut, an initrd or a
// driver of the partition's own device wants to read, which nobody can list. So the line is drawn between subjects:
//
// - Subjects in which a kernel reaches for what it shares with the boot kernel are families, given by how their words
//   begin: acpi, pci, efi, apic, memmap, mce, … In a family, what is not listed as harmless is refused: also a word
//   that is newer than this file, a spelling that only __setup() takes for the same ("mceoff" is mce=off to Linux, as
//   it compares beginnings), and a value that is not listed. This is an allow-list.
// - Everything else passes: file systems, network, scheduling, consoles, init, modules of devices that are its own.
// - In a module's parameter, wherever it is, a name that says where a device is (io, irq, mem_address, force_id, …) is
//   refused: a partition's devices are found by PCI and need none, and a driver that is told one touches it.
//
// It guards against accidents, such as words that were brought over from a virtual machine. It is no wall against root
// inside, who can do all of this without words (SECURITY.md).

struct Refusal {
    std::string_view why;
    std::string_view suggestion;
};

// Of a word as the kernel's own reader has read it.
std::optional<Refusal> judge(const KernelWord& word);

// Of a word as the early readers have read it: nearly all are harmless to them.
std::optional<Refusal> judge_early(const KernelWord& word);

// Throws Error{bad_value} that names the first word of the line that an application kernel may not get.
void check_words(std::string_view line);

} // namespace parker::firmware
