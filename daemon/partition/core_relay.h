// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>

#include "base/fd.h"
#include "introspect/core_writer.h"
#include "introspect/elf_core.h"
#include "partition/inside.h"

namespace parker {

// As introspect::write_core(), but the file is written by another thread. When `proceed`, asked ten times a second,
// wants it given up, the memory is let go of at once, whatever the file is waiting for: a file system that does not
// answer, a disk that is slow. That thread ends when the file lets it, and keeps what it needs until then: the mapping,
// which it does not touch any more, and the file.
std::uint64_t relay_core(std::unique_ptr<Inside> inside, introspect::ElfCore core, Fd file,
                         introspect::Compression compression, const introspect::Proceed& proceed);

} // namespace parker
