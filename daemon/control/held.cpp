// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/held.h"

#include <parker.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

#include "control/state_file.h"

namespace parker {
namespace {

constexpr std::size_t attribute_limit = 64 * KiB; // sysfs gives a page; this is room for another page size

[[noreturn]] void malformed(const std::filesystem::path& path, std::string_view text)
{
    throw Error{Code::kernel_refused, path,
                "is not written as parkerd expects: \"" + std::string{text.substr(0, 80)} + '"',
                "module and daemon must be of the same release"};
}

std::optional<std::uint64_t> number(std::string_view text, int base)
{
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::optional<std::uint64_t> address(std::string_view text) // "0x1000"
{
    return text.starts_with("0x") ? number(text.substr(2), 16) : std::nullopt;
}

std::optional<MemoryRange> parse_range(std::string_view line) // "0xSTART-0xEND node N"
{
    constexpr std::string_view word = " node ";
    const auto dash = line.find('-');
    const auto node = line.find(word);
    if (dash == line.npos || node == line.npos || node < dash)
        return std::nullopt;
    const auto start = address(line.substr(0, dash));
    const auto end = address(line.substr(dash + 1, node - dash - 1));
    const auto id = number(line.substr(node + word.size()), 10);
    if (!start || !end || !id || *id >= 4096 || *start >= *end || *start % page_bytes != 0 || *end % page_bytes != 0)
        return std::nullopt;
    return MemoryRange{*start, *end, static_cast<unsigned>(*id)};
}

std::vector<std::string_view> lines(std::string_view text)
{
    std::vector<std::string_view> result;
    while (!text.empty()) {
        const auto end = text.find('\n');
        result.push_back(text.substr(0, end));
        if (end == text.npos)
            break;
        text.remove_prefix(end + 1);
        if (text.empty())
            result.push_back(text); // an empty line at the end is a line, which nobody expects
    }
    return result;
}

template <typename Enum, std::size_t N>
std::optional<Enum> one_of(std::string_view text, const std::array<Enum, N>& values)
{
    const auto found = std::ranges::find(values, text, [](Enum value) { return to_string(value); });
    return found == values.end() ? std::nullopt : std::optional{*found};
}

// One partition's folder. An attribute that is missing means that the partition is going away.
class Reader {
public:
    explicit Reader(std::filesystem::path folder) : folder_{std::move(folder)} {}
    bool gone() const { return gone_; }

    // Calls `parse` with the text without its final line end; false or nullopt from it: malformed.
    template <typename Parse>
    void read(const char* attribute, Parse parse)
    {
        if (gone_)
            return;
        const auto path = folder_ / attribute;
        const auto text = read_small_file(path, attribute_limit);
        if (!text) {
            gone_ = true;
            return;
        }
        std::string_view line = *text;
        if (line.ends_with('\n'))
            line.remove_suffix(1);
        if (!parse(line))
            malformed(path, line);
    }

private:
    std::filesystem::path folder_;
    bool gone_ = false;
};

template <typename T>
bool assign(T& target, const std::optional<T>& value)
{
    if (value)
        target = *value;
    return value.has_value();
}

bool parse_memory(std::string_view text, std::vector<MemoryRange>& memory)
{
    for (const auto line : lines(text)) {
        const auto range = parse_range(line);
        if (!range || memory.size() == PARKER_RANGES_MAX)
            return false;
        memory.push_back(*range);
    }
    std::ranges::sort(memory, {}, &MemoryRange::start);
    return std::ranges::adjacent_find(
               memory, [](const MemoryRange& a, const MemoryRange& b) { return a.end > b.start; }) == memory.end();
}

bool parse_devices(std::string_view text, HeldPartition& held)
{
    constexpr std::string_view mark = " lost"; // unplugged meanwhile; giving it back still clears it from the list
    for (auto line : lines(text)) {
        const bool lost = line.ends_with(mark);
        if (lost)
            line.remove_suffix(mark.size());
        const auto bdf = Bdf::parse(line);
        if (!bdf || held.devices.size() == PARKER_SET_MAX)
            return false;
        held.devices.push_back(*bdf);
        if (lost)
            held.lost.push_back(*bdf);
    }
    std::ranges::sort(held.devices);
    return std::ranges::adjacent_find(held.devices) == held.devices.end();
}

void read_heartbeat(Reader& reader, std::uint64_t& heartbeat)
{
    reader.read("heartbeat", [&heartbeat](std::string_view text) { return assign(heartbeat, number(text, 10)); });
}

} // namespace

bool is_partition_name(std::string_view name)
{
    return !name.empty() && name.size() <= PARKER_NAME_MAX && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

std::optional<HeldPartition> read_held(const std::filesystem::path& class_directory, const std::string& name)
{
    if (!is_partition_name(name))
        return std::nullopt;
    using State = HeldPartition::State;
    using Exit = HeldPartition::Exit;
    using Dma = HeldPartition::Dma;
    HeldPartition held;
    held.name = name;
    Reader reader{class_directory / name};
    reader.read("state", [&held](std::string_view text) {
        return assign(held.state, one_of(text, std::array{State::idle, State::running, State::exited}));
    });
    reader.read("exit_reason", [&held](std::string_view text) {
        return assign(held.exit, one_of(text, std::array{Exit::none, Exit::poweroff, Exit::reboot, Exit::panic,
                                                         Exit::killed, Exit::unknown}));
    });
    reader.read("slice", [&held](std::string_view text) {
        return assign(held.slice, address(text)) && held.slice % page_bytes == 0 &&
               held.slice + PARKER_SLICE_BYTES <= MiB;
    });
    reader.read("cpus", [&held](std::string_view text) { return assign(held.cpus, CpuSet::parse(text)); });
    reader.read("memory", [&held](std::string_view text) { return parse_memory(text, held.memory); });
    reader.read("devices", [&held](std::string_view text) { return parse_devices(text, held); });
    reader.read("dma", [&held](std::string_view text) {
        return assign(held.dma, one_of(text, std::array{Dma::none, Dma::confined, Dma::open, Dma::lost}));
    });
    read_heartbeat(reader, held.heartbeat);
    if (reader.gone())
        return std::nullopt;
    return held;
}

std::optional<std::uint64_t> read_heartbeat(const std::filesystem::path& class_directory, const std::string& name)
{
    if (!is_partition_name(name))
        return std::nullopt;
    std::uint64_t heartbeat = 0;
    Reader reader{class_directory / name};
    read_heartbeat(reader, heartbeat);
    return reader.gone() ? std::nullopt : std::optional{heartbeat};
}

std::vector<HeldPartition> read_all_held(const std::filesystem::path& class_directory)
{
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator entry{class_directory, error}, end; !error && entry != end;
         entry.increment(error))
        names.push_back(entry->path().filename());
    if (error && error != std::errc::no_such_file_or_directory)
        throw Error{Code::unreadable, class_directory, error.message()};
    std::ranges::sort(names);
    std::vector<HeldPartition> result;
    for (const auto& name : names)
        if (auto held = read_held(class_directory, name))
            result.push_back(std::move(*held));
    return result;
}

} // namespace parker
