// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/build.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/bytes.h"
#include "manifest/lookalike.h"
#include "manifest/scalar.h"
#include "manifest/utf8.h"

namespace parker {
namespace {

using Kind = Node::Kind;
using namespace std::chrono_literals;

constexpr std::uint64_t memory_step = 2 * MiB; // the size of the pages that map it
constexpr std::uint64_t most_memory = std::uint64_t{1} << 52;
constexpr std::size_t max_credentials_bytes = 32 * KiB; // all of them: they travel in one SMBIOS table

class Builder {
public:
    Builder(const Faults& faults, Report& report) : faults_{faults}, report_{report} {}

    Manifest build(const Node& root)
    {
        Manifest manifest;
        manifest.name = located(root, "name", "name");
        manifest.description = words(root, "description", "description");
        if (const auto* node = value(root, "autostart", Kind::boolean))
            manifest.autostart = node->boolean;
        if (words(root, "reserve", "reserve") == "always")
            manifest.reserve = Manifest::Reserve::always;
        if (const auto* node = value(root, "cpus", Kind::map))
            manifest.cpus = cpus(*node);
        if (const auto* node = value(root, "memory", Kind::map))
            manifest.memory = memory(*node);
        if (const auto* node = value(root, "devices", Kind::sequence))
            manifest.devices = devices(*node);
        if (const auto* node = value(root, "kernel", Kind::map))
            manifest.kernel = kernel(*node);
        if (const auto* node = value(root, "isolation", Kind::map))
            isolation(*node, manifest);
        if (words(root, "dump", "dump") == "on-crash")
            manifest.dump = Manifest::Dump::on_crash;
        if (const auto* node = value(root, "credentials", Kind::map))
            manifest.credentials = credentials(*node);
        if (const auto* node = value(root, "timeouts", Kind::map)) {
            duration(*node, "boot", 1s, manifest.timeouts.boot);
            duration(*node, "stop", 1s, manifest.timeouts.stop);
            duration(*node, "heartbeat", 5s, manifest.timeouts.heartbeat);
        }
        return manifest;
    }

private:
    bool usable(const Node& node, Kind kind) const { return node.kind == kind && !faults_.values.contains(&node); }

    const Node* value(const Node& map, std::string_view key, Kind kind) const
    {
        const auto* member = map.find(key);
        return member != nullptr && usable(member->value, kind) ? &member->value : nullptr;
    }

    // A line of text; empty if it is not there or not one.
    std::string words(const Node& map, std::string_view key, std::string_view path)
    {
        const auto* node = value(map, key, Kind::string);
        return node != nullptr && is_one_line(*node, path) ? node->text : std::string{};
    }

    Located<std::string> located(const Node& map, std::string_view key, std::string_view path)
    {
        const auto* member = map.find(key);
        return {words(map, key, path), member == nullptr ? Position{} : report_.position(member->value.at)};
    }

    // Escapes in quotes can make any character.
    bool is_one_line(const Node& node, std::string_view name)
    {
        const auto text = printable(node.text);
        if (text == node.text && text.find('\t') == std::string::npos)
            return true;
        const bool lines = node.style == Node::Style::block && text.find('\t') == std::string::npos;
        report_.error(Code::bad_value, node.at,
                      fmt::format("{} must be one line without control characters", cited(name)),
                      lines ? "begin it with `>-`, which makes one line of several" : "");
        return false;
    }

    // What neither a file system nor a kernel takes for white space, or for nothing.
    void warn_of_hidden(const Node& node, std::string_view name)
    {
        if (const auto hidden = hidden_character(node.text); !hidden.empty())
            report_.warning(Code::bad_value, node.at, fmt::format("{} has {} in it", cited(name), hidden),
                            "write a plain space, or nothing, unless it is meant");
    }

    std::optional<Located<unsigned>> number(const Node& map, std::string_view key) const
    {
        const auto* node = value(map, key, Kind::integer);
        if (node == nullptr || !node->integer)
            return std::nullopt;
        return Located<unsigned>{static_cast<unsigned>(*node->integer), report_.position(node->at)};
    }

    std::optional<unsigned> plain_number(const Node& map, std::string_view key) const
    {
        const auto found = number(map, key);
        return found ? std::optional{found->value} : std::nullopt;
    }

    Manifest::Cpus cpus(const Node& node)
    {
        Manifest::Cpus cpus;
        cpus.at = report_.position(node.at);
        cpus.count = plain_number(node, "count");
        cpus.node = number(node, "node");
        if (words(node, "sharing", "cpus.sharing") == "threads")
            cpus.sharing = Manifest::Sharing::threads;
        if (const auto* member = node.find("list")) {
            const auto& list = member->value;
            if (usable(list, Kind::string) || usable(list, Kind::integer))
                cpus.list = cpu_list(list);
            if (const auto* where = node.find("node"))
                report_.error(Code::bad_value, where->key_at,
                              "`node` goes with `count`, a `list` says itself where the CPUs are", "remove `node`");
        }
        return cpus;
    }

    std::optional<CpuSet> cpu_list(const Node& node)
    {
        auto cpus = CpuSet::parse(node.text);
        if (!cpus)
            report_.error(Code::bad_value, node.at,
                          fmt::format("{} is no CPU list: a range runs upwards, and CPU numbers end at {}",
                                      cited(node.text), CpuSet::max_cpus - 1));
        return cpus;
    }

    std::uint64_t size(const Node& node, const std::string& name)
    {
        const auto bytes = parse_bytes(node.text);
        if (!bytes || *bytes == 0) {
            report_.error(
                Code::bad_value, node.at,
                bytes ? fmt::format("{} must be more than nothing", cited(name))
                      : fmt::format("{} is not a whole number of bytes, or more than 4096TiB", cited(node.text)));
            return 0;
        }
        if (*bytes % memory_step != 0) {
            const auto rounded = (*bytes + memory_step - 1) / memory_step * memory_step;
            report_.error(Code::bad_value, node.at,
                          fmt::format("{} must be a multiple of 2MiB, not {}", cited(name), cited(node.text)),
                          fmt::format("write {}MiB", rounded / MiB));
        }
        return *bytes;
    }

    Manifest::Memory memory(const Node& node)
    {
        Manifest::Memory memory;
        memory.at = report_.position(node.at);
        if (const auto* amount = value(node, "size", Kind::string))
            memory.size_bytes = size(*amount, "memory.size");
        if (const auto* nodes = value(node, "nodes", Kind::map)) {
            std::uint64_t sum = 0;
            for (const auto& [key, key_at, amount] : nodes->members) {
                unsigned id = 0;
                const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), id);
                if (error != std::errc{} || stop != key.data() + key.size() || !usable(amount, Kind::string))
                    continue;
                if (id > 1023) {
                    report_.error(Code::bad_value, key_at, fmt::format("no machine has a NUMA node {}", id));
                    continue;
                }
                const auto bytes = size(amount, "memory.nodes." + key);
                memory.nodes_bytes[id] = bytes;
                sum += bytes; // at most 1024 times 2^52
            }
            if (sum > most_memory)
                report_.error(Code::bad_value, nodes->at, "`memory.nodes` come to more than 4096TiB");
        }
        return memory;
    }

    std::vector<Manifest::Device> devices(const Node& list)
    {
        std::vector<Manifest::Device> devices;
        std::set<Bdf> seen;
        for (const auto& item : list.items) {
            const auto* member = item.find("pci");
            if (member == nullptr)
                continue;
            const auto& pci = member->value;
            Manifest::Device device{report_.position(pci.at), Bdf{}};
            if (usable(pci, Kind::string)) {
                const auto bdf = Bdf::parse(pci.text);
                if (!bdf) {
                    report_.error(Code::bad_value, pci.at, fmt::format("{} is no PCI address", cited(pci.text)));
                    continue;
                }
                if (!seen.insert(*bdf).second)
                    report_.error(Code::bad_value, pci.at, fmt::format("device {} is given twice", bdf->to_string()),
                                  "keep one of the two");
                device.pci = *bdf;
            } else if (usable(pci, Kind::map)) {
                device.pci =
                    Manifest::DeviceMatch{pci_id(pci, "vendor"), pci_id(pci, "device"), plain_number(pci, "node")};
            } else {
                continue;
            }
            devices.push_back(std::move(device));
        }
        return devices;
    }

    std::uint16_t pci_id(const Node& map, std::string_view key) const
    {
        std::uint16_t id = 0;
        if (const auto* node = value(map, key, Kind::string)) // the schema has seen to the digits
            std::from_chars(node->text.data(), node->text.data() + node->text.size(), id, 16);
        return id;
    }

    Manifest::Kernel kernel(const Node& node)
    {
        Manifest::Kernel kernel;
        kernel.image = located(node, "image", "kernel.image");
        if (const auto* image = value(node, "image", Kind::string))
            warn_of_hidden(*image, "kernel.image");
        if (const auto* member = node.find("initrd")) {
            const auto add = [this, &kernel](const Node& path) {
                if (!usable(path, Kind::string) || !is_one_line(path, "kernel.initrd"))
                    return;
                warn_of_hidden(path, "kernel.initrd");
                kernel.initrds.push_back({path.text, report_.position(path.at)});
            };
            if (member->value.kind == Kind::sequence)
                std::ranges::for_each(member->value.items, add);
            else
                add(member->value);
        }
        if (const auto* cmdline = value(node, "cmdline", Kind::string)) {
            if (is_one_line(*cmdline, "kernel.cmdline"))
                kernel.cmdline = {cmdline->text, report_.position(cmdline->at)};
            warn_of_hidden(*cmdline, "kernel.cmdline");
        }
        if (const auto* pin = value(node, "sha256", Kind::string)) {
            auto digits = pin->text;
            for (auto& digit : digits)
                if (digit >= 'A' && digit <= 'F')
                    digit = static_cast<char>(digit - 'A' + 'a');
            kernel.sha256 = Located<std::string>{std::move(digits), report_.position(pin->at)};
        }
        return kernel;
    }

    void isolation(const Node& node, Manifest& manifest)
    {
        manifest.dma = dma(words(node, "dma", "isolation.dma"));
        if (const auto* may = value(node, "virtualization", Kind::boolean); may != nullptr && may->boolean)
            manifest.virtualization = report_.position(may->at);
    }

    static Manifest::Dma dma(std::string_view word)
    {
        if (word == "required")
            return Manifest::Dma::required;
        return word == "off" ? Manifest::Dma::off : Manifest::Dma::automatic;
    }

    std::map<std::string, std::string> credentials(const Node& map)
    {
        std::map<std::string, std::string> credentials;
        std::size_t bytes = 0;
        for (const auto& [key, key_at, node] : map.members) {
            if (!usable(node, Kind::string))
                continue;
            if (node.text.find('\0') != std::string::npos) {
                report_.error(Code::bad_value, node.at,
                              fmt::format("credential {} has a NUL character in it", cited(key)));
                continue;
            }
            bytes += key.size() + node.text.size();
            credentials[key] = node.text;
        }
        if (bytes > max_credentials_bytes)
            report_.error(
                Code::too_large, map.at,
                fmt::format("the credentials have {} bytes in all, the limit is {}", bytes, max_credentials_bytes));
        return credentials;
    }

    void duration(const Node& map, std::string_view key, std::chrono::milliseconds least,
                  std::chrono::milliseconds& into)
    {
        const auto* node = value(map, key, Kind::string);
        if (node == nullptr)
            return;
        const auto parsed = parse_duration(node->text);
        if (!parsed || *parsed < least)
            report_.error(
                Code::bad_value, node->at,
                fmt::format("`timeouts.{}` must be {}s to 24h, not {}", key, least.count() / 1000, cited(node->text)));
        else
            into = *parsed;
    }

    const Faults& faults_;
    Report& report_;
};

} // namespace

Manifest build_manifest(const Node& root, const Faults& faults, Report& report)
{
    return Builder{faults, report}.build(root);
}

} // namespace parker
