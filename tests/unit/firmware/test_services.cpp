// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <parker_control.h>
#include <sys/mman.h>

#include <csetjmp>
#include <csignal>
#include <cstring>

#include "base/little_endian.h"
#include "firmware/efi.h"
#include "firmware/efi/services.h"

using namespace parker;
using namespace parker::firmware;

namespace {

sigjmp_buf stopped;

void on_fault(int)
{
    siglongjmp(stopped, 1);
}

} // namespace

// The services are machine code: run them, in pages as an application kernel would have them.
TEST_CASE("EFI runtime services do what their callers expect")
{
    alignas(8) std::array<std::byte, 4096> control{};
    auto* const pages =
        mmap(nullptr, efi_services_bytes(), PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(pages != MAP_FAILED);
    const auto base = reinterpret_cast<std::uint64_t>(pages);
    const auto built = build_efi_services(base, reinterpret_cast<std::uint64_t>(control.data()), 0x1000, 0x2000);
    REQUIRE(built.bytes.size() == efi_services_bytes());
    std::memcpy(pages, built.bytes.data(), built.bytes.size());

    // As a kernel finds them: system table -> runtime services table -> function.
    const auto all = std::span{built.bytes};
    const auto runtime = get<std::uint64_t>(all, built.system_table - base + 88);
    const auto service = [&](std::size_t index) { return get<std::uint64_t>(all, runtime - base + 24 + 8 * index); };
    using Status = std::uint64_t __attribute__((ms_abi)) (*)();
    using Reset = void __attribute__((ms_abi)) (*)(std::uint32_t, std::uint64_t, std::uint64_t, void*);

    CHECK(reinterpret_cast<Status>(service(0))() == 0x8000000000000003); // GetTime: EFI_UNSUPPORTED
    CHECK(reinterpret_cast<Status>(service(4))() == 0);                  // SetVirtualAddressMap
    CHECK(reinterpret_cast<Status>(service(8))() == 0x8000000000000003); // SetVariable

    // ResetSystem ends in a privileged instruction, which a process dies of: after it has written its note.
    struct sigaction action {
    }, before{};
    action.sa_handler = on_fault;
    action.sa_flags = SA_NODEFER;
    REQUIRE(sigaction(SIGSEGV, &action, &before) == 0);
    if (sigsetjmp(stopped, 1) == 0)
        reinterpret_cast<Reset>(service(10))(2, 0x1234, 0, nullptr); // EfiResetShutdown
    REQUIRE(sigaction(SIGSEGV, &before, nullptr) == 0);
    CHECK(get<std::uint32_t>(control, PARKER_CTL_EXIT) == PARKER_EXIT_POWEROFF);
    CHECK(get<std::uint64_t>(control, PARKER_CTL_EXIT_STATUS) == 0x1234);
    CHECK(munmap(pages, efi_services_bytes()) == 0);
}
