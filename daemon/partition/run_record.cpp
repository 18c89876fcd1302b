// SPDX-License-Identifier: LGPL-2.1-or-later
#include "partition/run_record.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/error.h"
#include "control/state_file.h"

namespace parker {
namespace {

constexpr std::size_t record_limit = 64 * KiB;

std::filesystem::path file(const std::filesystem::path& directory, const std::string& name)
{
    return directory / "runs" / (name + ".json");
}

} // namespace

std::uint64_t realtime_usec()
{
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

void save(const std::filesystem::path& directory, const std::string& name, const RunRecord& record)
{
    if (directory.empty())
        return;
    const nlohmann::json json{{"definition", record.definition},
                              {"kernelRelease", record.kernel_release},
                              {"commandLine", record.cmdline},
                              {"id", record.id},
                              {"startedUsec", record.started_usec},
                              {"manifest", record.origin.file},
                              {"folderDevice", record.origin.folder.device},
                              {"folderInode", record.origin.folder.inode}};
    // The release comes from an image: whatever bytes it has must not end in an exception of the library.
    write_state(file(directory, name), json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
}

RunRecord load_run(const std::filesystem::path& directory, const std::string& name)
{
    if (directory.empty())
        return {};
    try {
        const auto json =
            nlohmann::json::parse(read_small_file(file(directory, name), record_limit).value_or(""), nullptr, false);
        const auto field = [&json](const char* key) -> std::string {
            if (!json.is_object())
                return {};
            const auto found = json.find(key);
            return found != json.end() && found->is_string() ? found->get<std::string>() : std::string{};
        };
        const auto number = [&json](const char* key) -> std::uint64_t {
            if (!json.is_object())
                return 0;
            const auto found = json.find(key);
            return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
        };
        return {field("definition"),   field("kernelRelease"),
                field("commandLine"),  field("id"),
                number("startedUsec"), {field("manifest"), {number("folderDevice"), number("folderInode")}}};
    } catch (const Error&) {
        return {};
    }
}

void forget_run(const std::filesystem::path& directory, const std::string& name)
{
    std::error_code missing;
    if (!directory.empty())
        std::filesystem::remove(file(directory, name), missing);
}

} // namespace parker
