// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "introspect/kernel.h"
#include "introspect/memory.h"

namespace parker::introspect {

// A partition's memory as the file that crash(8), drgn and gdb open: ELF64, ET_CORE, laid out as /proc/vmcore is
// (fs/proc/vmcore.c, prepare_elf64_headers() of kernel/kexec_file.c). No notes of registers: nobody saved any.
struct ElfCore {
    struct Segment {
        std::uint64_t offset = 0;         // in the file, page aligned
        std::span<const std::byte> bytes; // the memory itself: its kernel may be writing to it
    };
    std::vector<std::byte> head;   // where the file begins: headers, the kernel's VMCOREINFO note
    std::vector<Segment> segments; // one for each piece of memory, ascending
    std::uint64_t file_bytes = 0;
};

// `kernel` is null where none was found: then without a note, and without virtual addresses. (An early kernel has no
// note either.) The kernel's own word goes into the file as it is: whoever opens it should treat it so.
ElfCore elf_core(const PhysicalMemory& memory, const Kernel* kernel);

} // namespace parker::introspect
