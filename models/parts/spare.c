/* SPDX-License-Identifier: MIT */
#include "spare.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local uint8_t *spares; /* each begins with the address of the next, or NULL */
static _Thread_local unsigned kept;
static _Thread_local bool frees; /* the thread's end frees them */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_exit; /* of a thread; written once, before anybody reads it */
static bool has_key;          /* so is this */

static uint8_t *pop(void)
{
    uint8_t *spare = spares;
    memcpy(&spares, spare, sizeof spares);
    kept--;
    return spare;
}

static void free_spares(void *unused)
{
    (void)unused;
    while (spares)
        free(pop());
}

static void make_key(void)
{
    has_key = pthread_key_create(&at_exit, free_spares) == 0;
}

/* False: nobody would free what this thread keeps. */
static bool may_keep(void)
{
    pthread_once(&once, make_key);
    frees = has_key && pthread_setspecific(at_exit, &spares) == 0;
    return frees;
}

void spare_take(struct bytes *bytes)
{
    if (spares)
        *bytes = (struct bytes){.data = pop(), .cap = SPARE_SIZE};
    else
        bytes_reserve(bytes, SPARE_SIZE);
}

void spare_give(struct bytes *bytes)
{
    if (bytes->cap != SPARE_SIZE || kept == SPARE_KEPT || !(frees || may_keep())) {
        bytes_finish(bytes);
        return;
    }
    memcpy(bytes->data, &spares, sizeof spares);
    spares = bytes->data;
    kept++;
    *bytes = (struct bytes){0};
}
