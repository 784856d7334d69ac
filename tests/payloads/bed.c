/* SPDX-License-Identifier: MIT */
#include "bed.h"

#include "bed_table.h" /* made from bed_names: declarations, and OWN_PAYLOADS */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct payload own[] = {OWN_PAYLOADS};
enum { OWN = sizeof(own) / sizeof(own[0]) };

struct subject *subjects;
static uint8_t *wall;
static const size_t walled_max = (size_t)4 << 20;

static int set_up_subject(struct subject *subject, const struct payload *payload)
{
    char why[512] = "";
    subject->payload = *payload;
    if (corpus_load(&subject->corpus, payload, NULL, why, sizeof(why)) == 0 &&
        plan_create(&subject->plan, payload, why, sizeof(why)) == 0)
        return 0;
    fprintf(stderr, "%s: %s\n", payload->name, why);
    return -1;
}

int bed_set_up(void **state)
{
    size_t count = 0;
    (void)state;
    while (payloads[count].name != NULL)
        count++;
    subjects = calloc(count + OWN + 1, sizeof(*subjects));
    for (size_t i = 0; i < count + OWN; i++) {
        if (set_up_subject(&subjects[i], i < count ? &payloads[i] : &own[i - count]) != 0)
            return -1;
        for (size_t earlier = 0; earlier < i; earlier++)
            subjects[i].again |= subjects[earlier].payload.type == subjects[i].payload.type;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    wall =
        mmap(NULL, walled_max + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return wall == MAP_FAILED ? -1 : mprotect(wall + walled_max, page, PROT_NONE);
}

int bed_tear_down(void **state)
{
    (void)state;
    for (struct subject *subject = subjects; subject->payload.name != NULL; subject++) {
        corpus_finish(&subject->corpus);
        plan_destroy(subject->plan);
    }
    free(subjects);
    return munmap(wall, walled_max + (size_t)sysconf(_SC_PAGESIZE));
}

const struct subject *bed_subject(const char *name)
{
    for (struct subject *subject = subjects; subject->payload.name != NULL; subject++) {
        if (strcmp(subject->payload.name, name) == 0)
            return subject;
    }
    fail_msg("no subject %s", name);
    return NULL;
}

uint8_t *bed_walled(size_t len)
{
    assert_true(len <= walled_max);
    return wall + walled_max - len;
}

uint8_t *bed_walled_copy(const uint8_t *from, size_t len)
{
    uint8_t *copy = bed_walled(len);
    memcpy(copy, from, len);
    return copy;
}

static void *ledger_alloc(void *data, size_t size)
{
    struct ledger *ledger = data;
    if (ledger->asked++ == ledger->refuse_at || size > (size_t)256 << 20)
        return NULL;
    ledger->live++;
    return malloc(size);
}

static void ledger_free(void *data, void *memory)
{
    struct ledger *ledger = data;
    ledger->live--;
    free(memory);
}

void ledger_init(struct ledger *ledger, size_t refuse_at)
{
    *ledger = (struct ledger){{ledger_alloc, ledger_free, ledger}, 0, 0, refuse_at};
}

uint8_t *bed_encode(const struct codec *codec, const struct subject *subject,
                    const ProtobufCMessage *document, size_t *len)
{
    const struct codec *source = codec_source(codec);
    size_t cap = codec_bound(subject->plan, document);
    uint8_t *bytes = malloc(cap);
    assert_non_null(source);
    assert_non_null(bytes);
    assert_int_equal(source->encode(subject->plan, document, bytes, cap, len), 0);
    return bytes;
}

bool bed_exact(const struct codec *codec)
{
    return strcmp(codec_source(codec)->library, "cJSON") != 0;
}
