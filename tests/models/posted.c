/* SPDX-License-Identifier: MIT */
#include "bed.h"

#include <stdio.h>
#include <string.h>

static void posted_done(struct request *request)
{
    struct posted *posted = request->arg;
    posted->status = request->status;
    atomic_fetch_add(&posted->dones, 1);
}

void posted_init(struct posted *posted, struct bed *bed, uint32_t cell, const char *text)
{
    memset(posted, 0, sizeof *posted);
    snprintf(posted->text, sizeof posted->text, "%s", text);
    posted->request = request_create(bed->config.workload);
    assert_non_null(posted->request);
    posted->request->in = (const uint8_t *)posted->text;
    posted->request->in_len = strlen(posted->text);
    posted->request->cell = cell;
    posted->request->done = posted_done;
    posted->request->arg = posted;
    posted->next = bed->posts;
    bed->posts = posted;
}

static void *post_main(void *arg)
{
    struct posted *posted = arg;
    atomic_store(&posted->posted, posted->bed->model->post(posted->bed->run, posted->request));
    return NULL;
}

void posted_join(struct posted *posted)
{
    if (posted->has_thread)
        pthread_join(posted->thread, NULL);
    posted->has_thread = false;
}

int posted_post(struct posted *posted, struct bed *bed)
{
    if (bed->waits != MODEL_WAITS_ALONE && bed->waits != MODEL_WAITS_UNTOLD)
        return bed->model->post(bed->run, posted->request);
    posted_join(posted);
    posted->bed = bed;
    atomic_store(&posted->posted, 1);
    uint64_t before = bed_stats(bed).requests;
    assert_int_equal(pthread_create(&posted->thread, NULL, post_main, posted), 0);
    posted->has_thread = true;
    for (int ms = 0; ms < BED_WAIT_MS && atomic_load(&posted->posted) == 1; ms++) {
        if (bed_stats(bed).requests > before)
            return 0;
        bed_sleep_ms(1);
    }
    return atomic_load(&posted->posted);
}

bool posted_is(struct posted *posted, int status, const char *text)
{
    if (!bed_wait_int(&posted->dones, 1))
        return false;
    const struct bytes *out = &posted->request->out;
    bool same = posted->status == status &&
                (!text || (out->len == strlen(text) &&
                           (out->len == 0 || !memcmp(out->data, text, out->len))));
    if (!same)
        fprintf(stderr, "expected %d '%.60s', got %d '%.*s'\n", status, text ? text : "",
                posted->status, (int)(out->len > 60 ? 60 : out->len), (const char *)out->data);
    return same;
}

void posted_finish(struct posted *posted, struct bed *bed)
{
    posted_join(posted);
    request_destroy(posted->request, bed->config.workload);
    posted->request = NULL;
    struct posted **at = &bed->posts;
    while (*at && *at != posted)
        at = &(*at)->next;
    if (*at)
        *at = posted->next;
}

void posted_return_all(struct bed *bed)
{
    int ms = 0;
    if (bed->waits != MODEL_WAITS_UNTOLD)
        return;
    for (struct posted *posted = bed->posts; posted; posted = posted->next) {
        for (; posted->has_thread && atomic_load(&posted->posted) == 1 && ms < POSTED_RETURNS_MS;
             ms++)
            bed_sleep_ms(1);
        if (ms == POSTED_RETURNS_MS)
            bed_open_gate(bed);
        posted_join(posted);
    }
}
