// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/crash_store.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/fd.h"
#include "control/held.h"
#include "introspect/log_cursor.h"
#include "partition/log_text.h"

namespace parker {
namespace {

constexpr std::size_t time_characters = 16; // "20240501T120000Z"
constexpr std::string_view unfinished = ".new-";
constexpr std::string_view memory_name = "vmcore.zst";

struct Log {
    std::string text;
    std::int64_t records = -1;
    std::uint64_t lost = 0;
};

Log read_log(const introspect::Kernel* kernel)
{
    Log log;
    if (kernel == nullptr)
        return log;
    introspect::LogCursor cursor;
    for (auto step = cursor.next(kernel->ring(), true); !step.none(); step = cursor.next(kernel->ring(), true)) {
        log.records = std::max<std::int64_t>(log.records, 0);
        if (step.lost > 0)
            log.text += fmt::format("-- {} lost\n", step.lost);
        log.lost += step.lost;
        if (step.given_up)
            break;
        if (!step.record)
            continue;
        const auto lines = log_text(step.record->time_nsec, step.record->text);
        if (log.text.size() + lines.size() > CrashStore::most_log_bytes) {
            log.text += "-- the rest does not fit\n";
            break;
        }
        log.text += lines;
        ++log.records;
    }
    if (kernel->look().over())
        log.text += fmt::format("-- the rest was given up {}\n", kernel->look().why());
    return log;
}

std::string report(const Ending& ending, const std::string& cause, std::uint64_t time_usec,
                   const introspect::Kernel* kernel, const Log& log)
{
    std::uint64_t memory = 0;
    for (const auto& range : ending.held.memory)
        memory += range.bytes();
    auto devices = nlohmann::ordered_json::array();
    for (const auto& bdf : ending.held.devices)
        devices.push_back(bdf.to_string());
    const nlohmann::ordered_json json{
        {"partition", ending.held.name},
        {"time_usec", time_usec},
        {"result", to_string(ending.result)},
        {"message", ending.message},
        {"cause", cause},
        {"kernel_release", kernel != nullptr ? kernel->release() : ending.run.kernel_release},
        {"build_id", kernel != nullptr ? kernel->build_id() : ""},
        {"cpus", ending.held.cpus.to_string()},
        {"memory_bytes", memory},
        {"devices", devices},
        {"command_line", ending.run.cmdline},
        {"manifest_path", ending.manifest ? ending.manifest->name.at.file : ""},
        {"run", ending.run.id},
        {"log_records", log.records},
        {"log_lost", log.lost}};
    return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

void write(const std::filesystem::path& path, std::string_view text)
{
    const Fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file)
        throw_errno(Code::failed, path, "cannot be opened");
    while (!text.empty()) {
        const auto written = ::write(file.get(), text.data(), text.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            throw_errno(Code::failed, path, "cannot be written");
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(file.get()) != 0) // of use after a reset of the whole machine
        throw_errno(Code::failed, path, "cannot be written");
}

std::string utc(std::uint64_t time_usec)
{
    const auto seconds = static_cast<std::time_t>(time_usec / 1'000'000);
    std::tm time{};
    ::gmtime_r(&seconds, &time);
    return fmt::format("{:%Y%m%dT%H%M%SZ}", time);
}

std::uint64_t size_of(const std::filesystem::path& folder)
{
    std::uint64_t bytes = 0;
    std::error_code gone;
    for (const auto& file : std::filesystem::directory_iterator{folder, gone})
        if (const auto size = file.file_size(gone); !gone && !file.path().filename().string().ends_with(memory_name))
            bytes += size;
    return bytes;
}

} // namespace

bool CrashStore::is_crash(Result result, const std::string& cause)
{
    switch (result) {
    case Result::panic:
    case Result::hung:
    case Result::boot_timeout:
    case Result::stop_timeout:
    case Result::start_failed:
    case Result::unknown:
        return true;
    case Result::reboot: // which a kernel may do when it panics
        return cause.find("Kernel panic") != std::string::npos;
    case Result::success:
    case Result::killed:
    case Result::resources:
        break;
    }
    return false;
}

std::filesystem::path CrashStore::save(const Ending& ending, const std::string& cause, std::uint64_t time_usec,
                                       const introspect::Kernel* kernel) const
{
    const auto name = ending.held.name + '-' + utc(time_usec);
    const auto folder = directory_ / name;
    const auto fresh = directory_ / (std::string{unfinished} + name);
    std::error_code ignored; // what follows says what is wrong
    std::filesystem::create_directories(directory_, ignored);
    std::filesystem::remove_all(fresh, ignored);
    if (::mkdir(fresh.c_str(), 0700) != 0)
        throw_errno(Code::failed, fresh, "cannot be made");
    try {
        const auto log = read_log(kernel);
        write(fresh / "report.json", report(ending, cause, time_usec, kernel, log));
        if (kernel != nullptr)
            write(fresh / "log", log.text);
        if (ending.manifest)
            write(fresh / "manifest.yaml", ending.manifest->source);
        // One of the same second is replaced by nothing: it is as good.
        if (::rename(fresh.c_str(), folder.c_str()) != 0)
            throw_errno(Code::failed, folder, "cannot be made");
    } catch (const Error&) {
        std::filesystem::remove_all(fresh, ignored);
        throw;
    }
    try {
        prune();
    } catch (const std::filesystem::filesystem_error& error) {
        throw Error{Code::failed, directory_, "old reports cannot be looked through: " + error.code().message(),
                    "the new one is there"};
    }
    return folder;
}

std::uint64_t CrashStore::add_memory(const std::filesystem::path& report, const introspect::ElfCore& core,
                                     const introspect::Proceed& proceed) const
{
    const auto path = report / memory_name;
    const auto fresh = report / fmt::format("{}{}", unfinished, memory_name);
    const auto reports = kept();
    const auto ours =
        std::ranges::find(reports, report.filename(), [](const Kept& one) { return one.folder.filename(); });
    if (ours == reports.end())
        throw Error{Code::failed, report, "is no report of a crash"};
    std::size_t memories = 1;
    std::error_code gone;
    for (const auto& other : reports) {
        if (other.partition != ours->partition)
            continue; // another thread may be writing there
        std::filesystem::remove(other.folder / fresh.filename(), gone);
        if (std::filesystem::exists(other.folder / memory_name, gone) && ++memories > most_memories)
            std::filesystem::remove(other.folder / memory_name, gone);
    }

    const Fd file{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file)
        throw_errno(Code::failed, fresh, "cannot be opened");
    try {
        const auto bytes =
            introspect::write_core(core, file.get(), introspect::Compression::zstd, [&](std::uint64_t done) {
                struct statvfs space {};
                if (::fstatvfs(file.get(), &space) == 0 && space.f_bavail < space.f_blocks / free_part)
                    throw Error{Code::failed, path, "would leave less than a tenth of its file system free",
                                "make room, or remove older reports"};
                return proceed(done);
            });
        if (::rename(fresh.c_str(), path.c_str()) != 0)
            throw_errno(Code::failed, path, "cannot be made");
        return bytes;
    } catch (const Error&) {
        ::unlink(fresh.c_str());
        throw;
    }
}

std::vector<CrashStore::Kept> CrashStore::kept() const
{
    std::vector<Kept> all;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator{directory_, gone}) {
        const auto name = entry.path().filename().string();
        if (name.size() < time_characters + 2 || name[name.size() - time_characters - 1] != '-' ||
            !is_partition_name(name.substr(0, name.size() - time_characters - 1)))
            continue; // nothing of ours, or one that is being made
        all.push_back({name.substr(name.size() - time_characters), entry.path(),
                       name.substr(0, name.size() - time_characters - 1)});
    }
    std::ranges::sort(all, std::ranges::greater{}, &Kept::time);
    return all;
}

void CrashStore::prune() const
{
    const auto all = kept();
    std::map<std::string, std::size_t> counts;
    std::uint64_t bytes = 0;
    std::error_code gone;
    for (std::size_t i = 0; i < all.size(); ++i) {
        bytes += size_of(all[i].folder);
        if (++counts[all[i].partition] > most_reports || (bytes > most_bytes && i > 0))
            std::filesystem::remove_all(all[i].folder, gone);
    }
}

} // namespace parker
