/* SPDX-License-Identifier: MIT */
/*
 * All turns of a request on the calling thread, which blocks where it has to: for models that give
 * a request a thread. WAIT sleeps, CALL of the downstream service blocks, CALL of cells runs their
 * turns one after the other as plain calls, OFFLOAD runs in place.
 *
 * What cannot be done in place goes to the model's later(): one-way messages, and a child that
 * would sleep beyond the deadline of whoever asked for it.
 */
#ifndef ASSAY_IN_PLACE_H
#define ASSAY_IN_PLACE_H

#include "cell_locks.h"
#include "errands.h"

#define IN_PLACE_UNLOCKED UINT32_MAX /* one thread runs all turns */

struct in_place_config {
    const struct model_config *model;
    uint32_t locks;            /* dealt out to the cells; 0: one for each; or IN_PLACE_UNLOCKED */
    struct counters *counters; /* as errands_init() */
    unsigned own, count;
    /* stop() gave up: nothing may take long any more. Acquire, and release by whoever sets it. */
    const atomic_bool *abandoned;
    /* Has in_place_go_on() called for this request, on any thread, soon. False: there is no room,
     * it is done at once. There must be room for queue_limit messages. */
    bool (*later)(void *arg, struct request *request);
    void *arg;
};

/* With all that a turn may need: the cells, those who were asked, the downstream service. */
struct in_place {
    struct in_place_config config;
    struct cells cells;
    struct cell_locks locks;
    struct errands errands;
    struct pool *pool; /* NULL: no downstream */
};

/* 0 or a negative errno; in_place_close() in either case. That takes a zeroed one, too. */
int in_place_open(struct in_place *in_place, const struct in_place_config *config);
void in_place_close(struct in_place *in_place);

/* From its first turn to its reply, which is counted: status and out are set. False: stop() gave
 * up, the request has been refused. mine: the counters of this thread. */
bool in_place_run(struct in_place *in_place, struct counters *mine, struct request *request);

/* What later() was given. */
void in_place_go_on(struct in_place *in_place, struct counters *mine, struct request *request);

/* A later() for models whose threads carry out such requests themselves, after the reply: whoever
 * has run one runs the list. */
struct in_place_list {
    pthread_mutex_t lock; /* protects the list */
    struct request *first, **last;
    atomic_uint len; /* relaxed: who added sees at least what he added himself */
};
void in_place_list_init(struct in_place_list *list);
void in_place_list_finish(struct in_place_list *list);
bool in_place_list_add(void *list, struct request *request);
void in_place_run_whole_list(struct in_place *in_place, struct counters *mine,
                             struct in_place_list *list);
static inline void in_place_run_list(struct in_place *in_place, struct counters *mine,
                                     struct in_place_list *list)
{
    if (atomic_load_explicit(&list->len, memory_order_relaxed) > 0)
        in_place_run_whole_list(in_place, mine, list);
}

/* Sleeps, and looks up now and then: false if stop() gave up meanwhile. */
bool in_place_sleep(const struct in_place *in_place, uint64_t due_ns);

#endif
