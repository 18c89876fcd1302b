// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>

namespace parker {

// Every table here is little endian, whatever compiles this. Out of bounds is a bug of the caller: std::out_of_range.
template <std::unsigned_integral T>
void put(std::span<std::byte> bytes, std::size_t offset, T value)
{
    if (offset > bytes.size() || bytes.size() - offset < sizeof(T))
        throw std::out_of_range{"put"};
    for (std::size_t i = 0; i < sizeof(T); ++i)
        bytes[offset + i] = static_cast<std::byte>(value >> (8 * i) & 0xff);
}

template <std::unsigned_integral T>
T get(std::span<const std::byte> bytes, std::size_t offset)
{
    if (offset > bytes.size() || bytes.size() - offset < sizeof(T))
        throw std::out_of_range{"get"};
    T value = 0;
    for (std::size_t i = sizeof(T); i-- > 0;)
        value = static_cast<T>(value << 8 | std::to_integer<T>(bytes[offset + i]));
    return value;
}

template <std::unsigned_integral T>
T get(std::string_view bytes, std::size_t offset)
{
    return get<T>(std::as_bytes(std::span{bytes}), offset);
}

inline void put_text(std::span<std::byte> bytes, std::size_t offset, std::string_view text)
{
    for (const char c : text)
        put<std::uint8_t>(bytes, offset++, static_cast<std::uint8_t>(c));
}

} // namespace parker
