// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace parker {

// Which file or folder of the machine it is, whatever it is called.
struct FileId {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    auto operator<=>(const FileId&) const = default;
};

// A text that is written anew, or another one in its place, has another of these.
struct FileStamp {
    FileId id; // all zero: there is none
    std::uint64_t bytes = 0;
    std::int64_t modified_nsec = 0;
    std::int64_t changed_nsec = 0;
    bool operator==(const FileStamp&) const = default;
};

struct ManifestFile {
    std::filesystem::path path;
    bool disables = false; // a link to /dev/null, which only masks others of its name
    FileStamp stamp{};
    bool operator==(const ManifestFile&) const = default;
};

struct ManifestFolder {
    std::filesystem::path path;
    bool listed = false; // to its end
    FileId id{};         // of what `path` leads to
    bool operator==(const ManifestFolder&) const = default;
};

// An entry of a folder by which a text could be changed: where a link lies that leads to it, and where it ends.
struct WatchedEntry {
    std::filesystem::path folder;
    std::string name;
    auto operator<=>(const WatchedEntry&) const = default;
};

// What lies in the folders of manifests, without a look into any file. As long as it is the same, so are the texts.
struct Listing {
    std::vector<ManifestFolder> folders;
    std::vector<ManifestFile> files;            // that count, ordered by file name
    std::vector<std::filesystem::path> ignored; // what may be meant as a manifest, but is not called like one
    std::vector<WatchedEntry> links;            // ordered: of the links on the way to folders and files
    std::int64_t taken_nsec = 0;                // CLOCK_REALTIME

    bool same_as(const Listing& other) const; // whenever they were taken
    // A file was written so shortly before that a clock's tick may hide the next time it is.
    bool is_uncertain() const;
};

// One file of a reading.
struct ReadFile {
    enum class State {
        valid,    // all of it
        invalid,  // has an error
        empty,    // nothing but comments, or nothing at all
        disabled, // a link to /dev/null
        ignored,  // is not called like a manifest
        unread,   // too many came before it
    };
    std::string path; // as in positions
    State state = State::unread;
    std::vector<std::string> partitions; // that it defines, or would
};

std::string_view to_string(ReadFile::State state);

// What a reading of the folders came across, beside what it could make of it.
struct Reading {
    Listing listing;
    std::vector<ReadFile> files;
};

// Where a partition's last good manifest was found.
struct Origin {
    std::string file; // empty: not known
    FileId folder;    // of the file
    bool operator==(const Origin&) const = default;
};

Origin origin_of(const std::string& file, const Reading& reading);

// Why a manifest is not among those of a reading. Only what somebody has done with the file itself removes a partition.
enum class Absence {
    removed,   // the file was removed or renamed, or disabled by a link to /dev/null
    taken_out, // the file is whole, or the folder another one, and speaks of others: perhaps it is not complete yet
    unknown,   // the file has an error or nothing in it, or the folder cannot be read or is gone
};

Absence absence(const Origin& origin, const Reading& reading);

} // namespace parker
