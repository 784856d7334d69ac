/* SPDX-License-Identifier: MIT */
/*
 * What this machine can resolve: figures below these are the machine's, not the code's.
 * Everything is measured with plain system calls. Each probe ends after so many samples or when its
 * time is up, whatever comes first: where a host takes most of the CPU, a single wake-up can take
 * tens of milliseconds, and some thousands of them minutes.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    CLOCK_READS = 200000,
    TIMER_SAMPLES = 1000,
    TIMER_SLEEP_NS = 500000, /* shorter than a tick, so that high-resolution timers show */
    WAKE_SAMPLES = 4000,
    LOOP_SAMPLES = 200,
    LOOP_LENGTH = 1000000, /* about half a millisecond */
    SAMPLES_MAX = WAKE_SAMPLES,
    PROBE_NS = 1000000000, /* the longest that a probe goes on */
};

/* What a probe has gathered: at least one sample, sorted in the end. */
struct samples {
    double ns[SAMPLES_MAX];
    size_t count;
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sort(struct samples *samples)
{
    qsort(samples->ns, samples->count, sizeof samples->ns[0], by_value);
}

/* Nearest rank. */
static double percentile(const struct samples *sorted, double percent)
{
    size_t rank = (size_t)(percent / 100 * (double)sorted->count + 0.999999);
    return sorted->ns[rank == 0 ? 0 : rank - 1];
}

/* May a probe that began then take one more sample? */
static bool go_on(const struct samples *samples, size_t most, int64_t began)
{
    return samples->count < most &&
           (samples->count == 0 || now_ns(CLOCK_MONOTONIC) - began < PROBE_NS);
}

static double clock_cost_ns(void)
{
    int64_t began = now_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < CLOCK_READS; i++)
        now_ns(CLOCK_MONOTONIC);
    return (double)(now_ns(CLOCK_MONOTONIC) - began) / CLOCK_READS;
}

/* How late clock_nanosleep() returns. */
static void timer_lateness(struct samples *late)
{
    const int64_t began = now_ns(CLOCK_MONOTONIC);
    while (go_on(late, TIMER_SAMPLES, began)) {
        int64_t due = now_ns(CLOCK_MONOTONIC) + TIMER_SLEEP_NS;
        struct timespec at = {due / 1000000000, due % 1000000000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
            ;
        late->ns[late->count++] = (double)(now_ns(CLOCK_MONOTONIC) - due);
    }
    sort(late);
}

static bool pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
}

struct partner {
    int ping, pong; /* eventfds */
    int cpu;
    bool pinned;
    /* Set before the last ping, which is not answered; the eventfd itself orders the two, so
     * nothing more than an atomic access is needed. */
    atomic_bool over;
};

static void *answer(void *arg)
{
    struct partner *partner = arg;
    uint64_t count = 1;
    partner->pinned = pin(partner->cpu);
    while (read(partner->ping, &count, sizeof count) == sizeof count &&
           !atomic_load_explicit(&partner->over, memory_order_relaxed))
        if (write(partner->pong, &count, sizeof count) != sizeof count)
            break;
    return NULL;
}

/* Half a round trip between two sleeping threads: one wake-up. 0 or a negative errno. */
static int play(struct partner *partner, struct samples *waited)
{
    uint64_t count = 1;
    const int64_t first = now_ns(CLOCK_MONOTONIC);
    while (go_on(waited, WAKE_SAMPLES, first)) {
        const int64_t began = now_ns(CLOCK_MONOTONIC);
        if (write(partner->ping, &count, sizeof count) != sizeof count ||
            read(partner->pong, &count, sizeof count) != sizeof count)
            return -EIO;
        waited->ns[waited->count++] = (double)(now_ns(CLOCK_MONOTONIC) - began) / 2;
    }
    return 0;
}

/* Sorted. 0 or a negative errno. */
static int wake_up(int cpu, int partner_cpu, struct samples *waited)
{
    struct partner partner = {.ping = eventfd(0, 0), .pong = eventfd(0, 0), .cpu = partner_cpu};
    pthread_t thread;
    int error = partner.ping < 0 || partner.pong < 0 ? -errno : 0;

    if (!error && !pin(cpu))
        error = -errno;
    if (!error && (error = -pthread_create(&thread, NULL, answer, &partner)) == 0) {
        const uint64_t last = 1;
        error = play(&partner, waited);
        atomic_store_explicit(&partner.over, true, memory_order_relaxed);
        if (write(partner.ping, &last, sizeof last) != sizeof last)
            abort(); /* cannot be: the counter of an eventfd is far from full */
        pthread_join(thread, NULL);
        if (!error && !partner.pinned)
            error = -EPERM;
    }
    if (partner.ping >= 0)
        close(partner.ping);
    if (partner.pong >= 0)
        close(partner.pong);
    if (!error)
        sort(waited);
    return error;
}

/* The same work again and again: what varies is the machine. Wall and CPU time. */
static void fixed_loop(struct samples *wall, struct samples *cpu)
{
    volatile uint64_t sink;
    const int64_t began = now_ns(CLOCK_MONOTONIC);
    while (go_on(wall, LOOP_SAMPLES, began)) {
        int64_t wall_began = now_ns(CLOCK_MONOTONIC);
        int64_t cpu_began = now_ns(CLOCK_THREAD_CPUTIME_ID);
        uint64_t x = 88172645463325252u;
        for (int j = 0; j < LOOP_LENGTH; j++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
        }
        sink = x;
        cpu->ns[cpu->count++] = (double)(now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_began);
        wall->ns[wall->count++] = (double)(now_ns(CLOCK_MONOTONIC) - wall_began);
    }
    (void)sink;
    sort(wall);
    sort(cpu);
}

/* NULL: instructions can be counted here; else why not. */
static const char *no_counters(void)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_HARDWARE,
        .size = sizeof attr,
        .config = PERF_COUNT_HW_INSTRUCTIONS,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };
    int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    if (fd < 0)
        return strerror(errno);
    uint64_t count = 0;
    bool counted = read(fd, &count, sizeof count) == sizeof count && count > 0;
    close(fd);
    return counted ? NULL : "the counter stays at zero";
}

static void write_spread(FILE *out, const char *name, const struct samples *sorted)
{
    double median = percentile(sorted, 50);
    fprintf(out, "  \"%s_ns\": %.0f,\n", name, median);
    fprintf(out, "  \"%s_p99_ns\": %.0f,\n", name, percentile(sorted, 99));
    /* Quartiles, not the standard deviation: one interruption must not decide it. */
    fprintf(out, "  \"%s_variation_percent\": %.3f,\n", name,
            100 * (percentile(sorted, 75) - percentile(sorted, 25)) / median);
}

static void write_wake_up(FILE *out, const char *name, int cpu, int partner_cpu)
{
    static struct samples waited;
    waited.count = 0;
    int error = wake_up(cpu, partner_cpu, &waited);
    if (error) {
        fprintf(out, "  \"%s_error\": \"%s\",\n", name, strerror(-error));
        return;
    }
    fprintf(out, "  \"%s_ns\": %.0f,\n", name, percentile(&waited, 50));
    fprintf(out, "  \"%s_p99_ns\": %.0f,\n", name, percentile(&waited, 99));
    fprintf(out, "  \"%s_samples\": %zu,\n", name, waited.count);
}

/* The first two CPUs that this process may use; false: there is only one. */
static bool two_cpus(int cpus[2])
{
    cpu_set_t set;
    int found = 0;
    cpus[0] = cpus[1] = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return false;
    for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
        if (CPU_ISSET(cpu, &set))
            cpus[found++] = cpu;
    return found == 2;
}

static void write_all(FILE *out)
{
    static struct samples late, wall, cpu;
    int cpus[2];
    bool two = two_cpus(cpus);

    fprintf(out, "{\"schema\": 1, \"program\": \"machine\", \"machine\": {\n");
    fprintf(out, "  \"clock_cost_ns\": %.1f,\n", clock_cost_ns());
    timer_lateness(&late);
    fprintf(out, "  \"timer_late_p50_ns\": %.0f,\n", percentile(&late, 50));
    fprintf(out, "  \"timer_late_p99_ns\": %.0f,\n", percentile(&late, 99));
    fprintf(out, "  \"timer_late_samples\": %zu,\n", late.count);
    fixed_loop(&wall, &cpu);
    write_spread(out, "loop", &wall);
    write_spread(out, "loop_cpu", &cpu);
    fprintf(out, "  \"loop_samples\": %zu,\n", wall.count);
    write_wake_up(out, "wake_same_core", cpus[0], cpus[0]);
    if (two)
        write_wake_up(out, "wake_cross_core", cpus[0], cpus[1]);
    const char *why = no_counters();
    fprintf(out, "  \"hardware_counters\": %s", why ? "false" : "true");
    if (why)
        fprintf(out, ",\n  \"hardware_counters_error\": \"%s\"", why);
    fprintf(out, "\n}}\n");
}

static int usage(FILE *out, int code)
{
    fprintf(out,
            "usage: machine [--json FILE] [--list]\n"
            "Measures what this machine can resolve: clock cost, timer lateness, variation of\n"
            "a fixed loop, wake-ups on the same and on another CPU, hardware counters.\n");
    return code;
}

/* Written beside and renamed, so that FILE is whole or absent. 0 or a negative errno. */
static int write_file(const char *path)
{
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary)
        return -ENAMETOOLONG;
    FILE *out = fopen(temporary, "w");
    if (!out)
        return -errno;
    write_all(out);
    if (fclose(out) != 0 || rename(temporary, path) != 0)
        return -errno;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"json", required_argument, NULL, 'j'},
                                            {"list", no_argument, NULL, 'l'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *json = NULL;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'h')
            return usage(stdout, 0);
        if (option == 'l')
            return puts("machine") < 0;
        if (option != 'j')
            return usage(stderr, 2);
        json = optarg;
    }
    if (optind < argc) {
        fprintf(stderr, "machine: %s: unexpected argument\n", argv[optind]);
        return 2;
    }
    if (!json) {
        write_all(stdout);
        return 0;
    }
    int error = write_file(json);
    if (error)
        fprintf(stderr, "machine: --json %s: %s\n", json, strerror(-error));
    return error ? 2 : 0;
}
