// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/reread.h"

#include <algorithm>
#include <thread>

#include "manifest/files.h"

namespace parker {
namespace {

bool lacks_any(const Listing& now, const Listing& before)
{
    return std::ranges::any_of(before.files, [&now](const ManifestFile& file) {
        return std::ranges::find(now.files, file.path, &ManifestFile::path) == now.files.end();
    });
}

} // namespace

Manifests reread(const std::vector<std::filesystem::path>& directories, const Listing& before,
                 std::chrono::milliseconds moment)
{
    auto manifests = load_directories(directories);
    if (!lacks_any(manifests.reading.listing, before))
        return manifests;
    std::this_thread::sleep_for(moment);
    return load_directories(directories);
}

std::optional<Manifests> reread_if_changed(const std::vector<std::filesystem::path>& directories, const Listing& before,
                                           std::chrono::milliseconds moment)
{
    if (!before.is_uncertain() && manifest_files(directories).listing.same_as(before))
        return std::nullopt;
    return reread(directories, before, moment);
}

} // namespace parker
