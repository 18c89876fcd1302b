// SPDX-License-Identifier: LGPL-2.1-or-later
// bench-dump FILE MIB PERCENT plain|zstd: writes a core of that much memory, of which that much is not zero, to a new
// FILE, as parkerd does, and prints the seconds it took.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "introspect/core_writer.h"

using namespace parker;
using Clock = std::chrono::steady_clock;

namespace {

// Half of each page that is not zero says nothing new, as in real memory.
void fill(std::span<std::byte> memory, unsigned percent)
{
    std::mt19937_64 random{1};
    const auto words = std::span{reinterpret_cast<std::uint64_t*>(memory.data()), memory.size() / 8};
    constexpr std::size_t page_words = page_bytes / 8;
    for (std::size_t page = 0; page < words.size() / page_words; ++page)
        if (random() % 100 < percent)
            for (std::size_t i = 0; i < page_words; ++i)
                words[page * page_words + i] = i % 2 == 0 ? random() : page;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 5)
        return 2;
    const auto bytes = std::strtoull(argv[2], nullptr, 10) * MiB;
    void* start = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const Fd file{::open(argv[1], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (start == MAP_FAILED || !file)
        return 1;
    // A computer that is a virtual machine itself may be slow to touch each page for the first time: not what is
    // measured.
    (void)::madvise(start, bytes, MADV_HUGEPAGE);
    const std::span memory{static_cast<std::byte*>(start), bytes};
    fill(memory, static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10)));
    const introspect::PhysicalMemory partition{{{4 * GiB, memory}}};
    const bool compress = std::string_view{argv[4]} == "zstd";
    const auto begin = Clock::now();
    try {
        (void)introspect::write_core(introspect::elf_core(partition, nullptr), file.get(),
                                     compress ? introspect::Compression::zstd : introspect::Compression::none,
                                     [](std::uint64_t) { return true; });
    } catch (const Error& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 1;
    }
    fmt::print("{:.3f}\n", std::chrono::duration<double>(Clock::now() - begin).count());
    return 0;
}
