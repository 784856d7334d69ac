/* SPDX-License-Identifier: MIT */
#include "spare.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

static _Thread_local uint8_t *spare; /* or NULL */
static _Thread_local bool frees;     /* the thread's end frees it */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_exit; /* of a thread; written once, before anybody reads it */
static bool has_key;          /* so is this */

static void free_spare(void *unused)
{
    (void)unused;
    free(spare);
    spare = NULL;
}

static void make_key(void)
{
    has_key = pthread_key_create(&at_exit, free_spare) == 0;
}

/* False: nobody would free what this thread keeps. */
static bool may_keep(void)
{
    pthread_once(&once, make_key);
    frees = has_key && pthread_setspecific(at_exit, &spare) == 0;
    return frees;
}

void spare_take(struct bytes *bytes)
{
    if (!spare) {
        bytes_reserve(bytes, SPARE_SIZE);
        return;
    }
    *bytes = (struct bytes){.data = spare, .cap = SPARE_SIZE};
    spare = NULL;
}

void spare_give(struct bytes *bytes)
{
    if (bytes->cap != SPARE_SIZE || spare || !(frees || may_keep())) {
        bytes_finish(bytes);
        return;
    }
    spare = bytes->data;
    *bytes = (struct bytes){0};
}
