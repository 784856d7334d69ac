/* SPDX-License-Identifier: MIT */
/* Text that is none, NUL bytes, and text that is hard to spell. */
#include "fidelity.h"

#include "ours_probe.pb-c.h"

#include <errno.h>
#include <string.h>

enum { TEXT = 6, NUMBER = 5 }; /* ids in ours_probe.proto */

/* What no UTF-8 holds: stray bytes, an overlong spelling, a surrogate, beyond U+10FFFF, a character
 * cut off. */
static const char *const invalid[] = {
    "a\xff\xfe z", "a\x80z", "a\xc0\xafz", "a\xed\xa0\x80z", "a\xf4\x90\x80\x80z", "a\xe4\xb8"};
enum { INVALID = sizeof invalid / sizeof *invalid };

static struct fidelity_answer count_invalid(uint64_t refused, uint64_t changed)
{
    return (struct fidelity_answer){.outcome = refused == INVALID       ? "refused"
                                               : changed == INVALID     ? "changed"
                                               : refused + changed == 0 ? "accepted"
                                               : refused > 0            ? "some refused"
                                                                        : "some changed",
                                    .sampled = true,
                                    .sample = INVALID,
                                    .refused = refused,
                                    .changed = changed};
}

static struct fidelity_answer ask_invalid_encode(struct fidelity_bed *bed)
{
    uint64_t refused = 0, changed = 0;
    if (bed->codec->own) /* its decoder would speak first, to make the struct */
        return fidelity_say("not probed");
    if (!bed->codec->encode)
        return fidelity_say("not applicable");
    for (size_t i = 0; i < INVALID; i++) {
        OursProbe__Probe sent = OURS_PROBE__PROBE__INIT;
        sent.text = (char *)(uintptr_t)invalid[i];
        if (fidelity_encode(bed, bed->plan, &sent.base) != 0)
            refused++;
        else
            changed += !memmem(bed->buffer, bed->len, invalid[i], strlen(invalid[i]));
    }
    return count_invalid(refused, changed);
}

static int decode_text(struct fidelity_bed *bed, enum foreign_kind kind, const char *text,
                       size_t len, const OursProbe__Probe **back)
{
    const struct foreign_field field = {.id = TEXT, .kind = kind, .text = text, .len = len};
    ProtobufCMessage *message;
    const int err =
        fidelity_decode_foreign(bed, bed->plan, &(struct foreign_message){&field, 1}, &message);
    *back = (const OursProbe__Probe *)message;
    return err;
}

static struct fidelity_answer ask_invalid_decode(struct fidelity_bed *bed)
{
    uint64_t refused = 0, changed = 0;
    const OursProbe__Probe *back;
    for (size_t i = 0; i < INVALID; i++) {
        const int err = decode_text(bed, FOREIGN_TEXT, invalid[i], strlen(invalid[i]), &back);
        if (err == -ENOTSUP)
            return fidelity_say("not probed");
        if (err != 0)
            refused++;
        else
            changed += strcmp(back->text, invalid[i]) != 0;
    }
    return count_invalid(refused, changed);
}

/* Half of a surrogate pair, which is no character. */
static struct fidelity_answer ask_surrogate(struct fidelity_bed *bed)
{
    static const char token[] = "\"a\\ud800z\"";
    const OursProbe__Probe *back;
    const int err = decode_text(bed, FOREIGN_TOKEN, token, sizeof token - 1, &back);
    if (!foreign_says(bed->format, FOREIGN_TOKEN))
        return fidelity_say(bed->format == FOREIGN_UNKNOWN ? "not probed" : "not applicable");
    if (err != 0)
        return fidelity_say(err == -ENOTSUP ? "not probed" : "refused");
    return fidelity_say("accepted");
}

/* A string of the struct ends at its first NUL, whatever lies behind it. */
static struct fidelity_answer ask_nul(struct fidelity_bed *bed)
{
    const OursProbe__Probe *back;
    const int err = decode_text(bed, FOREIGN_TEXT, "a\0b", 3, &back);
    if (err != 0)
        return fidelity_say(err == -ENOTSUP ? "not probed" : "refused");
    /* A struct of its own may hold more: it was written again, length and all. */
    if (bed->codec->own && memcmp(back->text, "a\0b", 4) == 0)
        return fidelity_say("kept");
    return fidelity_say(strcmp(back->text, "a") == 0 ? "cut at the NUL" : "changed");
}

static struct fidelity_answer ask_bytes(struct fidelity_bed *bed)
{
    OursProbe__Probe sent = OURS_PROBE__PROBE__INIT;
    ProtobufCMessage *message;
    uint8_t every[256];
    for (size_t i = 0; i < sizeof every; i++)
        every[i] = (uint8_t)i;
    sent.raw = (ProtobufCBinaryData){sizeof every, every};
    if (!bed->codec->own && (!bed->source || !bed->codec->decode))
        return fidelity_say("not probed");
    if (fidelity_encode(bed, bed->plan, &sent.base) != 0)
        return fidelity_say("refused on encode");
    if (fidelity_decode(bed, bed->plan, bed->buffer, bed->len, &message) != 0)
        return fidelity_say("refused on decode");
    const ProtobufCBinaryData *back = &((const OursProbe__Probe *)message)->raw;
    return fidelity_say(back->len == sizeof every && memcmp(back->data, every, back->len) == 0
                            ? "kept"
                            : "changed");
}

/* Everything that needs care: what JSON escapes, two to four bytes, the last character, a
 * non-character, and every control character. */
static struct fidelity_answer ask_text(struct fidelity_bed *bed)
{
    char text[96] = "\"\\/ é 中文 \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf \xef\xbf\xbf \xe2\x80\xa8 \x7f";
    OursProbe__Probe sent = OURS_PROBE__PROBE__INIT;
    ProtobufCMessage *message;
    size_t len = strlen(text);
    for (char control = 1; control < 0x20; control++)
        text[len++] = control;
    sent.text = text;
    if (!bed->codec->own && (!bed->source || !bed->codec->decode))
        return fidelity_say("not probed");
    if (fidelity_encode(bed, bed->plan, &sent.base) != 0)
        return fidelity_say("refused on encode");
    if (fidelity_decode(bed, bed->plan, bed->buffer, bed->len, &message) != 0)
        return fidelity_say("refused on decode");
    return fidelity_say(strcmp(((const OursProbe__Probe *)message)->text, text) == 0 ? "kept"
                                                                                     : "changed");
}

#define GROUP "Text and bytes"
const struct fidelity_probe fidelity_text[] = {
    {"text", GROUP, "control characters, escapes, emoji, U+10FFFF", ask_text},
    {"utf8_encode", GROUP, "invalid UTF-8, encoding", ask_invalid_encode},
    {"utf8_decode", GROUP, "invalid UTF-8, decoding", ask_invalid_decode},
    {"surrogate", GROUP, "half a surrogate pair, escaped in JSON", ask_surrogate},
    {"nul", GROUP, "NUL within a string, decoding", ask_nul},
    {"bytes", GROUP, "all 256 byte values", ask_bytes},
    {0},
};
