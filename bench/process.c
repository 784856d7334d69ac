/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

void process_prepare(void)
{
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static sigset_t stops(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

void process_block_stops(void)
{
    sigset_t set = stops();
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void die(int signal)
{
    static const char why[] = "asked to stop a second time: ended without waiting for answers\n";
    (void)signal;
    (void)!write(STDERR_FILENO, why, sizeof why - 1);
    _exit(1);
}

void process_await_stop(void)
{
    sigset_t set = stops();
    int which;
    sigwait(&set, &which);
    struct sigaction at_once = {.sa_handler = die};
    sigaction(SIGTERM, &at_once, NULL);
    sigaction(SIGINT, &at_once, NULL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

uint64_t process_peak_rss_bytes(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    if (!file)
        return 0;
    unsigned long long kib = 0;
    char line[256];
    while (fgets(line, sizeof line, file) && sscanf(line, "VmHWM: %llu", &kib) != 1)
        ;
    fclose(file);
    return (uint64_t)kib * 1024;
}
