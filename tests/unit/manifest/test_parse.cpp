// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <string>

#include "base/bytes.h"
#include "manifest/load.h"

using namespace parker;
using namespace std::chrono_literals;

namespace {

const std::string minimal = "apiVersion: parker/v1\n"
                            "name: db\n"
                            "cpus: {count: 2}\n"
                            "memory: {size: 512MiB}\n"
                            "kernel: {image: /boot/vmlinuz}\n";

Manifest only_one(const std::string& text)
{
    auto result = parse_manifests(text, "x.yaml");
    for (const auto& finding : result.findings)
        CHECK(to_text(finding).empty());
    REQUIRE(result.manifests.size() == 1);
    return std::move(result.manifests[0]);
}

// All findings' first lines.
std::string findings_of(std::string_view text)
{
    std::string lines;
    for (auto finding : parse_manifests(text, "x").findings) {
        finding.source_line.clear();
        finding.suggestion.clear();
        lines += to_text(finding) + '\n';
    }
    return lines;
}

} // namespace

TEST_CASE("what is not said has its default")
{
    const auto manifest = only_one(minimal);
    CHECK(manifest.name.value == "db");
    CHECK(manifest.name.at.file == "x.yaml");
    CHECK(manifest.name.at.line == 2);
    CHECK(manifest.name.at.column == 7);
    CHECK(manifest.description.empty());
    CHECK_FALSE(manifest.autostart);
    CHECK(manifest.reserve == Manifest::Reserve::on_start);
    CHECK(manifest.cpus.count == 2U);
    CHECK_FALSE(manifest.cpus.list);
    CHECK_FALSE(manifest.cpus.node);
    CHECK(manifest.cpus.sharing == Manifest::Sharing::whole_cores);
    CHECK(manifest.memory.size_bytes == 512 * MiB);
    CHECK(manifest.memory_bytes() == 512 * MiB);
    CHECK(manifest.devices.empty());
    CHECK(manifest.kernel.image.value == "/boot/vmlinuz");
    CHECK(manifest.kernel.initrds.empty());
    CHECK(manifest.kernel.cmdline.value.empty());
    CHECK_FALSE(manifest.kernel.sha256);
    CHECK(manifest.dma == Manifest::Dma::automatic);
    CHECK(manifest.dump == Manifest::Dump::off);
    CHECK(manifest.credentials.empty());
    CHECK(manifest.timeouts.boot == 60s);
    CHECK(manifest.timeouts.stop == 90s);
    CHECK(manifest.timeouts.heartbeat == 30s);
    CHECK(manifest.source == minimal);
}

TEST_CASE("every key arrives in the manifest")
{
    const auto manifest = only_one(R"(apiVersion: parker/v1
name: db
description: OLTP database
autostart: true
reserve: always
cpus: {list: "4-5,12", sharing: threads}
memory: {nodes: {0: 16GiB, 1: 1.5 GiB}}
devices:
  - pci: "81:00.1"
  - pci: {vendor: "144d", device: "A80a", node: 1}
kernel:
  image: /boot/vmlinuz
  initrd: [/boot/a.img, /boot/b.img]
  cmdline: >
    root=/dev/nvme0n1p1
    ro
  sha256: "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"
isolation: {dma: required, virtualization: true}
dump: on-crash
credentials:
  system.hostname: db
  keys: |
    one
    two
timeouts: {boot: 2min, stop: 1500 ms, heartbeat: 1h}
)");
    CHECK(manifest.description == "OLTP database");
    CHECK(manifest.autostart);
    CHECK(manifest.reserve == Manifest::Reserve::always);
    CHECK_FALSE(manifest.cpus.count);
    CHECK(manifest.cpus.list == CpuSet{4, 5, 12});
    CHECK(manifest.cpus.sharing == Manifest::Sharing::threads);
    CHECK_FALSE(manifest.memory.size_bytes);
    CHECK(manifest.memory.nodes_bytes == std::map<unsigned, std::uint64_t>{{0, 16 * GiB}, {1, 1536 * MiB}});
    CHECK(manifest.memory_bytes() == 17920 * MiB);
    REQUIRE(manifest.devices.size() == 2);
    CHECK(std::get<Bdf>(manifest.devices[0].pci) == Bdf{0, 0x81, 0, 1});
    CHECK(manifest.devices[0].at.line == 9);
    const auto& match = std::get<Manifest::DeviceMatch>(manifest.devices[1].pci);
    CHECK(match.vendor == 0x144d);
    CHECK(match.device == 0xa80a);
    CHECK(match.node == 1U);
    REQUIRE(manifest.kernel.initrds.size() == 2);
    CHECK(manifest.kernel.initrds[1].value == "/boot/b.img");
    CHECK(manifest.kernel.cmdline.value == "root=/dev/nvme0n1p1 ro");
    CHECK(manifest.kernel.sha256->value == "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    CHECK(manifest.dma == Manifest::Dma::required);
    REQUIRE(manifest.virtualization);
    CHECK(manifest.virtualization->line == 18);
    CHECK(manifest.dump == Manifest::Dump::on_crash);
    CHECK(manifest.credentials ==
          std::map<std::string, std::string>{{"keys", "one\ntwo\n"}, {"system.hostname", "db"}});
    CHECK(manifest.timeouts.boot == 120s);
    CHECK(manifest.timeouts.stop == 1500ms);
    CHECK(manifest.timeouts.heartbeat == 1h);
}

TEST_CASE("counted CPUs may have a node, and off is off")
{
    const auto manifest =
        only_one("apiVersion: parker/v1\nname: db\ncpus: {count: 0x2, node: 1}\nmemory: {size: 2MiB}\n"
                 "kernel: {image: /a, initrd: /b}\nisolation: {dma: off, virtualization: false}\n");
    CHECK_FALSE(manifest.virtualization);
    CHECK(manifest.cpus.count == 2U);
    REQUIRE(manifest.cpus.node);
    CHECK(manifest.cpus.node->value == 1);
    CHECK(manifest.cpus.node->at.column == 26);
    CHECK(manifest.dma == Manifest::Dma::off);
    REQUIRE(manifest.kernel.initrds.size() == 1);
    CHECK(manifest.kernel.initrds[0].value == "/b");
}

TEST_CASE("a merged map gives what is not said, and an alias is its value")
{
    const auto manifest = only_one(minimal + "devices:\n"
                                             "  - pci: &ssd {vendor: \"144d\", device: \"a80a\", node: 0}\n"
                                             "  - pci: {<<: *ssd, node: 1}\n"
                                             "  - pci: {<<: [{node: 2}, *ssd]}\n");
    REQUIRE(manifest.devices.size() == 3);
    for (const unsigned i : {0U, 1U, 2U}) {
        const auto& match = std::get<Manifest::DeviceMatch>(manifest.devices[i].pci);
        CHECK(match.vendor == 0x144d);
        CHECK(match.node == i);
    }
}

TEST_CASE("each document has its own source and its own lines")
{
    auto second = "---\n" + minimal;
    second.replace(second.find("db"), 2, "web");
    const auto result = parse_manifests(minimal + second, "x.yaml");
    REQUIRE(result.manifests.size() == 2);
    CHECK(result.manifests[0].source == minimal);
    CHECK(result.manifests[1].source == second);
    CHECK(result.manifests[1].name.value == "web");
    CHECK(result.manifests[1].name.at.line == 8);
}

TEST_CASE("bytes that are no text are refused where they stand")
{
    struct Row {
        const char* what;
        std::string text;
        const char* expected;
    };
    using namespace std::string_literals;
    const auto row = GENERATE(values<Row>({
        {"NUL", "name: a\0b"s, "x:1:8: error[not-yaml]: control character 0x00 in the text\n"},
        {"binary",
         "\x7f"
         "ELF\x02\x01",
         "x:1:1: error[not-yaml]: control character 0x7f in the text\n"},
        {"escape", "a: 1\nb: \x1b[31m", "x:2:4: error[not-yaml]: control character 0x1b in the text\n"},
        {"UTF-16",
         "\xff\xfe"
         "a\0"s,
         "x:1:1: error[not-yaml]: the text is UTF-16, not UTF-8\n"},
        {"UTF-16 without mark", "a\0:\0"s, "x:1:2: error[not-yaml]: control character 0x00 in the text\n"},
        {"Latin-1", "# gr\xfc\xdf", "x:1:5: error[not-yaml]: byte 0xfc is not UTF-8 text\n"},
        {"overlong", "# \xc0\xaf", "x:1:3: error[not-yaml]: byte 0xc0 is not UTF-8 text\n"},
        {"surrogate", "# \xed\xa0\x80", "x:1:3: error[not-yaml]: byte 0xed is not UTF-8 text\n"},
        {"too high", "# \xf4\x90\x80\x80", "x:1:3: error[not-yaml]: byte 0xf4 is not UTF-8 text\n"},
        {"cut", "# \xe2\x82", "x:1:3: error[not-yaml]: byte 0xe2 is not UTF-8 text\n"},
        {"CR", "a: 1\rb: 2\r", "x:1:5: error[not-yaml]: a carriage return without a line feed\n"},
        {"second byte order mark",
         "\xef\xbb\xbf\xef\xbb\xbf"
         "a",
         "x:1:4: error[not-yaml]"},
    }));
    CAPTURE(row.what);
    if (row.what == std::string_view{"second byte order mark"})
        CHECK(!findings_of(row.text).empty());
    else
        CHECK(findings_of(row.text) == row.expected);
}

TEST_CASE("a byte order mark and CRLF change nothing")
{
    std::string text = "\xef\xbb\xbf";
    for (const char character : minimal)
        text += character == '\n' ? std::string{"\r\n"} : std::string{character};
    const auto manifest = only_one(text);
    CHECK(manifest.source == minimal);
    CHECK(manifest.name.at.line == 2);
    CHECK(manifest.name.at.column == 7);
    CHECK(findings_of("\xef\xbb\xbfzzz: 1\r\napiVersion: parker/v2\r\n") ==
          "x:2:13: error[bad-value]: `apiVersion` must be `parker/v1`, not `parker/v2`\n");
}

TEST_CASE("limits are limits, and quick")
{
    struct Row {
        const char* what;
        std::string text;
        const char* expected;
    };
    const auto repeat = [](std::string_view what, std::size_t bytes) {
        std::string text;
        while (text.size() + what.size() <= bytes)
            text += what;
        return text;
    };
    const std::string documents = repeat("--- {apiVersion: x}\n", 21 * 1025);
    const std::vector<Row> rows{
        {"[", repeat("[", MiB), "x:1:17: error[too-large]: lists and maps are nested more than 32 deep\n"},
        {"{", repeat("{", MiB), "x:1:32: error[too-large]: lists and maps are nested more than 32 deep\n"},
        {"-", repeat("- ", MiB), "x:1:65: error[too-large]: lists and maps are nested more than 32 deep\n"},
        {"?", repeat("? ", MiB), "x:1:65: error[too-large]: lists and maps are nested more than 32 deep\n"},
        {"[ on lines", repeat("[\n", MiB), "x:17:1: error[too-large]: lists and maps are nested more than 32 deep\n"},
        {"10 MB", repeat("a: 1\n", 10'000'000), "x: error[too-large]: the file has more than 1048576 bytes\n"},
        {"value", "a: " + repeat("x", 4097), "x:1:4: error[too-large]: a value of 4097 bytes, the limit is 4096\n"},
        {"key", repeat("x", 1000) + repeat(" x", 5000) + ": 1",
         "x:1:6001: error[not-yaml]: no valid YAML: a colon where no value may begin\n"},
        {"values", "a: [" + repeat("1,", 20'002) + "]",
         "x:1:20003: error[too-large]: the document has more than 10000 values, its aliases written out\n"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        CHECK(findings_of(row.text).starts_with(row.expected));
    }
    CHECK(findings_of(documents).find("more than 100 findings in this file") != std::string::npos);
    CHECK(parse_manifests(documents, "x").findings.size() == 101);

    // In a document with a value that is too long, the neighbour is still fine.
    CHECK(parse_manifests("a: " + repeat("x", 5000) + "\n---\n" + minimal, "x").manifests.size() == 1);

    std::string many;
    for (int i = 0; i < 1025; ++i)
        many += "--- {apiVersion: parker/v1, name: p" + std::to_string(i) +
                ", cpus: {count: 1}, memory: {size: 2MiB}, kernel: {image: /a}}\n";
    const auto result = parse_manifests(many, "x");
    CHECK(result.manifests.size() == 1024);
    REQUIRE(result.findings.size() == 1);
    CHECK(result.findings[0].message == "more than 1024 documents in a file, the rest is not read");
    CHECK(result.findings[0].at.line == 1025);
}

TEST_CASE("the credentials together have a limit too")
{
    const auto with = [](int number) {
        std::string text = minimal + "credentials:\n";
        for (int i = 0; i < number; ++i)
            text += "  c" + std::to_string(i) + ": " + std::string(4094, 'x') + '\n';
        return findings_of(text);
    };
    CHECK(with(8).empty());
    CHECK(with(9) == "x:7:3: error[too-large]: the credentials have 36864 bytes in all, the limit is 32768\n");
}

TEST_CASE("a long value cannot exhaust the stack of the pattern matcher")
{
    // std::regex recurses for each character.
    for (const auto* key : {"name", "cpus: {list", "memory: {size", "kernel: {sha256", "timeouts: {boot"}) {
        std::string text = key + std::string{": \""} + std::string(4096, '1') + '"';
        if (text.find('{') != std::string::npos)
            text += '}';
        CAPTURE(key);
        CHECK(has_errors(parse_manifests(text, "x").findings));
    }
}

TEST_CASE("findings are text that can be shown, whatever the file has")
{
    const auto result = parse_manifests("\xc2\x9b"
                                        "31m: 1\n\"a\\x1b\\x9b\\n\": 2\n",
                                        "x");
    CHECK(result.findings.size() == 7);
    for (const auto& finding : result.findings) {
        CHECK(finding.message.find('\x1b') == std::string::npos);
        CHECK(finding.message.find("\xc2\x9b") == std::string::npos);
        CHECK(finding.source_line.find("\xc2\x9b") == std::string::npos);
    }
}
