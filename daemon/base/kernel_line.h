// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace parker {

// A Linux kernel on x86 reads its command line with two readers that disagree, and a word that one of them does not see
// may be seen by the other. Whoever judges a line has to read it with both, so both are here and nowhere else.
//
// 1. The kernel's own reader (next_arg() in lib/cmdline.c, parse_args() in kernel/params.c), for early_param(),
//    __setup(), module parameters, and for the memory words that the decompressor looks at (kaslr.c):
//    - Words end at a space: tab, line feed, vertical tab, form feed, carriage return, blank, and the byte 0xa0, which
//      is the second half of some letters in UTF-8 ("à" is c3 a0: a word ends in the middle of it).
//    - A space between double quotes ends nothing. Quotes may stand anywhere in a word; one that is never closed holds
//      the rest of the line. There is no way to escape one.
//    - Quotes around the whole word are dropped: "acpi=off" is acpi=off. So are those around a value: acpi="off". A
//    word
//      that begins with a quote, or whose value does, loses that quote, and one at its very end if there is one. Other
//      quotes stay.
//    - The name ends at the first "=" that is not the word's first character.
//    - In names, "-" and "_" are the same.
//    - The word "--" ends the kernel's words, also in quotes; "--=" or "---" do not. What follows is for init.
//    - Of a parameter that stands there twice, both are carried out in their order: as a rule the last one wins.
//
// 2. The early readers, which look for one word each before anything else works: cmdline_find_option() and
//    cmdline_find_option_bool(), in arch/x86/boot/cmdline.c for the decompressor (earlyprintk, console, acpi_rsdp) and
//    in arch/x86/lib/cmdline.c for the kernel's first steps (mem_encrypt, split_lock_detect, dis_ucode_ldr and others):
//    - Words end at any byte up to a blank, and at nothing else: 0xa0 is a letter to them.
//    - They know no quotes: in a="b earlyprintk=serial" they find earlyprintk with the value serial".
//    - They know no "--": what is meant for init is theirs, too.
//    - Names are compared as they are, byte by byte.
//    - The last one wins.

struct KernelWord {
    std::string_view text; // as it stands in the line, with its quotes
    std::string name;      // for the kernel's reader with "_" for each "-"
    std::string value;
    bool has_value = false; // there was a "="
};

// Up to "--".
std::vector<KernelWord> kernel_words(std::string_view line);

// What the early readers take for words, all of the line.
std::vector<KernelWord> early_words(std::string_view line);

// Where the words for init begin: the position of "--", or the line's length.
std::size_t kernel_part(std::string_view line);

// How many words stand behind "--".
std::size_t init_words(std::string_view line);

} // namespace parker
