// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/remembered.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/fd.h"
#include "base/undo.h"

namespace parker {
namespace {

constexpr unsigned version = 1;
constexpr std::uint64_t max_number = 65535; // of a package, node or cache

std::optional<unsigned> number_at(const nlohmann::json& object, const char* key)
{
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number_unsigned() || found->get<std::uint64_t>() > max_number)
        return std::nullopt;
    return found->get<unsigned>();
}

std::optional<Machine::Core> parse_core(const nlohmann::json& object)
{
    if (!object.is_object())
        return std::nullopt;
    const auto package = number_at(object, "package");
    const auto node = number_at(object, "node");
    const auto l3 = number_at(object, "l3");
    const auto text = object.find("cpus");
    if (!package || !node || !l3 || text == object.end() || !text->is_string())
        return std::nullopt;
    const auto cpus = CpuSet::parse(text->get_ref<const std::string&>());
    if (!cpus || cpus->empty())
        return std::nullopt;
    return Machine::Core{*package, *node, *l3, *cpus};
}

void write_all(int file, std::string_view content, const std::filesystem::path& path)
{
    while (!content.empty()) {
        const auto written = ::write(file, content.data(), content.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            throw_errno(Code::failed, path.string(), "cannot write");
        content.remove_prefix(static_cast<std::size_t>(written));
    }
}

} // namespace

std::string write_cores(const std::vector<Machine::Core>& cores)
{
    auto list = nlohmann::json::array();
    for (const auto& core : cores)
        list.push_back(
            {{"package", core.package}, {"node", core.node}, {"l3", core.l3}, {"cpus", core.cpus.to_string()}});
    return nlohmann::json{{"version", version}, {"cores", std::move(list)}}.dump() + '\n';
}

std::optional<std::vector<Machine::Core>> parse_cores(std::string_view text)
{
    if (text.size() > remembered_limit)
        return std::nullopt;
    const auto document = nlohmann::json::parse(text, nullptr, false);
    if (!document.is_object() || number_at(document, "version") != version)
        return std::nullopt;
    const auto list = document.find("cores");
    if (list == document.end() || !list->is_array())
        return std::nullopt;

    std::vector<Machine::Core> cores;
    CpuSet seen;
    for (const auto& entry : *list) {
        auto core = parse_core(entry);
        if (!core || !(core->cpus & seen).empty())
            return std::nullopt;
        seen |= core->cpus;
        cores.push_back(std::move(*core));
    }
    return cores;
}

void merge_cores(std::vector<Machine::Core>& cores, const std::vector<Machine::Core>& remembered, const CpuSet& offline)
{
    CpuSet seen;
    for (const auto& core : cores)
        seen |= core.cpus;

    std::vector<Machine::Core> whole_offline;
    for (const auto& old : remembered) {
        const auto missing = (old.cpus & offline) - seen;
        const auto present = old.cpus & seen;
        if (missing.empty())
            continue;
        if (present.empty()) {
            whole_offline.push_back({old.package, old.node, old.l3, missing});
            continue;
        }
        // All of its threads that are seen must still be in one core, and that core have no others.
        const auto core = std::ranges::find_if(
            cores, [&present](const Machine::Core& each) { return (each.cpus & present) == present; });
        if (core != cores.end() && (core->cpus - old.cpus).empty())
            core->cpus |= missing;
    }
    std::ranges::move(whole_offline, std::back_inserter(cores));
    std::ranges::sort(cores, {}, [](const Machine::Core& core) { return core.cpus.first(); });
}

void replace_file(const std::filesystem::path& path, std::string_view content)
{
    auto temporary = path.string() + ".XXXXXX";
    Fd file{::mkostemp(temporary.data(), O_CLOEXEC)};
    if (!file)
        throw_errno(Code::failed, path.string(), "cannot create a file beside it");
    Undo undo;
    undo.add([&temporary] { ::unlink(temporary.c_str()); });
    write_all(file.get(), content, path);
    if (::fsync(file.get()) != 0)
        throw_errno(Code::failed, path.string(), "cannot write");
    if (::rename(temporary.c_str(), path.c_str()) != 0)
        throw_errno(Code::failed, path.string(), "cannot replace");
    undo.keep();
}

} // namespace parker
