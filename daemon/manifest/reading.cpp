// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/reading.h"

#include <algorithm>

#include "manifest/utf8.h"

namespace parker {
namespace {

namespace fs = std::filesystem;
using State = ReadFile::State;

std::string name_of(const std::string& path)
{
    return fs::path{path}.filename().string();
}

const ManifestFolder* folder_of(const std::string& file, const Reading& reading)
{
    const auto& folders = reading.listing.folders;
    const auto found =
        std::ranges::find(folders, fs::path{file}.parent_path().string(), [](const ManifestFolder& each) {
            return printable((each.path / "").parent_path().string());
        });
    return found == folders.end() ? nullptr : &*found;
}

Absence absence_of_file(const Origin& origin, const Reading& reading)
{
    const auto* folder = folder_of(origin.file, reading);
    if (folder == nullptr)
        return Absence::removed; // nobody has looked there
    if (!folder->listed)
        return Absence::unknown;
    if (folder->id == origin.folder)
        return Absence::removed;
    // Another folder lies there now. Full of manifests, it has been put there; an empty one is what is left where a
    // file system was mounted.
    const bool used = std::ranges::any_of(
        reading.listing.files, [folder](const ManifestFile& file) { return file.path.parent_path() == folder->path; });
    return used ? Absence::taken_out : Absence::unknown;
}

} // namespace

std::string_view to_string(State state)
{
    switch (state) {
    case State::valid:
        return "valid";
    case State::invalid:
        return "invalid";
    case State::empty:
        return "empty";
    case State::disabled:
        return "disabled";
    case State::ignored:
        return "ignored";
    case State::unread:
        return "unread";
    }
    return {};
}

bool Listing::same_as(const Listing& other) const
{
    return folders == other.folders && files == other.files && ignored == other.ignored && links == other.links;
}

bool Listing::is_uncertain() const
{
    constexpr std::int64_t tick_nsec = 20'000'000; // of the clock that stamps files, at its slowest
    return std::ranges::any_of(
        files, [this](const ManifestFile& file) { return file.stamp.changed_nsec + tick_nsec > taken_nsec; });
}

Origin origin_of(const std::string& file, const Reading& reading)
{
    const auto* folder = folder_of(file, reading);
    return {file, folder == nullptr ? FileId{} : folder->id};
}

Absence absence(const Origin& origin, const Reading& reading)
{
    if (origin.file.empty()) {
        // It may have been in any of them.
        const bool nowhere =
            !reading.listing.folders.empty() && std::ranges::none_of(reading.listing.folders, &ManifestFolder::listed);
        const bool doubtful =
            nowhere || std::ranges::any_of(reading.files, [](const ReadFile& file) {
                return file.state == State::invalid || file.state == State::empty || file.state == State::unread;
            });
        return doubtful ? Absence::unknown : Absence::removed;
    }
    // By its name: a file of the same name in an earlier folder counts in its place.
    const auto found = std::ranges::find_if(reading.files, [name = name_of(origin.file)](const ReadFile& file) {
        return file.state != State::ignored && name_of(file.path) == name;
    });
    if (found == reading.files.end())
        return absence_of_file(origin, reading);
    switch (found->state) {
    case State::disabled:
        return Absence::removed;
    case State::valid:
        return Absence::taken_out;
    default:
        return Absence::unknown;
    }
}

} // namespace parker
