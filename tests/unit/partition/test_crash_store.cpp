// SPDX-License-Identifier: LGPL-2.1-or-later
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "image.h"
#include "introspect/elf_core.h"
#include "partition/crash_store.h"

using namespace parker;
using introspect::Image;

namespace {

constexpr std::uint64_t second = 1'000'000;
constexpr std::uint64_t time_usec = 1'714'564'800 * second; // 2024-05-01 12:00:00 UTC

struct Folder {
    Folder()
    {
        auto pattern = (std::filesystem::temp_directory_path() / "parker-test-XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }
    ~Folder() { std::filesystem::remove_all(path); }

    std::set<std::string> names() const
    {
        std::set<std::string> result;
        for (const auto& entry : std::filesystem::directory_iterator{path / "crash"})
            result.insert(entry.path().filename());
        return result;
    }

    std::filesystem::path path;
};

std::string content(const std::filesystem::path& file)
{
    std::ostringstream text;
    text << std::ifstream{file}.rdbuf();
    return text.str();
}

unsigned mode(const std::filesystem::path& path)
{
    struct stat status = {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

Ending ending(const std::string& name = "db")
{
    Ending result;
    result.held.name = name;
    result.held.cpus = {2, 3};
    result.held.memory = {{4 * GiB, 5 * GiB, 0}};
    result.held.devices = {{0, 1, 0, 0}};
    result.result = Result::panic;
    result.message = "the application kernel panicked";
    result.run = {"digest", "6.1.0", "root=/dev/nvme0n1", "run-1", 1};
    Manifest manifest;
    manifest.source = "name: db\n";
    manifest.name.at.file = "/etc/parker.d/db.yaml";
    result.manifest = std::make_shared<Manifest>(manifest);
    return result;
}

} // namespace

TEST_CASE("a crash report has all that is known, for root's eyes only")
{
    const Folder folder;
    const CrashStore store{folder.path / "crash"};
    Image image;
    image.log("Linux version 6.1", {.time_nsec = 1'234'567'890});
    image.log("two\nlines\x1b");
    image.commit(image.reserve("Kernel panic - not syncing: test", {}));
    const auto memory = image.memory();
    const auto kernel = introspect::Kernel::open(memory, image.note());
    REQUIRE(kernel);
    const auto path = store.save(ending(), "Kernel panic - not syncing: test", time_usec, &*kernel);
    CHECK(path == folder.path / "crash/db-20240501T120000Z");
    CHECK(mode(path) == 0700);
    for (const auto* file : {"report.json", "log", "manifest.yaml"})
        CHECK(mode(path / file) == 0600);
    CHECK(content(path / "log") == "[    1.234567] Linux version 6.1\n[    0.000000] two\n[    0.000000] lines?\n"
                                   "[    0.000000] Kernel panic - not syncing: test\n");
    CHECK(content(path / "manifest.yaml") == "name: db\n");
    CHECK(nlohmann::json::parse(content(path / "report.json")) ==
          nlohmann::json{{"partition", "db"},
                         {"time_usec", time_usec},
                         {"result", "panic"},
                         {"message", "the application kernel panicked"},
                         {"cause", "Kernel panic - not syncing: test"},
                         {"kernel_release", "6.1.0-test"},
                         {"build_id", "00112233445566778899aabbccddeeff00112233"},
                         {"cpus", "2-3"},
                         {"memory_bytes", GiB},
                         {"devices", {"0000:01:00.0"}},
                         {"command_line", "root=/dev/nvme0n1"},
                         {"manifest_path", "/etc/parker.d/db.yaml"},
                         {"run", "run-1"},
                         {"log_records", 3},
                         {"log_lost", 0}});
}

TEST_CASE("a kernel without a log, or a manifest, leaves a report all the same")
{
    const Folder folder;
    auto bare = ending();
    bare.manifest.reset();
    const auto path = CrashStore{folder.path / "crash"}.save(bare, "", time_usec, nullptr);
    CHECK_FALSE(std::filesystem::exists(path / "log"));
    CHECK_FALSE(std::filesystem::exists(path / "manifest.yaml"));
    const auto report = nlohmann::json::parse(content(path / "report.json"));
    CHECK(report.at("log_records") == -1);
    CHECK(report.at("kernel_release") == "6.1.0");
}

TEST_CASE("the newest reports of each partition are kept, and nothing else is touched")
{
    const Folder folder;
    const CrashStore store{folder.path / "crash"};
    std::filesystem::create_directories(folder.path / "crash/somebody's");
    store.save(ending("db-20240501"), "", time_usec, nullptr); // its name looks like a time
    for (std::size_t i = 0; i < CrashStore::most_reports + 3; ++i)
        store.save(ending("db"), "", time_usec + i * second, nullptr);
    auto names = folder.names();
    CHECK(names.erase("somebody's") == 1);
    CHECK(names.erase("db-20240501-20240501T120000Z") == 1);
    CHECK(names.size() == CrashStore::most_reports);
    CHECK(*names.begin() == "db-20240501T120003Z");
}

TEST_CASE("all reports together have a size, and the newest always fits")
{
    const Folder folder;
    const CrashStore store{folder.path / "crash"};
    const auto big = [&folder](const char* name) {
        std::filesystem::create_directories(folder.path / "crash" / name);
        std::ofstream{folder.path / "crash" / name / "log"} << "long";
        std::filesystem::resize_file(folder.path / "crash" / name / "log", CrashStore::most_bytes / 2);
    };
    big("a-20200101T000000Z");
    big("b-20210101T000000Z");
    store.save(ending(), "", time_usec, nullptr);
    CHECK(folder.names() == std::set<std::string>{"b-20210101T000000Z", "db-20240501T120000Z"});
}

TEST_CASE("a report that cannot be written leaves nothing, and says so")
{
    const Folder folder;
    std::ofstream{folder.path / "crash"} << "no folder";
    CHECK_THROWS_AS(CrashStore{folder.path / "crash"}.save(ending(), "", time_usec, nullptr), Error);
    std::filesystem::remove(folder.path / "crash");
    const CrashStore store{folder.path / "crash"};
    store.save(ending(), "", time_usec, nullptr);
    CHECK_THROWS_AS(store.save(ending(), "", time_usec, nullptr), Error); // the same second
    CHECK(folder.names() == std::set<std::string>{"db-20240501T120000Z"});
}

TEST_CASE("a report gets its memory afterwards, whole or not at all")
{
    const Folder folder;
    const CrashStore store{folder.path / "crash"};
    const Image image;
    const auto memory = image.memory();
    const auto core = introspect::elf_core(memory, nullptr);
    const auto report = store.save(ending(), "", time_usec, nullptr);
    SECTION("whole")
    {
        const auto bytes = store.add_memory(report, core, [](std::uint64_t) { return true; });
        CHECK(bytes == std::filesystem::file_size(report / "vmcore.zst"));
        CHECK(mode(report / "vmcore.zst") == 0600);
        const auto packed = content(report / "vmcore.zst");
        CHECK(ZSTD_getFrameContentSize(packed.data(), packed.size()) == core.file_bytes);
    }
    SECTION("given up")
    {
        CHECK_THROWS_AS(store.add_memory(report, core, [](std::uint64_t) { return false; }), Error);
        CHECK(std::filesystem::exists(report / "report.json"));
        for (const auto& file : std::filesystem::directory_iterator{report})
            CHECK(file.path().filename().string().find("vmcore") == std::string::npos);
    }
    SECTION("of what is no report")
    {
        CHECK_THROWS_AS(store.add_memory(folder.path, core, [](std::uint64_t) { return true; }), Error);
    }
}

TEST_CASE("the newest memories of each partition are kept, and count in no other limit")
{
    const Folder folder;
    const CrashStore store{folder.path / "crash"};
    const Image image;
    const auto memory = image.memory();
    const auto core = introspect::elf_core(memory, nullptr);
    const auto other = store.save(ending("web"), "", time_usec, nullptr);
    store.add_memory(other, core, [](std::uint64_t) { return true; });
    std::filesystem::resize_file(other / "vmcore.zst", 2 * CrashStore::most_bytes);
    std::vector<std::filesystem::path> reports;
    for (std::size_t i = 0; i < CrashStore::most_memories + 1; ++i) {
        reports.push_back(store.save(ending(), "", time_usec + i * second, nullptr));
        std::ofstream{reports.back() / ".new-vmcore.zst"} << "of a parkerd that was killed";
        store.add_memory(reports.back(), core, [](std::uint64_t) { return true; });
    }
    CHECK_FALSE(std::filesystem::exists(reports.front() / "vmcore.zst"));
    CHECK(std::filesystem::exists(reports.front() / "report.json"));
    for (std::size_t i = 1; i < reports.size(); ++i)
        CHECK(std::filesystem::exists(reports[i] / "vmcore.zst"));
    CHECK(std::filesystem::exists(other / "vmcore.zst"));
    CHECK_FALSE(std::filesystem::exists(reports.front() / ".new-vmcore.zst"));
}

TEST_CASE("which ends are crashes")
{
    CHECK(CrashStore::is_crash(Result::panic, ""));
    CHECK(CrashStore::is_crash(Result::hung, ""));
    CHECK(CrashStore::is_crash(Result::unknown, ""));
    CHECK(CrashStore::is_crash(Result::start_failed, ""));
    CHECK(CrashStore::is_crash(Result::boot_timeout, ""));
    CHECK(CrashStore::is_crash(Result::stop_timeout, ""));
    CHECK_FALSE(CrashStore::is_crash(Result::resources, "Kernel panic - not syncing: long ago"));
    CHECK(CrashStore::is_crash(Result::reboot, "Kernel panic - not syncing: test"));
    CHECK_FALSE(CrashStore::is_crash(Result::reboot, ""));
    CHECK_FALSE(CrashStore::is_crash(Result::success, "BUG: long ago"));
    CHECK_FALSE(CrashStore::is_crash(Result::killed, ""));
}
