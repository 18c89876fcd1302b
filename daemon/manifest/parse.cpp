// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include "manifest/build.h"
#include "manifest/dialect.h"
#include "manifest/load.h"
#include "manifest/merge.h"
#include "manifest/schema.h"
#include "manifest/text.h"
#include "manifest/tree.h"
#include "manifest/utf8.h"

namespace parker {
namespace {

// The name for findings, also of a document that is not valid.
std::string name_in(const Node& root)
{
    const auto* name = root.find("name");
    const bool usable =
        name != nullptr && name->value.kind == Node::Kind::string && name->value.text.size() <= Manifest::max_name;
    return usable ? printable(name->value.text) : std::string{};
}

std::optional<Manifest> read_document(const Document& document, Report& report)
{
    const auto before = report.errors();
    report.set_partition({});
    auto root = parse_document(document, report);
    if (!root)
        return std::nullopt;
    report.set_partition(name_in(*root));
    take_dialects(*root, report);
    const auto faults = check_schema(*root, report);
    if (faults.other_language)
        return std::nullopt;
    auto manifest = build_manifest(*root, faults, report);
    if (report.errors() != before)
        return std::nullopt;
    manifest.source = document.text;
    manifest.source_line = document.line;
    return manifest;
}

} // namespace

Manifests parse_manifests(std::string_view text, const std::string& file)
{
    Report raw{file, text};
    if (text.size() > max_manifest_bytes) {
        raw.error(Code::too_large, {}, fmt::format("the file has more than {} bytes", max_manifest_bytes));
        return {{}, raw.take()};
    }
    if (!check_text(text, raw))
        return {{}, raw.take()};

    const auto normal = normalise(text);
    Report report{file, normal};
    auto documents = split_documents(normal);
    if (documents.empty())
        report.warning(Code::missing_key, {}, "no manifest in this file", "begin one with `apiVersion: parker/v1`");
    if (documents.size() > max_documents) {
        report.error(Code::too_large, {documents[max_documents].line, 1},
                     fmt::format("more than {} documents in a file, the rest is not read", max_documents));
        documents.resize(max_documents);
    }
    Manifests result;
    for (const auto& document : documents)
        if (auto manifest = read_document(document, report))
            result.manifests.push_back(std::move(*manifest));
    result.findings = report.take();
    return unique_by_name(std::move(result));
}

} // namespace parker
