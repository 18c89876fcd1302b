// SPDX-License-Identifier: LGPL-2.1-or-later
#include "introspect/vitals.h"

#include <catch2/catch.hpp>

#include "base/bytes.h"
#include "image.h"

using namespace parker;
using namespace parker::introspect;
using Form = Image::Options::Symbols;

namespace {

constexpr std::uint64_t memory_bytes = Image::range_bytes[0] + Image::range_bytes[1];
constexpr unsigned all_cpus = 2;

Vitals look(const Image& image, unsigned cpus = all_cpus)
{
    const auto memory = image.memory();
    const auto kernel = Kernel::open(memory, image.note());
    REQUIRE(kernel);
    return read_vitals(kernel->space(), VitalPlaces::find(*kernel), memory_bytes, cpus);
}

bool nothing(const Vitals& vitals)
{
    return !vitals.load_average && !vitals.memory_total && !vitals.memory_free && vitals.cpus.empty();
}

void poke(Image& image, std::uint64_t image_offset, std::uint64_t value)
{
    image.poke(Image::physical_of(image_offset), value);
}

} // namespace

TEST_CASE("A kernel's books are read")
{
    const Image image{{.symbols = GENERATE(Form::absolute_percpu, Form::plain)}};
    const auto vitals = look(image);
    CHECK(vitals.load_average == std::array{1.5, 0.25, 0.0});
    CHECK(vitals.memory_total == 4 * MiB);
    CHECK(vitals.memory_free == MiB);
    REQUIRE(vitals.cpus.size() == 2);
    const auto second = 1'000'000'000ULL;
    CHECK(vitals.cpus[0].number == 0);
    CHECK(vitals.cpus[0].user == second + 0);
    const auto& cpu = vitals.cpus[1];
    CHECK(cpu.number == 2);
    CHECK(cpu.user == 3 * second + 0);
    CHECK(cpu.nice == 3 * second + 1);
    CHECK(cpu.system == 3 * second + 2);
    CHECK(cpu.softirq == 3 * second + 3);
    CHECK(cpu.irq == 3 * second + 4);
    CHECK(cpu.steal == 3 * second + 7);
}

TEST_CASE("A kernel before 6.0 tells nothing")
{
    CHECK(nothing(look(Image{})));
}

TEST_CASE("Places that are nowhere give nothing")
{
    const Image image{{.symbols = Form::plain}};
    const auto memory = image.memory();
    const auto kernel = Kernel::open(memory, image.note());
    REQUIRE(kernel);
    const std::uint64_t where = GENERATE(std::uint64_t{0}, std::uint64_t{1}, 0xffff'ffff'ffff'fff8,
                                         0xffff'ffff'ffff'ffff, 0xffff'8880'0000'0000);
    CHECK(nothing(
        read_vitals(kernel->space(), {where, where, where, where, where, where, where}, memory_bytes, all_cpus)));
}

TEST_CASE("What cannot be is not believed")
{
    Image image{{.symbols = Form::plain}};
    SECTION("a load")
    {
        poke(image, Image::load_at + 16, ~std::uint64_t{0});
        CHECK_FALSE(look(image).load_average);
    }
    SECTION("more memory than there is")
    {
        poke(image, Image::pages_total_at, memory_bytes / page_bytes);
        CHECK(look(image).memory_total == memory_bytes);
        poke(image, Image::pages_total_at, memory_bytes / page_bytes + 1);
        CHECK_FALSE(look(image).memory_total);
        CHECK_FALSE(look(image).memory_free);
    }
    SECTION("more of it free than there is")
    {
        poke(image, Image::zones_at, 1025);
        CHECK(look(image).memory_total);
        CHECK_FALSE(look(image).memory_free);
    }
    SECTION("less than none of it")
    {
        poke(image, Image::zones_at, static_cast<std::uint64_t>(-3)); // CPUs have more to add
        CHECK(look(image).memory_free == 0);
        poke(image, Image::zones_at, std::uint64_t{1} << 63);
        CHECK_FALSE(look(image).memory_free);
    }
    SECTION("more CPUs than there are")
    {
        CHECK(look(image, 1).cpus.empty());
        poke(image, Image::cpu_ids_at, 8193);
        CHECK(look(image).cpus.empty());
        poke(image, Image::cpu_ids_at, 0xffff'ffff);
        CHECK(look(image).cpus.empty());
    }
    SECTION("a CPU whose variables are nowhere, or out of line")
    {
        const auto at = Image::percpu_offsets_at + 2 * 8;
        const auto good = image.peek(Image::physical_of(at));
        for (const std::uint64_t bad : {std::uint64_t{0}, good + 4, good + page_bytes, ~std::uint64_t{0}}) {
            poke(image, at, bad);
            const auto cpus = look(image).cpus;
            CAPTURE(bad);
            CHECK((bad == 0 ? cpus.size() <= 2 : cpus.size() == 1));
        }
    }
}

TEST_CASE("CPUs beyond the number of those that can be are not looked for")
{
    Image image{{.symbols = Form::absolute_percpu}};
    poke(image, Image::online_at, ~std::uint64_t{0});
    CHECK(look(image, 3).cpus.size() == 3);
    poke(image, Image::cpu_ids_at, 0);
    CHECK(look(image, 3).cpus.empty());
}
