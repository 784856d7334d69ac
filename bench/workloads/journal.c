/* SPDX-License-Identifier: MIT */
/*
 * File I/O: the body is appended to a journal and on the disk (fdatasync) before the reply, which
 * is its checksum. That blocks: it is offloaded by models whose threads must not.
 */
#include "hash.h"
#include "parts/bytes.h"
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct journal_frame {
    const uint8_t *body; /* the request's, which keeps it until it is answered */
    size_t len;
    uint64_t sum;
};

static uint64_t journal_sum(const uint8_t *body, size_t len)
{
    uint64_t x = len;
    for (size_t i = 0; i < len; i++)
        x = hash_round(x, body[i]);
    return x;
}

/* A record: checksum and length in hex, a line end, the body, a line end; in one write, so that
 * records of several threads do not mix. */
static int journal_append(void *frame, const void *setup)
{
    const struct workload_setup *s = setup;
    struct journal_frame *f = frame;
    char head[40];
    f->sum = journal_sum(f->body, f->len);
    const int head_len =
        snprintf(head, sizeof head, "%016llx %08zx\n", (unsigned long long)f->sum, f->len);
    const struct iovec parts[] = {
        {head, (size_t)head_len}, {(void *)(uintptr_t)f->body, f->len}, {(char[]){'\n'}, 1}};
    const ssize_t written = writev(s->journal_fd, parts, 3);
    if (written < 0)
        return -errno;
    if ((size_t)written != (size_t)head_len + f->len + 1)
        return -EIO;
    return fdatasync(s->journal_fd) != 0 ? -errno : 0;
}

static enum turn_end journal_step(void *cell, struct turn *turn, const void *setup)
{
    (void)cell;
    (void)setup;
    struct journal_frame *frame = turn->frame;
    if (turn->event == TURN_REQUEST) {
        *frame = (struct journal_frame){.body = turn->in, .len = turn->in_len};
        turn->offload = journal_append;
        return TURN_OFFLOAD;
    }
    if (turn->offload_status != 0) {
        turn->status = turn->offload_status == -ENOSPC ? 507 : 500;
        return TURN_REPLY;
    }
    char hex[HASH_HEX];
    hash_hex(frame->sum, hex);
    bytes_append(turn->out, hex, sizeof hex);
    return TURN_REPLY;
}

static bool journal_reply_ok(const struct workload_setup *setup, size_t document,
                             const uint8_t *reply, size_t reply_len)
{
    char hex[HASH_HEX];
    hash_hex(journal_sum(setup->bodies[document], setup->body_lens[document]), hex);
    return reply_len == sizeof hex && memcmp(reply, hex, sizeof hex) == 0;
}

const struct service journal_workload = {
    .turns =
        {
            .name = "journal",
            .summary = "file I/O: appends the body to a journal and syncs it, offloaded",
            .frame_size = sizeof(struct journal_frame),
            .step = journal_step,
        },
    .needs = WORKLOAD_NEEDS_JOURNAL | WORKLOAD_OFFLOADS,
    .reply_ok = journal_reply_ok,
};
