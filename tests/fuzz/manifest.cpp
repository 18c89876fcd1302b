// SPDX-License-Identifier: LGPL-2.1-or-later
// Any bytes are a manifest file to somebody: parsing them ends in manifests and findings, never in an exception, and
// what it accepts keeps the promises of manifest.h. The unit tests run this over the corpus too.
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "manifest/load.h"
#include "manifest/utf8.h"
#include "require.h"

using namespace parker;

namespace {

void check_finding(const Finding& finding)
{
    require(!finding.message.empty(), "a finding says something");
    for (const auto* text : {&finding.message, &finding.suggestion, &finding.source_line, &finding.partition})
        require(printable(*text) == *text, "a finding can be shown");
    require(to_text(finding).size() < 4096, "a finding is short");
    require(finding.message.find('\n') == std::string::npos, "a message is one line");
}

void check_manifest(const Manifest& manifest)
{
    const auto& name = manifest.name.value;
    require(!name.empty() && name.size() <= Manifest::max_name, "a name's length");
    require(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos, "a name's letters");
    require(manifest.cpus.count.has_value() != manifest.cpus.list.has_value(), "either count or list");
    require(!manifest.cpus.list || !manifest.cpus.list->empty(), "a list has CPUs");
    require(manifest.memory.size_bytes.has_value() == manifest.memory.nodes_bytes.empty(), "either size or nodes");
    require(manifest.memory_bytes() != 0 && manifest.memory_bytes() % (2 * MiB) == 0, "a memory size");
    require(manifest.kernel.image.value.starts_with('/'), "an absolute path");
    require(manifest.kernel.cmdline.value.size() <= 1024, "a command line's length");
    require(printable(manifest.kernel.cmdline.value) == manifest.kernel.cmdline.value, "a command line is one line");
    require(manifest.timeouts.boot.count() > 0 && manifest.timeouts.stop.count() > 0, "timeouts");

    // The source is the document, all of it and nothing else.
    const auto again = parse_manifests(manifest.source, "source");
    require(again.manifests.size() == 1 && !has_errors(again.findings), "a source is a document");
    require(again.manifests[0].name.value == name && again.manifests[0].source == manifest.source, "the same one");
}

} // namespace

// libFuzzer's name for it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto result = parse_manifests({reinterpret_cast<const char*>(data), size}, "x.yaml");
    for (const auto& finding : result.findings)
        check_finding(finding);
    for (const auto& manifest : result.manifests)
        check_manifest(manifest);
    require(!result.manifests.empty() || !result.findings.empty(), "nothing is passed over in silence");
    return 0;
}
