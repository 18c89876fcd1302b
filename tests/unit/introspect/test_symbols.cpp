// SPDX-License-Identifier: LGPL-2.1-or-later
#include "introspect/symbols.h"

#include <catch2/catch.hpp>

#include "image.h"
#include "introspect/kernel.h"

using namespace parker::introspect;
using Form = Image::Options::Symbols;

namespace {

using Found = std::vector<std::optional<std::uint64_t>>;

Found find(const Image& image, const std::vector<std::string_view>& names)
{
    const auto memory = image.memory();
    const auto kernel = Kernel::open(memory, image.note());
    REQUIRE(kernel);
    const auto symbols = Symbols::open(kernel->space(), kernel->info());
    return symbols ? symbols->find(names) : Found{};
}

} // namespace

TEST_CASE("Names are found in one pass, in the order that they were asked for")
{
    const auto form = GENERATE(Form::absolute_percpu, Form::plain);
    const Image image{{.symbols = form}};
    const std::string long_name(300, 'x');
    const auto found = find(image, {"__per_cpu_offset", "nothing", "_stext", "filler_299", long_name, "kernel_cpustat",
                                    "_stext", "", "fixed_percpu_data"});
    CHECK(found == Found{image.virtual_of(Image::percpu_offsets_at), std::nullopt, image.virtual_of(0x1000),
                         image.virtual_of(0x1000 + 16 * 299), image.virtual_of(0x3000),
                         form == Form::plain ? image.virtual_of(Image::times_at) : Image::times_absolute,
                         image.virtual_of(0x1000), std::nullopt, form == Form::plain ? image.virtual_of(0) : 0});
}

TEST_CASE("Of two symbols with one name, the first is found")
{
    const Image image{{.symbols = Form::plain}};
    CHECK(find(image, {"avenrun"}) == Found{image.virtual_of(Image::load_at)});
}

TEST_CASE("Kernels before 6.0 have no way to their symbols")
{
    CHECK(find(Image{}, {"_stext"}).empty());
}

TEST_CASE("A table that does not agree with the note about one symbol is not believed about any")
{
    Image image{{.symbols = GENERATE(Form::absolute_percpu, Form::plain)}};
    const auto at = Image::physical_of(Image::symbol_base_at);
    image.poke(at, image.peek(at) + 16);
    CHECK(find(image, {"_stext", "avenrun", "kernel_cpustat"}) == Found(3));
}

TEST_CASE("Numbers of symbols that cannot be")
{
    Image image{{.symbols = Form::plain}};
    const auto at = Image::physical_of(Image::symbol_count_at);
    image.poke(at, GENERATE(0U, Symbols::most_symbols + 1, 0xffffffffU));
    CHECK(find(image, {"_stext"}).empty());
}

TEST_CASE("A table with more symbols than names, or names of no end, ends")
{
    Image image{{.symbols = Form::plain}};
    SECTION("the names run into zeros")
    {
        const auto at = Image::physical_of(Image::symbol_count_at);
        image.poke(at, image.peek(at) + 1);
        CHECK(find(image, {"_stext"}) == Found(1));
    }
    SECTION("the names run out of memory")
    {
        for (auto at = Image::names_at; at < 0x20'0000; at += 8)
            image.poke(Image::physical_of(at), 0x0101'0101'0101'0101); // "kernel_"
        image.poke(Image::physical_of(Image::symbol_count_at), Symbols::most_symbols);
        CHECK(find(image, {"_stext"}) == Found(1));
    }
    SECTION("one name is of impossible length")
    {
        image.poke(Image::physical_of(Image::names_at), 0x0101'0101'0101'ffff);
        for (auto at = Image::names_at + 8; at < Image::names_at + 0x4000; at += 8)
            image.poke(Image::physical_of(at), 0x0101'0101'0101'0101);
        CHECK(find(image, {"_stext"}) == Found(1));
    }
}

TEST_CASE("Tokens that lead nowhere")
{
    Image image{{.symbols = Form::plain}};
    SECTION("without an end")
    {
        for (std::uint64_t i = 0; i < 0x20000; i += 8)
            image.poke(Image::physical_of(Image::tokens_at + i), 0x4141'4141'4141'4141);
        CHECK(find(image, {"_stext"}).empty());
    }
    SECTION("in the wrong place: other names")
    {
        image.poke(Image::physical_of(Image::token_index_at + 2 * '_'), 0);
        CHECK(find(image, {"avenrun"}) == Found(1));
    }
}

TEST_CASE("Addresses of tables that are none")
{
    Image image{{.symbols = Form::plain}};
    const auto memory = image.memory();
    const auto note = image.note();
    const auto line = GENERATE("kallsyms_names", "kallsyms_num_syms", "kallsyms_token_table", "kallsyms_token_index",
                               "kallsyms_offsets", "kallsyms_relative_base", "_stext");
    const auto value = GENERATE("ffffffffffffffff", "fffffffffffffffc", "0", "ffff888000000000", "x");
    CAPTURE(line, value);
    const auto at = note.find(std::string{"SYMBOL("} + line + ")=") + std::string_view{line}.size() + 9;
    const auto kernel = Kernel::open(memory, std::string{note}.replace(at, note.find('\n', at) - at, value));
    REQUIRE(kernel);
    const auto symbols = Symbols::open(kernel->space(), kernel->info());
    CHECK((!symbols || symbols->find(std::vector<std::string_view>{"avenrun"}) == Found(1)));
}
