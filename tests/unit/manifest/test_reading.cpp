// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/reading.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "manifest/files.h"
#include "manifest/load.h"
#include "manifest/missing.h"

using namespace parker;
namespace fs = std::filesystem;

namespace {

class Folders {
public:
    Folders()
    {
        std::string name = fs::temp_directory_path() / "parker-reading-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = fs::canonical(name);
        etc = path / "etc/parker.d";
        run = path / "run/parker.d";
        fs::create_directories(etc);
        fs::create_directories(run);
    }
    ~Folders() { fs::remove_all(path); }
    Folders(const Folders&) = delete;
    Folders& operator=(const Folders&) = delete;

    Manifests load() const { return load_directories({etc, run}); }

    // What has become of a manifest that was in `file` at first.
    template <typename Change>
    Absence after(const fs::path& file, Change change) const
    {
        const auto origin = origin_of(file, load().reading);
        change();
        return absence(origin, load().reading);
    }

    fs::path path, etc, run;
};

std::string one(const std::string& name)
{
    return "apiVersion: parker/v1\nname: " + name + "\ncpus: {count: 1}\nmemory: {size: 2MiB}\nkernel: {image: /a}\n";
}

void put_file(const fs::path& file, const std::string& text)
{
    std::ofstream{file} << text;
    REQUIRE(::chmod(file.c_str(), 0644) == 0);
}

std::string states(const Manifests& manifests)
{
    std::string text;
    for (const auto& file : manifests.reading.files) {
        text += fs::path{file.path}.filename().string() + ' ' + std::string{to_string(file.state)};
        for (const auto& name : file.partitions)
            text += ' ' + name;
        text += '\n';
    }
    return text;
}

std::vector<std::string> watched(const fs::path& path, const fs::path& below)
{
    std::vector<std::string> entries;
    for (const auto& [folder, name] : links_on_the_way(path))
        entries.push_back((folder / name).lexically_relative(below));
    return entries;
}

} // namespace

TEST_CASE("a reading says how each file came out")
{
    const Folders root;
    put_file(root.etc / "good.yaml", one("a") + "---\n" + one("b"));
    put_file(root.etc / "half.yaml", one("c") + "---\n" + one("d") + "typo: 1\n");
    put_file(root.etc / "tab.yaml", "name:\n\tx: 1\n");
    put_file(root.etc / "comments.yaml", "# nothing\n");
    put_file(root.etc / "again.yaml", one("c"));
    put_file(root.etc / "old.yml", one("e"));
    fs::create_symlink("/dev/null", root.etc / "off.yaml");
    fs::create_directory(root.etc / "folder.yaml");
    const auto manifests = root.load();
    CHECK(states(manifests) == "again.yaml valid c\n"
                               "comments.yaml empty\n"
                               "folder.yaml invalid\n"
                               "good.yaml valid a b\n"
                               "half.yaml invalid c d\n"
                               "off.yaml disabled\n"
                               "tab.yaml invalid\n"
                               "old.yml ignored\n");
}

TEST_CASE("only what is done with a file removes its manifests")
{
    const Folders root;
    const auto file = root.etc / "db.yaml";
    put_file(file, one("db"));
    put_file(root.etc / "web.yaml", one("web"));
    struct Row {
        const char* what;
        std::function<void()> change;
        Absence expected;
    };
    const auto put = [&file](const std::string& text) { return [&file, text] { put_file(file, text); }; };
    const auto instead = [&file](auto make) {
        return [&file, make] {
            fs::remove(file);
            make();
        };
    };
    const std::vector<Row> rows{
        {"unlink", [&] { fs::remove(file); }, Absence::removed},
        {"rename away", [&] { fs::rename(file, root.path / "elsewhere"); }, Absence::removed},
        {"rename to another ending", [&] { fs::rename(file, root.etc / "db.yaml.off"); }, Absence::removed},
        {"link to /dev/null", instead([&] { fs::create_symlink("/dev/null", file); }), Absence::removed},
        {"all files removed", [&] { fs::remove(file), fs::remove(root.etc / "web.yaml"); }, Absence::removed},
        {"no bytes", put(""), Absence::unknown},
        {"NULs", put(std::string(100, '\0')), Absence::unknown},
        {"a line end", put("\n\n"), Absence::unknown},
        {"comments", put("# " + one("db")), Absence::unknown},
        {"a document's beginning", put("---\n"), Absence::unknown},
        {"the first half", put(one("db").substr(0, 40)), Absence::unknown},
        {"without a name", put("apiVersion: parker/v1\ncpus: {count: 1}\n"), Absence::unknown},
        {"no text",
         put("\x7f"
             "ELF"),
         Absence::unknown},
        {"too large", [&] { fs::resize_file(file, 2'000'000); }, Absence::unknown},
        {"another document with an error", put(one("other") + "typo: 1\n"), Absence::unknown},
        {"others may write it", [&] { REQUIRE(::chmod(file.c_str(), 0666) == 0); }, Absence::unknown},
        {"a folder", instead([&] { fs::create_directory(file); }), Absence::unknown},
        {"a FIFO", instead([&] { REQUIRE(::mkfifo(file.c_str(), 0644) == 0); }), Absence::unknown},
        {"another device", instead([&] { fs::create_symlink("/dev/zero", file); }), Absence::unknown},
        {"a link to nowhere", instead([&] { fs::create_symlink("nowhere", file); }), Absence::unknown},
        {"a link to itself", instead([&] { fs::create_symlink("db.yaml", file); }), Absence::unknown},
        {"another document alone", put(one("other")), Absence::taken_out},
        {"the folder is gone", [&] { fs::rename(root.etc, root.path / "away"); }, Absence::unknown},
        {"the folder is a file",
         [&] {
             fs::rename(root.etc, root.path / "away");
             put_file(root.etc, "");
         },
         Absence::unknown},
        {"the folder leads nowhere",
         [&] {
             fs::rename(root.etc, root.path / "away");
             fs::create_directory_symlink("nowhere", root.etc);
         },
         Absence::unknown},
        {"another folder, empty",
         [&] {
             fs::rename(root.etc, root.path / "away");
             fs::create_directory(root.etc);
         },
         Absence::unknown},
        {"another folder with manifests",
         [&] {
             fs::rename(root.etc, root.path / "away");
             fs::create_directory(root.etc);
             put_file(root.etc / "web.yaml", one("web"));
         },
         Absence::taken_out},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        fs::remove_all(root.path / "away");
        fs::remove_all(root.etc);
        fs::create_directories(root.etc);
        put_file(file, one("db"));
        put_file(root.etc / "web.yaml", one("web"));
        CHECK(root.after(file, row.change) == row.expected);
    }
}

TEST_CASE("a file that masks another stands for it")
{
    const Folders root;
    const auto file = root.run / "db.yaml";
    put_file(file, one("db"));
    SECTION("empty")
    {
        CHECK(root.after(file, [&root] { put_file(root.etc / "db.yaml", ""); }) == Absence::unknown);
    }
    SECTION("a link to /dev/null")
    {
        CHECK(root.after(file, [&root] { fs::create_symlink("/dev/null", root.etc / "db.yaml"); }) == Absence::removed);
    }
    SECTION("and one that is removed leaves the other")
    {
        put_file(root.etc / "db.yaml", one("other"));
        CHECK(root.after(root.etc / "db.yaml", [&root] { fs::remove(root.etc / "db.yaml"); }) == Absence::taken_out);
    }
}

TEST_CASE("where a manifest was is not always known")
{
    const Folders root;
    put_file(root.etc / "web.yaml", one("web"));
    CHECK(absence({}, root.load().reading) == Absence::removed);
    put_file(root.etc / "x.yaml", "");
    CHECK(absence({}, root.load().reading) == Absence::unknown);
    fs::remove_all(root.path / "etc");
    CHECK(absence({}, root.load().reading) == Absence::removed);
    fs::remove_all(root.path / "run");
    CHECK(absence({}, root.load().reading) == Absence::unknown);
    CHECK(absence({"/x/db.yaml", {}}, {}) == Absence::removed); // nobody has read any folder
}

TEST_CASE("too many manifests remove none")
{
    const Folders root;
    put_file(root.etc / "z.yaml", one("z"));
    CHECK(root.after(root.etc / "z.yaml", [&root] {
        for (int file = 0; file < 5; ++file) {
            std::string text;
            for (int i = 0; i < 1000; ++i)
                text += "---\n" + one("p" + std::to_string(file * 1000 + i));
            put_file(root.etc / ("f" + std::to_string(file) + ".yaml"), text);
        }
    }) == Absence::unknown);
}

TEST_CASE("the same names and stamps are the same texts")
{
    const Folders root;
    const auto file = root.etc / "db.yaml";
    put_file(file, one("db"));
    const auto list = [&root] { return manifest_files({root.etc, root.run}).listing; };
    const auto before = list();
    CHECK(before.same_as(list()));
    SECTION("written in place")
    {
        ::usleep(20'000);
        put_file(file, one("dc"));
        CHECK_FALSE(before.same_as(list()));
    }
    SECTION("renamed over")
    {
        put_file(root.etc / "new", one("db"));
        fs::rename(root.etc / "new", file);
        CHECK_FALSE(before.same_as(list()));
    }
    SECTION("behind a link")
    {
        fs::rename(file, root.path / "target");
        fs::create_symlink(root.path / "target", file);
        const auto linked = list();
        CHECK(linked.same_as(list()));
        ::usleep(20'000);
        put_file(root.path / "target", one("dc"));
        CHECK_FALSE(linked.same_as(list()));
    }
    SECTION("another folder")
    {
        fs::rename(root.etc, root.path / "away");
        fs::create_directory(root.etc);
        fs::create_hard_link(root.path / "away/db.yaml", root.etc / "db.yaml");
        CHECK_FALSE(before.same_as(list()));
    }
    SECTION("a mode")
    {
        ::usleep(20'000);
        REQUIRE(::chmod(file.c_str(), 0600) == 0);
        CHECK_FALSE(before.same_as(list()));
    }
    SECTION("right after it was written, a clock's tick may hide the next time")
    {
        CHECK(before.is_uncertain());
        ::usleep(50'000);
        CHECK_FALSE(list().is_uncertain());
    }
}

TEST_CASE("links are followed to where the text is")
{
    const Folders root;
    const auto target = root.path / "srv/v1";
    fs::create_directories(target);
    put_file(target / "db.yaml", one("db"));
    using Names = std::vector<std::string>;
    SECTION("none")
    {
        CHECK(watched(target / "db.yaml", root.path).empty());
    }
    SECTION("of a file, by way of another")
    {
        fs::create_symlink("../../srv/current/db.yaml", root.etc / "db.yaml");
        fs::create_symlink("v1", root.path / "srv/current");
        CHECK(watched(root.etc / "db.yaml", root.path) ==
              Names{"etc/parker.d/db.yaml", "srv/current", "srv/v1/db.yaml"});
    }
    SECTION("of the folder")
    {
        fs::remove(root.etc);
        fs::create_directory_symlink(target, root.etc);
        CHECK(watched(root.etc, root.path) == Names{"etc/parker.d", "srv/v1"});
        CHECK(load_directories({root.etc}).manifests.size() == 1);
    }
    SECTION("as a ConfigMap has them")
    {
        fs::create_directory(root.etc / "..1");
        put_file(root.etc / "..1/db.yaml", one("db"));
        fs::create_directory_symlink("..1", root.etc / "..data");
        fs::create_symlink("..data/db.yaml", root.etc / "db.yaml");
        CHECK(watched(root.etc / "db.yaml", root.path) ==
              Names{"etc/parker.d/db.yaml", "etc/parker.d/..data", "etc/parker.d/..1/db.yaml"});
        CHECK(root.load().reading.listing.files.size() == 1);
    }
    SECTION("without an end")
    {
        fs::create_symlink("db.yaml", root.etc / "db.yaml");
        CHECK(watched(root.etc / "db.yaml", root.path).size() <= 42);
    }
    SECTION("to nowhere")
    {
        fs::create_symlink(root.path / "none/x", root.etc / "db.yaml");
        CHECK(watched(root.etc / "db.yaml", root.path) == Names{"etc/parker.d/db.yaml", "none/x"});
    }
}

TEST_CASE("what is not called like a manifest is told of, and what is left behind is not")
{
    const Folders root;
    for (const auto* name : {"a.yml", "b.yaml.disabled", "c.json", "d.conf", "e.YAML", "f.yaml.txt"})
        put_file(root.etc / name, one("x"));
    for (const auto* name : {".hidden.yml",
                             "b.yaml~",
                             "b.yml~",
                             ".b.yml.swp",
                             "#b.yaml#",
                             "b.yaml.bak",
                             "b.yaml.orig",
                             "b.yaml.old",
                             "b.yaml.dpkg-old",
                             "b.yaml.dpkg-dist",
                             "b.yaml.ucf-old",
                             "b.yaml.rpmsave",
                             "b.yaml.pacnew",
                             "b.yaml.1",
                             "b.yaml.tmp",
                             "README",
                             "README.txt",
                             "notes.md",
                             "db",
                             "sedXyZ123"})
        put_file(root.etc / name, one("x"));
    fs::create_directory(root.etc / "b.yaml.d");
    fs::create_directory(root.etc / "lost.found");
    const auto result = root.load();
    CHECK(result.manifests.empty());
    std::string names;
    for (const auto& finding : result.findings) {
        CHECK(finding.code == Code::ignored_file);
        CHECK(finding.severity == Severity::warning);
        names += fs::path{finding.at.file}.filename().string() + ' ';
    }
    CHECK(names == "a.yml b.yaml.disabled c.json d.conf e.YAML f.yaml.txt ");
    CHECK(result.findings.front().suggestion == "if it is one, call it " + (root.etc / "a.yaml").string());

    const auto named = load_files({root.etc / "a.yml"});
    CHECK(named.manifests.size() == 1);
    REQUIRE(named.findings.size() == 1);
    CHECK(named.findings[0].code == Code::ignored_file);
}

TEST_CASE("a folder full of other files is not told of one by one")
{
    const Folders root;
    for (int i = 0; i < 100; ++i)
        put_file(root.etc / (std::to_string(i) + ".conf"), "");
    CHECK(root.load().findings.size() == 32);
}

TEST_CASE("why there is no such partition")
{
    const Folders root;
    const auto why = [&root](const std::string& name) {
        const auto all = root.load();
        const auto error = why_none(name, names_of(all), all.findings, all.reading);
        auto text = std::string{info(error.code()).name} + ": " + error.reason() + "; " + error.suggestion();
        for (auto at = text.find(root.etc.string()); at != std::string::npos; at = text.find(root.etc.string()))
            text.replace(at, root.etc.string().size(), "ETC");
        return text;
    };
    CHECK(why("db") == "no-such-partition: there is none of this name; see `parkerctl list`");
    put_file(root.etc / "database.yaml", one("database"));
    CHECK(why("databse") == "no-such-partition: there is none of this name; did you mean `database`?");
    put_file(root.etc / "tab.yaml", "cpus:\n\tcount: 1\n");
    CHECK(why("tab") ==
          "invalid-manifest: ETC/tab.yaml: YAML does not allow tabs to indent; parkerctl validate ETC/tab.yaml");
    CHECK(why("db") == "no-such-partition: there is none of this name, but ETC/tab.yaml has an error, and may define "
                       "it; parkerctl validate ETC/tab.yaml");
    put_file(root.etc / "x.yaml", one("typo") + "memroy: 1\n");
    CHECK(why("typo") == "invalid-manifest: ETC/x.yaml: unknown key `memroy`; parkerctl validate ETC/x.yaml");
    put_file(root.etc / "db.yml", one("db"));
    CHECK(why("db") == "no-such-partition: there is none of this name; ETC/db.yml is not read, as its name does not "
                       "end in `.yaml`; mv ETC/db.yml ETC/db.yaml");
    put_file(root.etc / "empty.yaml", "");
    CHECK(why("empty") == "no-such-partition: there is none of this name; there is no manifest in ETC/empty.yaml; "
                          "parkerctl validate ETC/empty.yaml");
    fs::create_symlink("/dev/null", root.etc / "off.yaml");
    CHECK(why("off").find("ETC/off.yaml is a link to /dev/null, which disables it") != std::string::npos);
    put_file(root.etc / "web.yaml", one("web-1"));
    CHECK(why("web").find("ETC/web.yaml defines `web-1`") != std::string::npos);
    put_file(root.etc / "gone.yaml.disabled", one("gone"));
    CHECK(why("gone").find("mv ETC/gone.yaml.disabled ETC/gone.yaml") != std::string::npos);
}
