// SPDX-License-Identifier: LGPL-2.1-or-later
// A partition's memory is whatever its kernel makes of it. The input overwrites parts of a good image, once before it
// is looked at and once more while its log is followed; what is read out keeps the promises of the headers, and costs
// no more than it may: no more steps than the look has, and no work that these do not stand for.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iostream>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "image.h"
#include "introspect/early.h"
#include "introspect/elf_core.h"
#include "introspect/kernel.h"
#include "introspect/log_cursor.h"
#include "introspect/look.h"
#include "introspect/note.h"
#include "introspect/panic.h"
#include "introspect/symbols.h"
#include "introspect/vitals.h"

using namespace parker::introspect;

namespace {

constexpr std::size_t text_most = 0xffff; // printk_info.text_len has 16 bits

void require(bool condition, const char* what)
{
    if (condition)
        return;
    std::cerr << "broken promise: " << what << '\n';
    std::abort();
}

constexpr Look::Limits limits{50'000, 64 * parker::MiB, std::chrono::hours{1}};
constexpr std::uint64_t largest_step = 5'000;            // what is paid for at once: a note, a read of a megabyte
constexpr std::uint64_t most_nanoseconds_a_step = 5'000; // with sanitizers; without, 100 are usual
constexpr std::uint64_t most_nanoseconds_free = 1'000'000'000;

std::uint64_t processor_nanoseconds()
{
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

// One look, from its beginning to its end.
class Paid {
public:
    explicit Paid(Look& look) : look_{look} { look_.begin(limits); }
    ~Paid()
    {
        require(look_.steps() <= limits.steps + largest_step, "the steps of a look");
        require(look_.bytes() <= limits.bytes + parker::MiB, "the bytes of a look");
        require(processor_nanoseconds() - begun_ <= look_.steps() * most_nanoseconds_a_step + most_nanoseconds_free,
                "a look whose steps stand for its work");
    }
    Paid(const Paid&) = delete;
    Paid& operator=(const Paid&) = delete;

private:
    Look& look_;
    std::uint64_t begun_ = processor_nanoseconds();
};

class Input {
public:
    explicit Input(std::span<const std::uint8_t> bytes) : bytes_{bytes} {}
    bool empty() const { return bytes_.empty(); }
    std::uint64_t number(std::size_t bytes)
    {
        std::uint64_t value = 0;
        for (; bytes > 0 && !bytes_.empty(); --bytes, bytes_ = bytes_.subspan(1))
            value = value << 8 | bytes_[0];
        return value;
    }

private:
    std::span<const std::uint8_t> bytes_;
};

// What is worth hitting, by its physical address; the last two are everywhere.
std::uint64_t target(std::uint64_t kind, std::uint64_t offset)
{
    switch (kind % 14) {
    case 0:
        return Image::note_at + offset % 2048;
    case 1:
        return Image::physical_of(Image::prb_at);
    case 2:
        return Image::physical_of(Image::ring_at) + offset % 96;
    case 3:
        return Image::physical_of(Image::descs_at) + offset % (16 * 24);
    case 4:
        return Image::physical_of(Image::infos_at) + offset % (16 * 88);
    case 5: // page tables: the top one's entries in use, and those below it
        return Image::physical_of(Image::top_table_at) + 8 * (offset % 2 == 0 ? 511 : 273);
    case 6:
        return 0x1'0010'0000 + offset % 0x6000;
    case 7:
        return Image::range_start[1] + Image::range_bytes[1] - 0x2000 + offset % 0x1000;
    case 8:
        return Image::physical_of(Image::variables_at) + offset % 0x300;
    case 9:
        return Image::times_physical(0) + offset % (3 * Image::percpu_bytes);
    case 10: // the tables of symbols: count, base, offsets, tokens, names
        return Image::physical_of(Image::symbols_at) + offset % 0x5000;
    case 11:
        return Image::physical_of(Image::names_at) + offset % 0x1800;
    case 12:
        return Image::range_start[0] + offset % (Image::range_bytes[0] - 8);
    default:
        return Image::range_start[1] + offset % (Image::range_bytes[1] - 8);
    }
}

// A whole page, as of a table that is full: all the same, or each a little further on.
void fill(Image& image, Input& input, std::uint64_t kind)
{
    const auto range = kind % 2;
    const auto page = input.number(2) % (Image::range_bytes.at(range) / parker::page_bytes);
    const auto first = input.number(8);
    const auto further = input.number(1) * parker::page_bytes / 8;
    for (std::uint64_t entry = 0; entry < parker::page_bytes / 8; ++entry)
        image.poke(Image::range_start.at(range) + page * parker::page_bytes + entry * 8, first + entry * further);
}

void overwrite(Image& image, Input& input, unsigned times)
{
    for (; times > 0 && !input.empty(); --times) {
        const auto kind = input.number(1);
        if (kind >= 0xf8) {
            fill(image, input, kind);
            continue;
        }
        const auto at = target(kind, input.number(2 + kind / 128)); // 64 bits at a time
        image.poke(at, kind % 3 == 0 ? image.peek(at) ^ input.number(8) : input.number(8));
    }
}

void follow(const Kernel& kernel, LogCursor& cursor, bool dead)
{
    const Paid paid{kernel.look()};
    PanicWatch watch;
    // Each call goes on by one at least or says that there is nothing, and no ring has more to tell than this for long.
    for (unsigned i = 0; i < 1000; ++i) {
        const auto step = cursor.next(kernel.ring(), dead);
        if (step.none())
            break;
        if (step.record) {
            require(step.record->text.size() <= text_most, "the length of a text");
            require(step.record->level < 8, "a level");
            require(step.record->seq + 1 == cursor.seq(), "the record that was asked for");
            watch.see(*step.record);
        }
    }
    require(watch.line().size() <= PanicWatch::most_bytes, "the length of a line");
}

void lay_out(const PhysicalMemory& memory, const Kernel& kernel)
{
    const Paid paid{kernel.look()};
    const auto core = elf_core(memory, &kernel);
    require(core.segments.size() == memory.pieces().size(), "a segment for each piece of memory");
    auto end = core.head.size();
    for (const auto& [offset, bytes] : core.segments) {
        require(offset >= end, "segments that do not overlap");
        end = offset + bytes.size();
    }
    require(end == core.file_bytes, "the size of the file");
    require(kernel.image().bytes <= parker::GiB, "the size of the kernel's image");
}

// Of a partition with all of the image's memory and two CPUs.
void feel(const Kernel& kernel)
{
    constexpr std::uint64_t memory_bytes = Image::range_bytes[0] + Image::range_bytes[1];
    constexpr unsigned cpus = 2;
    const Paid paid{kernel.look()};
    constexpr std::array<std::string_view, 3> names{"_stext", "filler_7", "nothing"};
    if (const auto symbols = Symbols::open(kernel.space(), kernel.info())) {
        const auto found = symbols->find(names);
        require(found.size() == names.size(), "a place for each name");
        require(!found[0] || found[0] == kernel.info().symbol("_stext"), "the symbol that the note has");
    }
    const auto vitals = read_vitals(kernel.space(), VitalPlaces::find(kernel), memory_bytes, cpus);
    require(vitals.memory_total.value_or(0) <= memory_bytes, "the memory that there is");
    require(vitals.memory_free.value_or(0) <= vitals.memory_total.value_or(0), "free memory");
    require(vitals.cpus.size() <= cpus, "the CPUs that there are");
    for (const auto load : vitals.load_average.value_or(std::array<double, 3>{}))
        require(load >= 0 && load <= 1e6, "a load");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    Input input{{data, size}};
    const auto options = input.number(1);
    using Form = Image::Options::Symbols;
    Image image{{.five_levels = (options & 1) != 0,
                 .tight = (options & 2) != 0,
                 .symbols = (options & 4) != 0 ? Form::absolute_percpu : Form::plain}};
    image.log(image.banner());
    for (auto lines = options >> 2; lines > 0; --lines)
        image.log(std::string(lines * 29 % 200, static_cast<char>('a' + lines % 26)));
    overwrite(image, input, 8);

    const auto memory = image.memory();
    NoteSearch search{memory};
    std::optional<Kernel> with_note;
    {
        const Paid paid{memory.look()};
        while (!with_note && !search.done() && !memory.look().over())
            if (const auto note = search.next(4096))
                with_note = Kernel::open(memory, *note);
    }
    if (const auto& kernel = with_note) {
        require(!kernel->release().empty(), "a release");
        LogCursor cursor;
        follow(*kernel, cursor, false);
        overwrite(image, input, 8);
        feel(*kernel);
        lay_out(memory, *kernel);
        follow(*kernel, cursor, false);
        follow(*kernel, cursor, true);
    }
    TableSearch tables{memory};
    for (unsigned i = 0; i < 8 && !tables.done(); ++i) {
        std::optional<Kernel> kernel;
        {
            const Paid paid{memory.look()};
            while (!kernel && !tables.done() && !memory.look().over())
                if (const auto table = tables.next(4096))
                    kernel = Kernel::open_early(memory, *table);
        }
        if (!kernel)
            break;
        require(!kernel->release().empty() && kernel->release().size() <= 64, "a release");
        LogCursor cursor;
        follow(*kernel, cursor, true);
        lay_out(memory, *kernel);
    }
    return 0;
}
