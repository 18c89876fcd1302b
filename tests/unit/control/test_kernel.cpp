// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <parker.h>

#include <cerrno>
#include <cstring>

#include "control/kernel.h"
#include "folder.h"

using namespace parker;

namespace {

// The module's end of the ioctl: what it was asked, and what it answers.
struct Module {
    KernelControl control()
    {
        return KernelControl{{folder / "device", folder / "class", folder / "pci", folder / "run/drivers.json"},
                             [this](unsigned long request, void* argument) { return answer(request, argument); }};
    }
    int answer(unsigned long request, void* argument)
    {
        requests.push_back(request);
        std::memcpy(&size, argument, sizeof size);
        if (request == PARKER_IOC_TAKE_MEMORY) {
            auto& memory = *static_cast<parker_memory*>(argument);
            if (memory.bytes > largest) {
                errno = ENOMEM;
                return -1;
            }
            memory.start = next;
            next += memory.bytes;
            return 0;
        }
        if (request == PARKER_IOC_INFO && error == 0) {
            auto& info = *static_cast<parker_info*>(argument);
            info.abi = abi;
            info.slices = 16;
            info.slice_bytes = slice_bytes;
            info.slices_free = 15;
            info.tsc_khz = 2'000'000;
            info.host = host;
            return 0;
        }
        if (request == PARKER_IOC_TAKE_CPUS || request == PARKER_IOC_GIVE_CPUS) {
            auto& set = *static_cast<parker_set*>(argument);
            const auto* items = reinterpret_cast<const std::uint64_t*>(set.items);
            seen.assign(items, items + set.nr);
            name = set.name;
            set.failed = failed;
            set.why = why;
        }
        errno = error;
        return error == 0 ? 0 : -1;
    }

    Folder folder;
    std::vector<unsigned long> requests;
    std::vector<std::uint64_t> seen;
    std::string name;
    std::uint32_t size = 0;
    std::uint32_t abi = PARKER_ABI_VERSION;
    std::uint32_t slice_bytes = PARKER_SLICE_BYTES;
    std::uint64_t host = 0;
    std::uint64_t largest = ~std::uint64_t{0};
    std::uint64_t next = GiB;
    int error = 0;
    std::uint64_t failed = ~std::uint64_t{0};
    std::uint32_t why = PARKER_WHY_NONE;
};

Error error_of(const std::function<void()>& call)
{
    try {
        call();
    } catch (const Error& error) {
        return error;
    }
    return Error{Code::usage, "", "nothing was thrown"};
}

} // namespace

TEST_CASE("commands carry their size, the name and the items")
{
    Module module;
    auto control = module.control();
    control.take_cpus("db", CpuSet{2, 3, 9});
    CHECK(module.requests == std::vector<unsigned long>{PARKER_IOC_TAKE_CPUS});
    CHECK(module.size == sizeof(parker_set));
    CHECK(module.name == "db");
    CHECK(module.seen == std::vector<std::uint64_t>{2, 3, 9});
    CHECK(control.info().slices_free == 15);
    CHECK(module.size == sizeof(parker_info));
}

TEST_CASE("a refusal names what is at fault, and what to do")
{
    struct Row {
        int error;
        std::uint32_t why;
        std::uint64_t failed;
        Code code;
        const char* what;
    };
    constexpr auto none = ~std::uint64_t{0};
    const auto row = GENERATE(values<Row>({
        {EPERM, PARKER_WHY_BSP, 0, Code::boot_cpu,
         "CPU 0: taking it: is the machine's boot processor, which must stay"},
        {ENXIO, PARKER_WHY_NO_SUCH, 99, Code::no_such_cpu, "CPU 99: taking it: this machine has no such CPU"},
        {EBUSY, PARKER_WHY_HELD, 3, Code::cpu_busy, "CPU 3: taking it: another partition holds it"},
        {EBUSY, PARKER_WHY_RUNNING, none, Code::wrong_state, "partition db: taking it: the partition runs"},
        {EPERM, PARKER_WHY_NONE, none, Code::not_permitted, "partition db: taking it: CAP_SYS_ADMIN is needed"},
        {ENOENT, PARKER_WHY_NONE, none, Code::no_such_partition,
         "partition db: taking it: the kernel module holds no such partition"},
        {EIO, PARKER_WHY_NONE, none, Code::kernel_refused, "partition db: taking it: Input/output error"},
        {EBUSY, 999, 3, Code::kernel_refused, "CPU 3: taking it: Device or resource busy"},
    }));
    Module module;
    module.error = row.error;
    module.why = row.why;
    module.failed = row.failed;
    auto control = module.control();
    const auto error = error_of([&control] { control.take_cpus("db", CpuSet{0}); });
    CHECK(error.code() == row.code);
    CHECK(error.what() == std::string{row.what});
    if (row.why != PARKER_WHY_NONE || row.error == EPERM)
        CHECK_FALSE(error.suggestion().empty());
}

TEST_CASE("memory is asked for whole, then in halves")
{
    Module module;
    auto control = module.control();
    CHECK(control.take_memory("db", 0, GiB) == std::vector<MemoryRange>{{GiB, 2 * GiB, 0}});
    module.largest = 300 * MiB;
    CHECK(control.take_memory("db", 0, GiB).size() == 4);
    module.largest = 0;
    CHECK(error_of([&control] { control.take_memory("db", 0, GiB); }).code() == Code::memory_busy);
}

TEST_CASE("names that the module would not take are not sent")
{
    Module module;
    auto control = module.control();
    for (const auto* name : {"", "../x", "UPPER", "a-name-that-is-longer-than-32-chars"})
        CHECK(error_of([&control, name] { control.create(name); }).code() == Code::invalid_argument);
    CHECK(module.requests.empty());
}

TEST_CASE("a module of another release says so")
{
    Module module;
    module.abi = PARKER_ABI_VERSION + 1;
    auto control = module.control();
    CHECK(error_of([&control] { control.info(); }).code() == Code::module_missing);
    module.error = ENOTTY;
    CHECK(error_of([&control] { control.kill("db"); }).code() == Code::module_missing);
}

TEST_CASE("a module with larger slices will do, one with smaller slices will not")
{
    Module module;
    auto control = module.control();
    module.slice_bytes = PARKER_SLICE_BYTES + 4096;
    CHECK(control.info().slices == 16);
    module.slice_bytes = PARKER_SLICE_BYTES - 4096;
    CHECK(error_of([&control] { control.info(); }).code() == Code::module_missing);
}

TEST_CASE("without the module nothing is held, and doing something says what to load")
{
    const Folder folder;
    KernelControl control{{folder / "device", folder / "class", folder / "pci", folder / "drivers.json"}};
    CHECK(control.list().empty());
    CHECK_FALSE(control.find("db"));
    const auto error = error_of([&control] { control.info(); });
    CHECK(error.code() == Code::module_missing);
    CHECK(error.suggestion().starts_with("modprobe parker"));
}

TEST_CASE("a mapping shows the device at that address")
{
    Module module;
    module.folder.write("device", std::string(8192, 'a') + std::string(4096, 'b'));
    auto control = module.control();
    const auto mapping = control.map({8192, 12288});
    REQUIRE(mapping->bytes().size() == 4096);
    CHECK(mapping->bytes()[0] == std::byte{'b'});
    mapping->bytes()[0] = std::byte{'c'};
    CHECK(module.folder.read("device").at(8192) == 'c');
    CHECK(error_of([&control] { control.map({1, 4096}); }).code() == Code::invalid_argument);
    CHECK(error_of([&control] { control.map({4096, 4096}); }).code() == Code::invalid_argument);
}

TEST_CASE("a function whose driver would not bind stays listed as held")
{
    Module module;
    for (const auto& [attribute, text] : std::vector<std::pair<std::string, std::string>>{{"state", "idle\n"},
                                                                                          {"exit_reason", "none\n"},
                                                                                          {"cpus", "\n"},
                                                                                          {"memory", ""},
                                                                                          {"slice", "0x10000\n"},
                                                                                          {"devices", ""},
                                                                                          {"heartbeat", "0\n"},
                                                                                          {"dma", "none\n"}})
        module.folder.write("class/db/" + attribute, text);
    module.folder.write("run/drivers.json",
                        "{\"0000:01:00.0\": {\"partition\": \"db\", \"driver\": \"nvme\", \"override\": \"\"}}");
    auto control = module.control();
    REQUIRE(control.find("db"));
    CHECK(control.find("db")->devices == std::vector{*Bdf::parse("01:00.0")});
    // The module is not asked for what it does not hold; the function itself is gone from the bus, so all is well.
    control.give_devices("db", {*Bdf::parse("01:00.0")});
    CHECK(module.requests.empty());
    CHECK(control.find("db")->devices.empty());
}

TEST_CASE("x2APIC mode stays where nothing remaps interrupts for it")
{
    Module module;
    auto control = module.control();
    CHECK_FALSE(control.info().x2apic_stays);
    module.host = PARKER_HOST_X2APIC | PARKER_HOST_IRQ_REMAPPING;
    CHECK_FALSE(control.info().x2apic_stays);
    module.host = PARKER_HOST_X2APIC;
    CHECK(control.info().x2apic_stays);
}
