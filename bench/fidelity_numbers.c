/* SPDX-License-Identifier: MIT */
/* Numbers: samples drawn from one stated seed, and the values that are special. */
#include "fidelity.h"

#include "ours_probe.pb-c.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { DOUBLES = 50000, FLOATS = 20000, INTEGERS = 10000, BATCH = 250 };
#define SEED UINT64_C(20251)

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* What the next batch sends; a single thread asks. */
static double doubles[BATCH];
static float floats[BATCH];
static int64_t signeds[BATCH];
static uint64_t unsigneds[BATCH];

/* One kind of number in a Probe's array. */
struct array {
    void (*send)(OursProbe__Probe *message, size_t first, size_t n); /* some of the batch */
    size_t (*count)(const OursProbe__Probe *message);
    /* Steps from the i-th of one to that of the other; 0 is bit-exact. */
    uint64_t (*distance)(const OursProbe__Probe *sent, const OursProbe__Probe *back, size_t i);
};

/* ---- the arrays ------------------------------------------------------------------------------ */

/* The bits of a double, ordered as the reals are: neighbours are one apart, -0.0 and 0.0 too. */
static uint64_t ordered(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static uint32_t ordered_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 31 ? ~bits : bits | UINT32_C(1) << 31;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static void send_doubles(OursProbe__Probe *message, size_t first, size_t n)
{
    message->reals64 = doubles + first;
    message->n_reals64 = n;
}

static size_t count_doubles(const OursProbe__Probe *message)
{
    return message->n_reals64;
}

static uint64_t double_distance(const OursProbe__Probe *sent, const OursProbe__Probe *back,
                                size_t i)
{
    return apart(ordered(sent->reals64[i]), ordered(back->reals64[i]));
}

static void send_floats(OursProbe__Probe *message, size_t first, size_t n)
{
    message->reals32 = floats + first;
    message->n_reals32 = n;
}

static size_t count_floats(const OursProbe__Probe *message)
{
    return message->n_reals32;
}

static uint64_t float_distance(const OursProbe__Probe *sent, const OursProbe__Probe *back, size_t i)
{
    return apart(ordered_float(sent->reals32[i]), ordered_float(back->reals32[i]));
}

static void send_integers(OursProbe__Probe *message, size_t first, size_t n)
{
    message->i64s = signeds + first;
    message->u64s = unsigneds + first;
    message->n_i64s = message->n_u64s = n;
}

static size_t count_integers(const OursProbe__Probe *message)
{
    return message->n_i64s == message->n_u64s ? message->n_i64s : 0;
}

static uint64_t integer_distance(const OursProbe__Probe *sent, const OursProbe__Probe *back,
                                 size_t i)
{
    return sent->i64s[i] != back->i64s[i] || sent->u64s[i] != back->u64s[i];
}

static const struct array double_array = {send_doubles, count_doubles, double_distance};
static const struct array float_array = {send_floats, count_floats, float_distance};
static const struct array integer_array = {send_integers, count_integers, integer_distance};

/* ---- a sample through a codec ---------------------------------------------------------------- */

/* One number that a codec refuses takes its whole batch with it: that is asked again in halves. */
static void ask_some(struct fidelity_bed *bed, const struct array *array, size_t first, size_t n,
                     struct fidelity_answer *answer)
{
    OursProbe__Probe sent = OURS_PROBE__PROBE__INIT;
    ProtobufCMessage *message;
    array->send(&sent, first, n);
    int err = fidelity_encode(bed, bed->plan, &sent.base);
    if (err == 0)
        err = fidelity_decode(bed, bed->plan, bed->buffer, bed->len, &message);
    if (err != 0 && n > 1) {
        ask_some(bed, array, first, n / 2, answer);
        ask_some(bed, array, first + n / 2, n - n / 2, answer);
        return;
    }
    const OursProbe__Probe *back = err == 0 ? (const OursProbe__Probe *)message : &sent;
    if (err != 0 || array->count(back) != n) {
        answer->refused += n;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const uint64_t distance = array->distance(&sent, back, i);
        answer->changed += distance > 0;
        if (distance > answer->max_ulp)
            answer->max_ulp = distance;
    }
}

static struct fidelity_answer ask(struct fidelity_bed *bed, const struct array *array,
                                  void (*fill)(uint64_t *state, size_t n), size_t count)
{
    struct fidelity_answer answer = {.sampled = true, .sample = count};
    uint64_t state = SEED;
    if (!bed->codec->own && (!bed->source || !bed->codec->decode))
        return fidelity_say("not probed");
    for (size_t at = 0; at < count; at += BATCH) {
        const size_t n = count - at < BATCH ? count - at : BATCH;
        fill(&state, n);
        ask_some(bed, array, 0, n, &answer);
    }
    answer.outcome = answer.changed                    ? "changed"
                     : answer.refused == answer.sample ? "refused"
                     : answer.refused                  ? "some refused"
                                                       : "kept";
    return answer;
}

/* ---- samples --------------------------------------------------------------------------------- */

static void fill_double_bits(uint64_t *state, size_t n)
{
    for (size_t i = 0; i < n; i += isfinite(doubles[i]) != 0) {
        const uint64_t bits = next_random(state);
        memcpy(&doubles[i], &bits, sizeof bits);
    }
}

static struct fidelity_answer ask_double_bits(struct fidelity_bed *bed)
{
    return ask(bed, &double_array, fill_double_bits, DOUBLES);
}

static void fill_double_unit(uint64_t *state, size_t n)
{
    for (size_t i = 0; i < n; i++)
        doubles[i] = (double)(next_random(state) >> 11) * 0x1p-53;
}

static struct fidelity_answer ask_double_unit(struct fidelity_bed *bed)
{
    return ask(bed, &double_array, fill_double_unit, DOUBLES);
}

static const double double_extremes[] = {
    DBL_MAX,
    -DBL_MAX,
    DBL_MIN,
    -DBL_MIN,
    DBL_MIN - 0x1p-1074,
    0x1p-1074,
    -0x1p-1074,
    0x1.fffffffffffffp1022,
    DBL_EPSILON,
    0x1p53 + 2,
};

static void fill_double_extremes(uint64_t *state, size_t n)
{
    (void)state;
    memcpy(doubles, double_extremes, n * sizeof *doubles);
}

static struct fidelity_answer ask_double_extremes(struct fidelity_bed *bed)
{
    return ask(bed, &double_array, fill_double_extremes,
               sizeof double_extremes / sizeof *double_extremes);
}

static void fill_float_bits(uint64_t *state, size_t n)
{
    for (size_t i = 0; i < n; i += isfinite(floats[i]) != 0) {
        const uint32_t bits = (uint32_t)(next_random(state) >> 32);
        memcpy(&floats[i], &bits, sizeof bits);
    }
}

static struct fidelity_answer ask_float_bits(struct fidelity_bed *bed)
{
    return ask(bed, &float_array, fill_float_bits, FLOATS);
}

static void fill_float_unit(uint64_t *state, size_t n)
{
    for (size_t i = 0; i < n; i++)
        floats[i] = (float)(next_random(state) >> 40) * 0x1p-24f;
}

static struct fidelity_answer ask_float_unit(struct fidelity_bed *bed)
{
    return ask(bed, &float_array, fill_float_unit, FLOATS);
}

static const float float_extremes[] = {FLT_MAX,    -FLT_MAX,           FLT_MIN, -FLT_MIN, 0x1p-149f,
                                       -0x1p-149f, FLT_MIN - 0x1p-149f};

static void fill_float_extremes(uint64_t *state, size_t n)
{
    (void)state;
    memcpy(floats, float_extremes, n * sizeof *floats);
}

static struct fidelity_answer ask_float_extremes(struct fidelity_bed *bed)
{
    return ask(bed, &float_array, fill_float_extremes,
               sizeof float_extremes / sizeof *float_extremes);
}

/* Odd, and beyond 2^53 either way: no double is one of them. The ends of the types come first. */
static void fill_integers(uint64_t *state, size_t n)
{
    static const int64_t ends[] = {INT64_MIN, INT64_MAX, (INT64_C(1) << 53) + 1,
                                   -(INT64_C(1) << 53) - 1};
    const bool first = *state == SEED;
    for (size_t i = 0; i < n; i++) {
        const int64_t size = (int64_t)(next_random(state) >> 1 | UINT64_C(1) << 53 | 1);
        signeds[i] = next_random(state) >> 63 ? -size : size;
        unsigneds[i] = (uint64_t)size << (next_random(state) >> 63) | 1;
    }
    if (first) {
        memcpy(signeds, ends, sizeof ends);
        unsigneds[0] = UINT64_MAX;
    }
}

static struct fidelity_answer ask_integers(struct fidelity_bed *bed)
{
    struct fidelity_answer answer = ask(bed, &integer_array, fill_integers, INTEGERS);
    answer.max_ulp = 0; /* a changed one is wrong, however near */
    return answer;
}

/* ---- single values --------------------------------------------------------------------------- */

static bool can_ask(const struct fidelity_bed *bed)
{
    return bed->codec->own || (bed->source && bed->codec->decode);
}

/* The message there and back; on the way out or in, who refused it. */
static const char *travel(struct fidelity_bed *bed, const OursProbe__Probe *sent,
                          const OursProbe__Probe **back)
{
    ProtobufCMessage *message;
    *back = NULL;
    if (!can_ask(bed))
        return "not probed";
    if (fidelity_encode(bed, bed->plan, &sent->base) != 0)
        return "refused on encode";
    if (fidelity_decode(bed, bed->plan, bed->buffer, bed->len, &message) != 0)
        return "refused on decode";
    *back = (const OursProbe__Probe *)message;
    return NULL;
}

/* In an array: whether a field that is zero is there at all is another question. */
static struct fidelity_answer ask_special(struct fidelity_bed *bed, double value)
{
    OursProbe__Probe sent = OURS_PROBE__PROBE__INIT;
    const OursProbe__Probe *back;
    sent.reals64 = &value;
    sent.n_reals64 = 1;
    const char *refused = travel(bed, &sent, &back);
    if (refused)
        return fidelity_say(refused);
    if (back->n_reals64 != 1)
        return fidelity_say("lost");
    if (memcmp(back->reals64, &value, sizeof value) == 0)
        return fidelity_say("kept");
    return fidelity_say(isnan(value) && isnan(back->reals64[0]) ? "another NaN" : "changed");
}

static struct fidelity_answer ask_negative_zero(struct fidelity_bed *bed)
{
    return ask_special(bed, -0.0);
}

/* A field without presence (proto3) is there if it is not zero; -0.0 equals zero, and is not it. */
static struct fidelity_answer ask_negative_zero_field(struct fidelity_bed *bed)
{
    OursProbe__Probe sent = OURS_PROBE__PROBE__INIT;
    const OursProbe__Probe *back;
    sent.real64 = -0.0;
    const char *refused = NULL;
    if (bed->codec->own) { /* protobuf-c, which would bring it there, leaves it out */
        static const uint8_t bytes[] = {1 << 3 | 1, 0, 0, 0, 0, 0, 0, 0, 0x80};
        ProtobufCMessage *message;
        if (fidelity_decode(bed, bed->plan, bytes, sizeof bytes, &message) != 0)
            refused = "refused on decode";
        back = (const OursProbe__Probe *)message;
    } else {
        refused = travel(bed, &sent, &back);
    }
    if (refused)
        return fidelity_say(refused);
    return fidelity_say(back->real64 == 0 && signbit(back->real64) ? "kept" : "0.0");
}

static struct fidelity_answer ask_negative_zero_float(struct fidelity_bed *bed)
{
    OursProbe__Probe sent = OURS_PROBE__PROBE__INIT;
    const OursProbe__Probe *back;
    float value = -0.0f;
    sent.reals32 = &value;
    sent.n_reals32 = 1;
    const char *refused = travel(bed, &sent, &back);
    if (refused)
        return fidelity_say(refused);
    if (back->n_reals32 != 1)
        return fidelity_say("lost");
    return fidelity_say(back->reals32[0] == 0 && signbit(back->reals32[0]) ? "kept" : "0.0");
}

static struct fidelity_answer ask_nan(struct fidelity_bed *bed)
{
    return ask_special(bed, NAN);
}

/* A quiet NaN with something in its payload, and its sign set. */
static struct fidelity_answer ask_nan_payload(struct fidelity_bed *bed)
{
    const uint64_t bits = UINT64_C(0xfff8000000c0ffee);
    double value;
    memcpy(&value, &bits, sizeof value);
    return ask_special(bed, value);
}

static struct fidelity_answer ask_infinities(struct fidelity_bed *bed)
{
    const struct fidelity_answer plus = ask_special(bed, (double)INFINITY);
    const struct fidelity_answer minus = ask_special(bed, -(double)INFINITY);
    return strcmp(plus.outcome, minus.outcome) == 0 ? plus : fidelity_say("one of two kept");
}

/* ---- what a foreign writer may write --------------------------------------------------------- */

/* 2^53 + 1 as a JSON number, which a reader by way of a double cannot tell from 2^53. */
static struct fidelity_answer ask_unquoted(struct fidelity_bed *bed)
{
    static const char token[] = "9007199254740993";
    const struct foreign_field field = {
        .id = 3, .kind = FOREIGN_TOKEN, .text = token, .len = sizeof token - 1};
    ProtobufCMessage *message;
    const int err =
        fidelity_decode_foreign(bed, bed->plan, &(struct foreign_message){&field, 1}, &message);
    if (!foreign_says(bed->format, FOREIGN_TOKEN))
        return fidelity_say(bed->format == FOREIGN_UNKNOWN ? "not probed" : "not applicable");
    if (err != 0)
        return fidelity_say(err == -ENOTSUP ? "not probed" : "refused");
    return fidelity_say(
        ((OursProbe__Probe *)message)->i64 == INT64_C(9007199254740993) ? "kept" : "changed");
}

#define GROUP "Numbers"
const struct fidelity_probe fidelity_numbers[] = {
    {"doubles_bits", GROUP, "doubles, uniform over finite bit patterns", ask_double_bits},
    {"doubles_unit", GROUP, "doubles, uniform in [0, 1)", ask_double_unit},
    {"doubles_extremes", GROUP, "largest, smallest and subnormal doubles", ask_double_extremes},
    {"negative_zero", GROUP, "−0.0 in an array", ask_negative_zero},
    {"negative_zero_field", GROUP, "−0.0 in a field without presence", ask_negative_zero_field},
    {"floats_bits", GROUP, "floats, uniform over finite bit patterns", ask_float_bits},
    {"floats_unit", GROUP, "floats, uniform in [0, 1)", ask_float_unit},
    {"floats_extremes", GROUP, "largest, smallest and subnormal floats", ask_float_extremes},
    {"negative_zero_float", GROUP, "−0.0 as a float in an array", ask_negative_zero_float},
    {"integers", GROUP, "64-bit integers beyond 2^53", ask_integers},
    {"integer_unquoted", GROUP, "2^53 + 1 as a JSON number", ask_unquoted},
    {"nan", GROUP, "NaN", ask_nan},
    {"nan_payload", GROUP, "a NaN's sign and payload", ask_nan_payload},
    {"infinities", GROUP, "±infinity", ask_infinities},
    {0},
};
