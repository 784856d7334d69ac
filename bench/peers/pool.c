/* SPDX-License-Identifier: MIT */
/*
 * One pool under one kind of work, in a process of its own:
 *   flood   --tasks N as fast as they can be submitted: tasks per second
 *   paced   --rate R of them a second, by a submitter that spins: from submit to run, and what the
 *           workers used of the CPU meanwhile
 * Each task runs --work rounds of a xorshift (--calibrate says how many are a microsecond) and
 * leaves its number in a sum, which must be right in the end.
 */
#include "pool.h"

#include "clock.h"
#include "options.h"
#include "output.h"
#include "statistics.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 64 /* threads that may run tasks */
/* Before the submitter sleeps it yields for as long as it may take to wake it again. */
#define YIELDS_NS 50000

enum { DONE, UNDER_WAY, AWAITED };

struct pool_task {
    uint64_t number, sent_ns, waited_ns;
    /* Whoever is through with it makes it DONE (exchange: release, so that the submitter, who
     * acquires, may use it again) and wakes the submitter if that had made it AWAITED. */
    atomic_int state;
    _Alignas(16) unsigned char space[];
};

/* What one thread has run: written by it alone, read by the submitter, who looks for the end;
 * release and acquire, so that the sum belongs to the count. */
struct slot {
    _Alignas(128) _Atomic uint64_t count;
    _Atomic uint64_t sum;
};

static struct slot slots[SLOTS];
static atomic_uint slots_taken; /* relaxed: it only hands out numbers */
static _Thread_local struct slot *mine;
static uint64_t work_rounds;
static bool timed;
static sem_t awaited; /* posted for each task that was AWAITED */

void *pool_space(struct pool_task *task)
{
    return task->space;
}

struct pool_task *pool_task_of(void *space)
{
    return (struct pool_task *)(void *)((char *)space - offsetof(struct pool_task, space));
}

static uint64_t work(uint64_t x, uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    return x;
}

void pool_run(struct pool_task *task)
{
    if (timed)
        task->waited_ns = clock_ns() - task->sent_ns;
    if (!mine)
        mine = &slots[atomic_fetch_add_explicit(&slots_taken, 1, memory_order_relaxed) % SLOTS];
    uint64_t x = work(task->number + 1, work_rounds);
    __asm__ volatile("" : : "r"(x)); /* it is needed */
    uint64_t count = atomic_load_explicit(&mine->count, memory_order_relaxed);
    uint64_t sum = atomic_load_explicit(&mine->sum, memory_order_relaxed);
    atomic_store_explicit(&mine->sum, sum + task->number, memory_order_relaxed);
    atomic_store_explicit(&mine->count, count + 1, memory_order_release);
}

void pool_done(struct pool_task *task)
{
    if (atomic_exchange_explicit(&task->state, DONE, memory_order_acq_rel) == AWAITED)
        sem_post(&awaited);
}

struct flood {
    uint64_t tasks, window, limit, workers, rate_hz, spin_us;
    uint64_t ahead; /* submitted and not yet run at most */
    bool calibrate;
    const char *json;

    char *memory;
    size_t stride, objects;
    uint64_t elapsed_ns, workers_cpu_ns;
};

static struct pool_task *task_at(const struct flood *flood, uint64_t number)
{
    return (struct pool_task *)(void *)(flood->memory + flood->stride * (number % flood->objects));
}

static bool is_done(const struct pool_task *task)
{
    return atomic_load_explicit(&task->state, memory_order_acquire) == DONE;
}

/* Sleeps in the end, in the pool's own way if it has one: who spins takes a CPU away from the
 * workers. */
static void await(struct pool_task *task)
{
    int state = UNDER_WAY;
    uint64_t until_ns = is_done(task) ? 0 : clock_ns() + YIELDS_NS;
    while (!is_done(task) && clock_ns() < until_ns) {
        if (peer_pool.let_in)
            peer_pool.let_in(0);
        sched_yield();
    }
    while (peer_pool.let_in && !is_done(task))
        peer_pool.let_in(1);
    if (is_done(task) ||
        !atomic_compare_exchange_strong_explicit(&task->state, &state, AWAITED,
                                                 memory_order_acq_rel, memory_order_acquire))
        return;
    while (sem_wait(&awaited) && errno == EINTR)
        ;
}

static uint64_t total(bool sums)
{
    uint64_t found = 0;
    for (int i = 0; i < SLOTS; i++) {
        uint64_t count = atomic_load_explicit(&slots[i].count, memory_order_acquire);
        found += sums ? atomic_load_explicit(&slots[i].sum, memory_order_relaxed) : count;
    }
    return found;
}

/* Where as many are under way as may be, it goes on when half of them are done: it would else be
 * woken for every single one. */
static void submit(struct flood *flood, uint64_t number)
{
    struct pool_task *task = task_at(flood, number);
    uint64_t oldest = number - flood->ahead;
    if (number >= flood->ahead && !is_done(task_at(flood, oldest))) {
        await(task_at(flood, oldest + (flood->ahead - 1) / 2));
        await(task_at(flood, oldest));
    }
    task->number = number;
    atomic_store_explicit(&task->state, UNDER_WAY, memory_order_relaxed);
    if (timed)
        task->sent_ns = clock_ns();
    peer_pool.submit(task);
}

/* From the first submission until the last task is run. */
static void measure(struct flood *flood)
{
    uint64_t cpu_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t own_ns = clock_read(CLOCK_THREAD_CPUTIME_ID);
    uint64_t began_ns = clock_ns();
    for (uint64_t i = 0; i < flood->tasks; i++) {
        while (flood->rate_hz && clock_ns() - began_ns < i * CLOCK_NS_PER_S / flood->rate_hz)
            ;
        submit(flood, i);
    }
    if (peer_pool.finish)
        peer_pool.finish();
    await(task_at(flood, flood->tasks - 1));
    while (total(false) < flood->tasks)
        sched_yield(); /* the last but one may come last */
    flood->elapsed_ns = clock_ns() - began_ns;
    own_ns = clock_read(CLOCK_THREAD_CPUTIME_ID) - own_ns;
    flood->workers_cpu_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns - own_ns;
    for (uint64_t i = 0; i < flood->objects; i++)
        await(task_at(flood, i));
}

static int prepare(struct flood *flood)
{
    flood->objects = flood->window && flood->window < flood->tasks ? flood->window : flood->tasks;
    flood->stride = (sizeof(struct pool_task) + peer_pool.task_space + 63) / 64 * 64;
    flood->memory = aligned_alloc(64, flood->stride * flood->objects);
    if (!flood->memory)
        return -ENOMEM;
    memset(flood->memory, 0, flood->stride * flood->objects); /* touched before the clock runs */
    size_t limit = flood->limit ? flood->limit : flood->objects;
    flood->ahead = peer_pool.bounded && limit < flood->objects ? limit : flood->objects;
    sem_init(&awaited, 0, 0);
    return peer_pool.start(
        &(struct pool_setup){(unsigned)flood->workers, flood->tasks, limit, flood->spin_us * 1000});
}

static int write_result(const struct flood *flood)
{
    struct output output = {0};
    struct statistics waits = {0};
    int err = output_open(&output, flood->json);
    output_text(&output, "pool", peer_pool.name);
    output_text(&output, "version", peer_pool.version);
    output_count(&output, "tasks", flood->tasks);
    output_number(&output, "tasks_hz",
                  (double)flood->tasks * (double)CLOCK_NS_PER_S / (double)flood->elapsed_ns);
    output_number(&output, "workers_cpu_share",
                  (double)flood->workers_cpu_ns / (double)flood->elapsed_ns);
    if (timed && err == 0 && (err = statistics_init(&waits, flood->tasks)) == 0) {
        for (uint64_t i = 0; i < flood->tasks; i++)
            statistics_add(&waits, task_at(flood, i)->waited_ns);
        statistics_sort(&waits);
        output_count(&output, "wait_p50_ns", statistics_percentile(&waits, 500000));
        output_count(&output, "wait_p99_ns", statistics_percentile(&waits, 990000));
        statistics_finish(&waits);
    }
    if (err != 0) {
        output_discard(&output);
        return err;
    }
    return output_close(&output);
}

/* The rounds that take a microsecond: of the quickest of many short looks. */
static int calibrate(void)
{
    const uint64_t rounds = 20000;
    uint64_t best_ns = UINT64_MAX, x = 1;
    for (int i = 0; i < 500; i++) {
        uint64_t began_ns = clock_ns();
        x = work(x, rounds);
        __asm__ volatile("" : "+r"(x));
        uint64_t ns = clock_ns() - began_ns;
        best_ns = ns < best_ns ? ns : best_ns;
    }
    printf("%.0f\n", (double)rounds * 1000.0 / (double)best_ns);
    return EXIT_GOOD;
}

static int read_options(struct flood *flood, int argc, char **argv)
{
    struct options_entry entries[] = {
        OPTIONS_COUNT("--tasks", "N", &flood->tasks, 1, 1e8, "how many"),
        OPTIONS_COUNT("--window", "N", &flood->window, 0, 1e8,
                      "submitted and not yet run at most; 0: as many as there are"),
        OPTIONS_COUNT("--limit", "N", &flood->limit, 0, 1e8,
                      "what a bounded pool takes at a time; 0: whatever is submitted"),
        OPTIONS_COUNT("--workers", "N", &flood->workers, 1, SLOTS - 1, "threads that run tasks"),
        OPTIONS_COUNT("--work", "N", &work_rounds, 0, 1e9, "rounds of work in each"),
        OPTIONS_COUNT("--rate", "HZ", &flood->rate_hz, 0, 1e8, "paced; 0: as fast as can be"),
        OPTIONS_COUNT("--spin-us", "N", &flood->spin_us, 0, 1e6, "before an idle worker sleeps"),
        OPTIONS_FLAG("--calibrate", &flood->calibrate, "print the rounds of a microsecond"),
        OPTIONS_TEXT("--json", "FILE", &flood->json, "write the result there"),
        {0},
    };
    struct options options = {peer_pool.name, peer_pool.work, entries};
    int code = options_parse(&options, argc, argv);
    if (code == OPTIONS_GO_ON && !peer_pool.spins)
        code = options_refuse(&options, "--spin-us", "with this pool");
    if (code == OPTIONS_GO_ON && flood->rate_hz)
        code = options_refuse(&options, "--window", "with --rate");
    return code;
}

int main(int argc, char **argv)
{
    struct flood flood = {.tasks = 100000, .workers = 2};
    int code = read_options(&flood, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    if (flood.calibrate)
        return calibrate();
    timed = flood.rate_hz != 0;
    int err = prepare(&flood);
    if (err != 0) {
        fprintf(stderr, "%s: cannot start: %s\n", peer_pool.name, strerror(-err));
        return EXIT_ENVIRONMENT;
    }
    measure(&flood);
    peer_pool.stop();
    bool right = total(false) == flood.tasks && total(true) == flood.tasks * (flood.tasks - 1) / 2;
    if (!right)
        fprintf(stderr, "%s: the sum over all tasks is wrong\n", peer_pool.name);
    err = right ? write_result(&flood) : 0;
    if (err != 0)
        fprintf(stderr, "%s: --json: %s\n", peer_pool.name, strerror(-err));
    free(flood.memory);
    return right && err == 0 ? EXIT_GOOD : EXIT_FAILED;
}
