// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "manifest/load.h"

using namespace parker;
namespace fs = std::filesystem;

namespace {

// A root folder of its own, gone at the end.
class Root {
public:
    Root()
    {
        std::string name = fs::temp_directory_path() / "parker-load-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
        for (const auto& directory : manifest_directories(path))
            fs::create_directories(directory);
        etc = path / "etc/parker.d";
        run = path / "run/parker.d";
        lib = path / "usr/lib/parker.d";
    }
    ~Root() { fs::remove_all(path); }
    Root(const Root&) = delete;
    Root& operator=(const Root&) = delete;

    Manifests load() const { return load_directories(manifest_directories(path)); }

    fs::path path, etc, run, lib;
};

void write(const fs::path& file, const std::string& text, mode_t mode = 0644)
{
    std::ofstream{file} << text;
    REQUIRE(::chmod(file.c_str(), mode) == 0);
}

std::string manifest(const std::string& name, const std::string& more = {})
{
    return "apiVersion: parker/v1\nname: " + name + "\ncpus: {count: 1}\nmemory: {size: 2MiB}\nkernel: {image: /a}\n" +
           more;
}

std::string names(const Manifests& manifests)
{
    std::string text;
    for (const auto& one : manifests.manifests)
        text += one.name.value + ' ';
    return text;
}

// The one finding there is, its file's directory left out.
std::string only_finding(const Manifests& manifests)
{
    REQUIRE(manifests.findings.size() == 1);
    auto finding = manifests.findings[0];
    finding.at.file = fs::path{finding.at.file}.filename();
    return to_text(finding);
}

} // namespace

TEST_CASE("all of *.yaml is read, and nothing else")
{
    const Root root;
    write(root.etc / "b.yaml", manifest("b"));
    write(root.run / "c.yaml", manifest("c"));
    write(root.lib / "a.yaml", manifest("a"));
    for (const auto* name :
         {".hidden.yaml", ".#b.yaml", "b.yaml~", ".b.yaml.swp", "b.yaml.dpkg-new", "README", ".yaml"})
        write(root.etc / name, manifest("wrong"));
    const auto result = root.load();
    CHECK(names(result) == "a b c ");
    CHECK(result.findings.empty());
}

TEST_CASE("missing directories are empty ones")
{
    const Root root;
    fs::remove(root.run);
    fs::remove(root.lib);
    write(root.etc / "a.yaml", manifest("a"));
    CHECK(names(root.load()) == "a ");
    CHECK(root.load().findings.empty());
}

TEST_CASE("the same file name masks: /etc, then /run, then /usr/lib")
{
    const Root root;
    write(root.lib / "x.yaml", manifest("lib"));
    CHECK(names(root.load()) == "lib ");
    write(root.run / "x.yaml", manifest("run"));
    CHECK(names(root.load()) == "run ");
    write(root.etc / "x.yaml", manifest("etc"));
    CHECK(names(root.load()) == "etc ");
}

TEST_CASE("a link to /dev/null disables, even by way of another link")
{
    const Root root;
    write(root.lib / "x.yaml", manifest("x"));
    write(root.lib / "y.yaml", manifest("y"));
    write(root.lib / "z.yaml", manifest("z"));
    fs::create_symlink("/dev/null", root.etc / "x.yaml");
    fs::create_symlink("x.yaml", root.etc / "y.yaml");
    const auto result = root.load();
    CHECK(names(result) == "z ");
    CHECK(result.findings.empty());
}

TEST_CASE("an empty file masks too, and says so")
{
    const Root root;
    write(root.lib / "x.yaml", manifest("x"));
    write(root.etc / "x.yaml", "");
    CHECK(root.load().manifests.empty());
    CHECK(only_finding(root.load()) == "x.yaml: warning[missing-key]: no manifest in this file\n"
                                       "    help: begin one with `apiVersion: parker/v1`");
}

TEST_CASE("what is no readable regular file is a finding, and does not hang")
{
    const Root root;
    write(root.etc / "good.yaml", manifest("good"));
    const auto bad = root.etc / "bad.yaml";

    SECTION("FIFO")
    {
        REQUIRE(::mkfifo(bad.c_str(), 0644) == 0);
        CHECK(only_finding(root.load()) == "bad.yaml: error[unreadable]: is no regular file");
    }
    SECTION("directory")
    {
        fs::create_directory(bad);
        CHECK(only_finding(root.load()) == "bad.yaml: error[unreadable]: is a directory");
    }
    SECTION("device")
    {
        fs::create_symlink("/dev/zero", bad);
        CHECK(only_finding(root.load()) == "bad.yaml: error[unreadable]: is no regular file");
    }
    SECTION("dangling link")
    {
        fs::create_symlink("nowhere", bad);
        CHECK(only_finding(root.load()) == "bad.yaml: error[unreadable]: cannot open: No such file or directory");
    }
    SECTION("link loop")
    {
        fs::create_symlink("bad.yaml", bad);
        CHECK(only_finding(root.load()) ==
              "bad.yaml: error[unreadable]: cannot open: Too many levels of symbolic links");
    }
    SECTION("10 MB")
    {
        write(bad, "");
        fs::resize_file(bad, 10'000'000);
        CHECK(only_finding(root.load()) == "bad.yaml: error[too-large]: the file has more than 1048576 bytes");
    }
    SECTION("no permission")
    {
        write(bad, manifest("bad"), 0);
        if (::geteuid() == 0) // may read it all the same
            CHECK(names(root.load()) == "bad good ");
        else
            CHECK(only_finding(root.load()) == "bad.yaml: error[unreadable]: cannot open: Permission denied");
        return;
    }
    CHECK(names(root.load()) == "good ");
}

TEST_CASE("a directory that is none is a finding")
{
    const Root root;
    fs::remove(root.run);
    write(root.run, "");
    write(root.etc / "a.yaml", manifest("a"));
    CHECK(names(root.load()) == "a ");
    CHECK(only_finding(root.load()) == "parker.d: error[unreadable]: cannot list: Not a directory");
}

TEST_CASE("a file that others may change is not trusted")
{
    const Root root;
    const auto file = root.etc / "x.yaml";
    for (const mode_t mode : {0664U, 0646U, 0666U, 0777U}) {
        write(file, manifest("x"), mode);
        CHECK(root.load().manifests.empty());
        CHECK(only_finding(root.load())
                  .find("x.yaml: error[loose-mode]: others than its owner may write the file (mode 0") == 0);
        // To look at it is all right.
        CHECK(names(load_files({file})) == "x ");
        CHECK(only_finding(load_files({file})).find("x.yaml: warning[loose-mode]: ") == 0);
    }
    if (::geteuid() == 0) {
        write(file, manifest("x"));
        REQUIRE(::chown(file.c_str(), 65534, 65534) == 0);
        CHECK(root.load().manifests.empty());
        CHECK(
            only_finding(root.load()).find("x.yaml: error[loose-mode]: the file belongs to user 65534, not to root") ==
            0);
    }
}

TEST_CASE("of two files with one partition the first by name counts")
{
    const Root root;
    write(root.lib / "10-a.yaml", manifest("db", "description: first\n"));
    write(root.etc / "20-a.yaml", manifest("db", "description: second\n"));
    const auto result = root.load();
    REQUIRE(result.manifests.size() == 1);
    CHECK(result.manifests[0].description == "first");
    REQUIRE(result.findings.size() == 1);
    CHECK(result.findings[0].code == Code::duplicate_name);
    CHECK(result.findings[0].at.file == root.etc / "20-a.yaml");
    CHECK(result.findings[0].at.line == 2);
    CHECK(result.findings[0].holder == (root.lib / "10-a.yaml").string() + ":2");
}

TEST_CASE("all findings of all files at once, and the good ones beside them")
{
    const Root root;
    write(root.etc / "a.yaml", manifest("a", "zzz: 1\n"));
    write(root.etc / "b.yaml", manifest("b"));
    write(root.etc / "c.yaml", "name: [");
    const auto result = root.load();
    CHECK(names(result) == "b ");
    REQUIRE(result.findings.size() == 2);
    CHECK(result.findings[0].code == Code::unknown_key);
    CHECK(result.findings[1].code == Code::not_yaml);
}

TEST_CASE("files that are named are read as they are named")
{
    const Root root;
    write(root.path / "some.txt", manifest("x"));
    CHECK(names(load_files({root.path / "some.txt"})) == "x ");
    CHECK(only_finding(load_files({root.path / "none.yaml"})) ==
          "none.yaml: error[unreadable]: cannot open: No such file or directory");
}

TEST_CASE("there is a limit to the number of manifests")
{
    const Root root;
    for (int file = 0; file < 5; ++file) {
        std::string text;
        for (int i = 0; i < 1000; ++i)
            text += "--- {apiVersion: parker/v1, name: p" + std::to_string(file * 1000 + i) +
                    ", cpus: {count: 1}, memory: {size: 2MiB}, kernel: {image: /a}}\n";
        write(root.etc / ("f" + std::to_string(file) + ".yaml"), text);
    }
    const auto result = root.load();
    CHECK(result.manifests.size() == max_manifests);
    CHECK(only_finding(result) == "f4.yaml: error[too-large]: more than 4096 manifests, the rest is not read");
}
