// SPDX-License-Identifier: LGPL-2.1-or-later
#include "introspect/core_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace parker::introspect {
namespace {

using Bytes = std::span<const std::byte>;
using GoOn = std::function<bool()>;

constexpr auto object = "memory dump";
constexpr std::size_t step_bytes = MiB;
constexpr std::size_t hole_bytes = 64 * KiB; // the smallest hole: to write a few zeros costs less than an extent more
constexpr int poll_milliseconds = 100;
constexpr unsigned most_compressors = 4; // threads: a dump is not to take the machine

Error given_up()
{
    return Error{Code::cancelled, object, "was given up"};
}

// Where a core goes, from its beginning to its end.
class Output {
public:
    Output() = default;
    virtual ~Output() = default;
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    virtual void put(Bytes bytes) = 0;
    virtual void skip(std::uint64_t zeros)
    {
        static constexpr std::array<std::byte, 16 * page_bytes> nothing{};
        for (; zeros > 0; zeros -= std::min(zeros, std::uint64_t{nothing.size()}))
            put(Bytes{nothing}.first(std::min<std::size_t>(zeros, nothing.size())));
    }
    virtual void finish() = 0;
};

// How both kinds of file count and say what goes wrong.
class File : public Output {
public:
    explicit File(int file) : file_{file} {}
    std::uint64_t written() const { return written_; }

protected:
    // True: try again.
    bool wrote(ssize_t result, Bytes& bytes)
    {
        if (result < 0 && errno != EINTR && errno != EAGAIN)
            throw_errno(Code::failed, object, "cannot be written");
        if (result > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(result));
            written_ += static_cast<std::uint64_t>(result);
        }
        return !bytes.empty();
    }

    int file_;
    std::uint64_t written_ = 0;
};

class SparseFile : public File {
public:
    using File::File;

    void put(Bytes bytes) override
    {
        const auto end = at_ + bytes.size();
        while (wrote(::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(end - bytes.size())), bytes))
            ;
        at_ = end;
    }
    void skip(std::uint64_t zeros) override { at_ += zeros; }
    void finish() override
    {
        if (::ftruncate(file_, static_cast<off_t>(at_)) != 0 || ::fsync(file_) != 0)
            throw_errno(Code::failed, object, "cannot be written");
    }

private:
    std::uint64_t at_ = 0;
};

class Stream : public File {
public:
    Stream(int file, GoOn go_on) : File{file}, go_on_{std::move(go_on)} {}

    void put(Bytes bytes) override
    {
        while (wrote(::write(file_, bytes.data(), bytes.size()), bytes))
            wait();
    }
    void finish() override {}

private:
    void wait() const
    {
        pollfd ready{file_, POLLOUT, 0};
        (void)::poll(&ready, 1, poll_milliseconds);
        if (!go_on_()) // also of one who reads a little now and then
            throw given_up();
    }

    GoOn go_on_;
};

class Zstd : public Output {
public:
    Zstd(Output& to, std::uint64_t bytes) : to_{to}, context_{ZSTD_createCCtx()}, out_(ZSTD_CStreamOutSize())
    {
        if (!context_)
            throw Error{Code::failed, object, "there is no memory to compress it in"};
        const auto threads = std::clamp(std::thread::hardware_concurrency(), 1U, most_compressors);
        (void)ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, 1); // memory is much, and in a hurry
        (void)ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
        (void)ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_nbWorkers, static_cast<int>(threads)); // if it can
        (void)ZSTD_CCtx_setPledgedSrcSize(context_.get(), bytes);
    }

    void put(Bytes bytes) override { compress({bytes.data(), bytes.size(), 0}, ZSTD_e_continue); }
    void finish() override
    {
        compress({nullptr, 0, 0}, ZSTD_e_end);
        to_.finish();
    }

private:
    void compress(ZSTD_inBuffer in, ZSTD_EndDirective directive)
    {
        for (;;) {
            ZSTD_outBuffer out{out_.data(), out_.size(), 0};
            const auto left = ZSTD_compressStream2(context_.get(), &out, &in, directive);
            if (ZSTD_isError(left) != 0)
                throw Error{Code::failed, object, std::string{"zstd: "} + ZSTD_getErrorName(left)};
            to_.put(Bytes{out_}.first(out.pos));
            if (directive == ZSTD_e_end ? left == 0 : in.pos == in.size)
                return;
        }
    }

    struct Free {
        void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    };
    Output& to_;
    std::unique_ptr<ZSTD_CCtx, Free> context_;
    std::vector<std::byte> out_;
};

bool is_zero(Bytes bytes)
{
    return bytes.front() == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

// Blocks alternate between some that are zero and some that are not.
void put_blocks(Output& output, Bytes bytes)
{
    while (!bytes.empty()) {
        std::size_t end = 0;
        const auto block = [&bytes, &end] { return bytes.subspan(end, std::min(hole_bytes, bytes.size() - end)); };
        const bool zero = is_zero(block());
        do
            end += block().size();
        while (end < bytes.size() && is_zero(block()) == zero);
        if (zero)
            output.skip(end);
        else
            output.put(bytes.first(end));
        bytes = bytes.subspan(end);
    }
}

std::unique_ptr<File> open_output(int file, GoOn go_on)
{
    struct stat status {};
    const int flags = ::fcntl(file, F_GETFL);
    if (flags < 0 || ::fstat(file, &status) != 0)
        throw_errno(Code::invalid_argument, object, "its file");
    if ((flags & O_ACCMODE) == O_RDONLY || (flags & (O_APPEND | O_PATH)) != 0)
        throw Error{Code::invalid_argument, object, "its file is not open for writing anywhere in it"};
    if (S_ISREG(status.st_mode)) {
        if (status.st_size != 0)
            throw Error{Code::invalid_argument, object, "its file is not empty"};
        return std::make_unique<SparseFile>(file);
    }
    if (!S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode))
        throw Error{Code::invalid_argument, object, "its file is neither a regular one nor a pipe or socket"};
    if (::fcntl(file, F_SETFL, flags | O_NONBLOCK) != 0)
        throw_errno(Code::failed, object, "its pipe cannot be made non-blocking");
    return std::make_unique<Stream>(file, std::move(go_on));
}

} // namespace

std::uint64_t write_core(const ElfCore& core, int file, Compression compression, const Proceed& proceed,
                         const Fetch& fetch)
{
    std::uint64_t done = 0;
    const auto end = open_output(file, [&proceed, &done] { return proceed(done); });
    std::unique_ptr<Zstd> zstd;
    if (compression == Compression::zstd)
        zstd = std::make_unique<Zstd>(*end, core.file_bytes);
    Output& output = zstd ? static_cast<Output&>(*zstd) : *end;

    std::vector<std::byte> copy(step_bytes); // neither a compressor nor a search for holes may see its input change
    output.put(core.head);
    done = core.head.size();
    for (const auto& [offset, bytes] : core.segments) {
        output.skip(offset - done);
        done = offset;
        for (std::size_t at = 0; at < bytes.size(); at += step_bytes) {
            if (!proceed(done))
                throw given_up();
            const auto memory = bytes.subspan(at, std::min<std::size_t>(step_bytes, bytes.size() - at));
            const auto step = std::span{copy}.first(memory.size());
            if (!fetch)
                std::ranges::copy(memory, step.begin());
            else if (!fetch(memory, step))
                throw given_up();
            put_blocks(output, step);
            done += step.size();
        }
    }
    output.skip(core.file_bytes - done);
    output.finish();
    (void)proceed(core.file_bytes);
    return end->written();
}

} // namespace parker::introspect
