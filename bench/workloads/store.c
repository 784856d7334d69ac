/* SPDX-License-Identifier: MIT */
/*
 * Keyed state: small values in tables, one for each cell. A body "put KEY " (8 hex digits) stores
 * the one value that a key can have, "get KEY " reads it; any other reads the key that it hashes
 * to. The reply is how often it was stored, and to a get key and value: zeros if there is none. The
 * client says which keys are asked for (store_mark).
 */
#include "hash.h"
#include "parts/bytes.h"
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 4096, VALUE_BYTES = 64, MARK_BYTES = 13 };

struct store_entry {
    uint64_t stored;
    uint8_t value[VALUE_BYTES];
};

struct store_cell {
    uint32_t cells;
    struct store_entry *entries; /* of key / cells */
};

struct store_request {
    bool put;
    uint32_t key;
};

/* Any bytes are a request. */
static struct store_request store_parse(const uint8_t *in, size_t len)
{
    struct store_request request = {false, 0};
    char text[MARK_BYTES + 1] = "", *end;
    memcpy(text, in, len < MARK_BYTES ? len : MARK_BYTES);
    request.put = memcmp(text, "put ", 4) == 0;
    request.key = (uint32_t)strtoul(text + 4, &end, 16) % KEYS;
    if ((!request.put && memcmp(text, "get ", 4) != 0) || end != text + MARK_BYTES - 1)
        return (struct store_request){false, (uint32_t)(hash_seed(in, len) >> 32) % KEYS};
    return request;
}

/* The one value that a key can have. */
static void store_value(uint32_t key, uint8_t value[VALUE_BYTES])
{
    uint64_t x = key;
    for (size_t i = 0; i < VALUE_BYTES; i += sizeof x) {
        x = hash_round(x, i + 1);
        memcpy(value + i, &x, sizeof x);
    }
}

static int store_open(void *cell, uint32_t id, const void *setup)
{
    (void)id;
    const struct workload_setup *s = setup;
    struct store_cell *c = cell;
    c->cells = s->cells;
    c->entries = calloc(KEYS / s->cells + 1, sizeof *c->entries);
    return c->entries ? 0 : -ENOMEM;
}

static void store_close(void *cell)
{
    free(((struct store_cell *)cell)->entries);
}

static uint32_t store_route(const uint8_t *in, size_t len, uint64_t connection, uint32_t cells)
{
    (void)connection;
    return store_parse(in, len).key % cells;
}

static enum turn_end store_step(void *cell, struct turn *turn, const void *setup)
{
    (void)setup;
    struct store_cell *c = cell;
    const struct store_request request = store_parse(turn->in, turn->in_len);
    struct store_entry *entry = &c->entries[request.key / c->cells];
    if (request.put) {
        store_value(request.key, entry->value);
        hash_reply(turn->out, ++entry->stored, hash_seed(entry->value, VALUE_BYTES));
    } else {
        hash_reply(turn->out, entry->stored, request.key);
        bytes_append(turn->out, entry->value, VALUE_BYTES);
    }
    return TURN_REPLY;
}

static bool store_reply_ok(const struct workload_setup *setup, size_t document,
                           const uint8_t *reply, size_t reply_len)
{
    const struct store_request request =
        store_parse(setup->bodies[document], setup->body_lens[document]);
    uint64_t stored;
    uint8_t value[VALUE_BYTES] = {0};
    if (reply_len < HASH_HEX || !hash_unhex(reply, &stored) || (request.put && stored == 0))
        return false;
    if (stored > 0)
        store_value(request.key, value);
    if (request.put)
        return hash_reply_is(reply, reply_len, stored, hash_seed(value, VALUE_BYTES));
    return reply_len == 2 * HASH_HEX + VALUE_BYTES &&
           hash_reply_is(reply, 2 * HASH_HEX, stored, request.key) &&
           memcmp(reply + 2 * HASH_HEX, value, VALUE_BYTES) == 0;
}

/* Every hot document asks for one key, the others for keys of their own. */
static size_t store_mark(const struct workload_setup *setup, size_t document, char *mark)
{
    const uint32_t key = service_share(document, setup->hot_percent, 0)
                             ? 0
                             : (uint32_t)(hash_round(document + 1, 0) >> 40) % (KEYS - 1) + 1;
    const bool put = service_share(document, setup->put_percent, 1);
    return (size_t)snprintf(mark, SERVICE_MARK_MAX, "%s %08x ", put ? "put" : "get", key);
}

const struct service store_workload = {
    .turns =
        {
            .name = "store",
            .summary = "keyed state: gets and puts, a share of them of one hot key",
            .cell_size = sizeof(struct store_cell),
            .cell_open = store_open,
            .cell_close = store_close,
            .route = store_route,
            .step = store_step,
        },
    .needs = WORKLOAD_NEEDS_CELLS | WORKLOAD_NEEDS_STORE_MIX,
    .reply_ok = store_reply_ok,
    .mark = store_mark,
};
