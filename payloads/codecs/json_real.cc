// SPDX-License-Identifier: MIT
#include "json_real.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <string_view>

namespace
{

// The number is out of range: is it a small one? Where its first digit other than 0 stands says.
bool is_small(std::string_view text)
{
    long place = 0, exponent = 0;
    bool counting = false, behind_point = false;
    const std::size_t e = text.find_first_of("eE");
    for (const char c : text.substr(0, e)) {
        if (c == '.')
            behind_point = true;
        else if (counting && !behind_point)
            place++;
        else if (c > '0' && c <= '9' && !counting)
            counting = true;
        if (!counting && behind_point)
            place--;
        if (counting && behind_point)
            break;
    }
    if (e != std::string_view::npos) {
        const std::size_t digits = e + (text[e + 1] == '+' ? 2 : 1);
        const auto end = text.data() + text.size();
        if (std::from_chars(text.data() + digits, end, exponent).ec != std::errc())
            return text[e + 1] == '-';
    }
    return place + exponent < 0;
}

template <typename Real> int get(const char *text, std::size_t len, Real *value)
{
    const auto result = std::from_chars(text, text + len, *value);
    if (result.ec == std::errc() && result.ptr == text + len)
        return std::isfinite(*value) ? 0 : -EBADMSG;
    if (result.ec != std::errc::result_out_of_range || !is_small({text, len}))
        return -EBADMSG;
    *value = *text == '-' ? -Real(0) : Real(0);
    return 0;
}

// Digits without a point are an integer to many a reader: "-0" is one that knows no -0 (simdjson,
// Python), and from 2^63 on it is none at all (simdjson, Jansson). What is as large has 16 digits
// or an exponent.
template <typename Real> char *put(char *at, Real value)
{
    char *end = std::to_chars(at, at + JSON_PUT_REAL, value).ptr;
    const bool is_large = std::fabs(value) >= Real(0x1p53) && std::find(at, end, 'e') == end;
    if (is_large || (value == 0 && end == at + 2)) {
        *end++ = '.';
        *end++ = '0';
    }
    return end;
}

} // namespace

char *json_put_double(char *at, double value)
{
    return put(at, value);
}

char *json_put_float(char *at, float value)
{
    return put(at, value);
}

int json_get_double(const char *text, size_t len, double *value)
{
    return get(text, len, value);
}

int json_get_float(const char *text, size_t len, float *value)
{
    return get(text, len, value);
}
