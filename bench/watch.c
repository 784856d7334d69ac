/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include "clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The whole of a small file of /proc as a string; false if it is gone. */
static bool slurp(const char *path, char *text, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, cap - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    return true;
}

static uint64_t field(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static int read_stat(struct watch *watch, pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    if (!slurp(path, text, sizeof text))
        return -ESRCH;
    /* proc(5): the name, field 2, is in brackets and may hold anything; utime is field 14. */
    const char *rest = strrchr(text, ')');
    long long unsigned user, system;
    long long rss_pages;
    if (!rest || sscanf(rest + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu"
                        " %*d %*d %*d %*d %*d %*d %*u %*u %lld",
                        &user, &system, &rss_pages) != 3)
        return -EPROTO;
    watch->user_ticks = user;
    watch->system_ticks = system;
    watch->rss_bytes = (uint64_t)rss_pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

static int read_switches(struct watch *watch, pid_t pid)
{
    char path[320], text[4096];
    snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
    DIR *threads = opendir(path);
    if (!threads)
        return -ESRCH;
    watch->voluntary_switches = watch->involuntary_switches = 0;
    for (struct dirent *e; (e = readdir(threads));) {
        snprintf(path, sizeof path, "/proc/%ld/task/%s/status", (long)pid, e->d_name);
        if (e->d_name[0] == '.' || !slurp(path, text, sizeof text))
            continue;
        watch->voluntary_switches += field(text, "\nvoluntary_ctxt_switches:");
        watch->involuntary_switches += field(text, "\nnonvoluntary_ctxt_switches:");
    }
    closedir(threads);
    return 0;
}

static void split(struct watch *watch)
{
    uint64_t ticks = watch->user_ticks + watch->system_ticks;
    double user = ticks ? (double)watch->user_ticks / (double)ticks : 0;
    watch->cpu_user_ns = (uint64_t)(user * (double)watch->cpu_ns);
    watch->cpu_system_ns = watch->cpu_ns - watch->cpu_user_ns;
}

int watch_clocks(struct watch *watch, pid_t pid)
{
    clockid_t clock;
    int err = clock_getcpuclockid(pid, &clock);
    if (err != 0)
        return -err;
    watch->cpu_ns = clock_read(clock);
    cpu_time_read(&watch->cpus, pid);
    return 0;
}

int watch_threads(struct watch *watch, pid_t pid)
{
    int err = read_stat(watch, pid);
    return err == 0 ? read_switches(watch, pid) : err;
}

/* Threads that have ended take theirs along. */
static uint64_t more(uint64_t later, uint64_t earlier)
{
    return later >= earlier ? later - earlier : UINT64_MAX;
}

void watch_since(struct watch *later, const struct watch *earlier)
{
    later->cpu_ns -= earlier->cpu_ns;
    later->user_ticks -= earlier->user_ticks;
    later->system_ticks -= earlier->system_ticks;
    later->voluntary_switches = more(later->voluntary_switches, earlier->voluntary_switches);
    later->involuntary_switches = more(later->involuntary_switches, earlier->involuntary_switches);
    split(later);
    cpu_time_since(&later->cpus, &earlier->cpus);
}
