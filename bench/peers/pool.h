/* SPDX-License-Identifier: MIT */
/*
 * What every pool is asked to do (pool.c asks it): run tasks that one thread submits. The same
 * task objects, the same work and the same checks for all; only submit() is the pool's own.
 */
#ifndef ASSAY_PEERS_POOL_H
#define ASSAY_PEERS_POOL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pool_task;

struct pool_setup {
    unsigned workers;
    size_t tasks;     /* how many there will be */
    size_t limit;     /* a pool that is bounded takes at most so many that are not yet run */
    uint64_t spin_ns; /* an idle worker looks for work so long before it sleeps */
};

struct peer_pool {
    const char *name, *version;
    const char *work;  /* one line: what one task goes through */
    size_t task_space; /* bytes of its own in every task */
    int spins;         /* spin_ns has an effect */
    int bounded;       /* submit() is not called for more than limit tasks that are not done; a pool
                          may also be bounded and make the submitter wait by itself */

    /* 0 or a negative errno. All functions are called by the one submitting thread. */
    int (*start)(const struct pool_setup *setup);
    /* Calls pool_run(task) on a worker, once, then pool_done(task) when its space may be reused. */
    void (*submit)(struct pool_task *task);
    /* Optional: lets in what has been run, which the submitter waits for; sleeps until there is
     * some, if it is told to. Without it a task is done where it is run. */
    void (*let_in)(int sleeps);
    /* Optional: nothing more will be submitted; the submitter may work, too. May return before all
     * is run. */
    void (*finish)(void);
    void (*stop)(void); /* all tasks are done */
};

extern const struct peer_pool peer_pool; /* of this program */

void *pool_space(struct pool_task *task); /* aligned to 16 */
struct pool_task *pool_task_of(void *space);
void pool_run(struct pool_task *task);
void pool_done(struct pool_task *task);

#ifdef __cplusplus
}
#endif

#endif
