/* SPDX-License-Identifier: MIT */
/* What the machine takes, whatever is built on it: a system call, a lock, and a hand-off to another
 * thread and back in each of the ways that the system has. */
#include "parts.h"
#include "parts_pair.h"

#include <errno.h>
#include <linux/futex.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static void system_call(struct gbench_state *state, void *arg)
{
    (void)arg;
    GBENCH_LOOP(state)
    {
        long pid = syscall(SYS_getppid); /* the library caches getpid() at times */
        GBENCH_KEEP(pid);
    }
}

static void atomic_add(struct gbench_state *state, void *arg)
{
    (void)arg;
    _Atomic uint64_t word = 0;
    GBENCH_LOOP(state)
    atomic_fetch_add_explicit(&word, 1, memory_order_acq_rel);
    GBENCH_KEEP(word);
}

static void mutex(struct gbench_state *state, void *arg)
{
    (void)arg;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    GBENCH_LOOP(state)
    {
        pthread_mutex_lock(&lock);
        GBENCH_CLOBBER();
        pthread_mutex_unlock(&lock);
    }
}

static void futex_nobody(struct gbench_state *state, void *arg)
{
    (void)arg;
    _Atomic uint32_t word = 0;
    long woken = 0;
    GBENCH_LOOP(state)
    woken += syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    if (woken != 0)
        gbench_fail(state, "somebody was woken, or it failed");
}

static void eventfd_nobody(struct gbench_state *state, void *arg)
{
    (void)arg;
    const uint64_t one = 1;
    bool good = true;
    int fd = eventfd(0, EFD_CLOEXEC);
    GBENCH_LOOP(state)
    good &= write(fd, &one, sizeof one) == sizeof one;
    if (!good)
        gbench_fail(state, "the eventfd did not take it");
    close(fd);
}

/* A bell that one thread rings and one waits for: each has the means of every kind, uses one. */
struct bell {
    /* Rung (1) or not. Release when rung, acquire when taken: what was done before is seen. On a
     * cache line that nothing else is on. */
    _Alignas(128) _Atomic uint32_t rung;
    _Alignas(128) int fds[2]; /* to read from, to write to */
    sem_t sem;
    pthread_mutex_t lock; /* protects `set`, which `changed` tells of */
    pthread_cond_t changed;
    bool set;
};

struct bell_kind {
    const char *name;
    void (*ring)(struct bell *bell);
    void (*wait)(struct bell *bell);
    bool needs_two; /* who waits does not give up the CPU */
};

static void line_ring(struct bell *bell)
{
    atomic_store_explicit(&bell->rung, 1, memory_order_release);
}

static void line_wait(struct bell *bell)
{
    while (atomic_load_explicit(&bell->rung, memory_order_acquire) == 0)
        GBENCH_CLOBBER();
    atomic_store_explicit(&bell->rung, 0, memory_order_relaxed);
}

/* Nobody sleeps, and nobody is woken: on one CPU each side hands it to the other. */
static void yield_wait(struct bell *bell)
{
    while (atomic_exchange_explicit(&bell->rung, 0, memory_order_acquire) == 0)
        sched_yield();
}

static void futex_ring(struct bell *bell)
{
    atomic_store_explicit(&bell->rung, 1, memory_order_release);
    syscall(SYS_futex, &bell->rung, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void futex_wait(struct bell *bell)
{
    while (atomic_exchange_explicit(&bell->rung, 0, memory_order_acquire) == 0)
        syscall(SYS_futex, &bell->rung, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

/* Eventfd and pipe: eight bytes, there and out again. */
static void fd_ring(struct bell *bell)
{
    const uint64_t one = 1;
    while (write(bell->fds[1], &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void fd_wait(struct bell *bell)
{
    uint64_t count;
    while (read(bell->fds[0], &count, sizeof count) < 0 && errno == EINTR)
        ;
}

static void sem_ring(struct bell *bell)
{
    sem_post(&bell->sem);
}

static void sem_take(struct bell *bell)
{
    while (sem_wait(&bell->sem) != 0)
        ;
}

static void condition_ring(struct bell *bell)
{
    pthread_mutex_lock(&bell->lock);
    bell->set = true;
    pthread_cond_signal(&bell->changed);
    pthread_mutex_unlock(&bell->lock);
}

static void condition_wait(struct bell *bell)
{
    pthread_mutex_lock(&bell->lock);
    while (!bell->set)
        pthread_cond_wait(&bell->changed, &bell->lock);
    bell->set = false;
    pthread_mutex_unlock(&bell->lock);
}

static const struct bell_kind kinds[] = {
    {"cache_line", line_ring, line_wait, true},
    {"yield", line_ring, yield_wait, false},
    {"futex", futex_ring, futex_wait, false},
    {"eventfd", fd_ring, fd_wait, false},
    {"pipe", fd_ring, fd_wait, false},
    {"semaphore", sem_ring, sem_take, false},
    {"condition", condition_ring, condition_wait, false},
};

static int bell_init(struct bell *bell, const struct bell_kind *kind)
{
    memset(bell, 0, sizeof *bell);
    bell->fds[0] = bell->fds[1] = -1;
    pthread_mutex_init(&bell->lock, NULL);
    pthread_cond_init(&bell->changed, NULL);
    if (sem_init(&bell->sem, 0, 0) != 0)
        return -errno;
    if (strcmp(kind->name, "pipe") == 0)
        return pipe(bell->fds) != 0 ? -errno : 0;
    bell->fds[0] = bell->fds[1] = eventfd(0, EFD_CLOEXEC);
    return bell->fds[0] < 0 ? -errno : 0;
}

static void bell_finish(struct bell *bell)
{
    pthread_cond_destroy(&bell->changed);
    pthread_mutex_destroy(&bell->lock);
    sem_destroy(&bell->sem);
    if (bell->fds[1] != bell->fds[0])
        close(bell->fds[1]);
    if (bell->fds[0] >= 0)
        close(bell->fds[0]);
}

struct bells {
    const struct bell_kind *kind;
    struct bell there, back;
    bool over; /* written before the last ring, read after it */
    int64_t answered;
};

static void *answer(void *arg)
{
    struct bells *bells = arg;
    for (;;) {
        bells->kind->wait(&bells->there);
        if (bells->over)
            return NULL;
        bells->answered++;
        bells->kind->ring(&bells->back);
    }
}

/* There and back: two hand-offs, and two wake-ups but where nobody sleeps (cache_line, yield). */
static void round_trip(struct gbench_state *state, void *arg)
{
    const struct parts_placed *placed = arg;
    struct bells bells = {.kind = placed->what};
    struct parts_pair pair;
    int err = bell_init(&bells.there, bells.kind);
    if (err == 0)
        err = bell_init(&bells.back, bells.kind);
    if (err != 0) {
        gbench_fail(state, strerror(-err));
        return;
    }
    if (!parts_pair_begin(state, &pair, placed->place, answer, &bells))
        return;
    GBENCH_LOOP(state)
    {
        bells.kind->ring(&bells.there);
        bells.kind->wait(&bells.back);
    }
    bells.over = true;
    bells.kind->ring(&bells.there);
    parts_pair_end(state, &pair, &bells.answered);
    bell_finish(&bells.back);
    bell_finish(&bells.there);
}

void parts_floors_register(void)
{
    gbench_register("parts/floor/system_call", system_call, NULL, NULL);
    gbench_register("parts/floor/atomic_add", atomic_add, NULL, NULL);
    gbench_register("parts/floor/mutex", mutex, NULL, NULL);
    gbench_register("parts/floor/futex_nobody", futex_nobody, NULL, NULL);
    gbench_register("parts/floor/eventfd_nobody", eventfd_nobody, NULL, NULL);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char name[64];
        snprintf(name, sizeof name, "parts/floor/%s_round_trip", kinds[i].name);
        parts_pair_register(name, round_trip, &kinds[i], !kinds[i].needs_two);
    }
}
