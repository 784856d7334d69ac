/* SPDX-License-Identifier: MIT */
#include "cpus.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

static int number(const char **text, long *value)
{
    if (!isdigit((unsigned char)**text))
        return -EINVAL;
    char *end;
    errno = 0;
    *value = strtol(*text, &end, 10);
    *text = end;
    return errno || *value >= CPU_SETSIZE ? -EINVAL : 0;
}

int cpus_parse(const char *list, cpu_set_t *set)
{
    cpu_set_t available;
    if (sched_getaffinity(0, sizeof available, &available) < 0)
        return -errno;
    if (!list) {
        *set = available;
        return 0;
    }
    CPU_ZERO(set);
    for (const char *at = list;; at++) {
        long first, last;
        if (number(&at, &first) < 0)
            return -EINVAL;
        last = first;
        if (*at == '-' && (at++, number(&at, &last) < 0 || last < first))
            return -EINVAL;
        for (long cpu = first; cpu <= last; cpu++) {
            if (!CPU_ISSET((size_t)cpu, &available))
                return -EINVAL;
            CPU_SET((size_t)cpu, set);
        }
        if (*at == '\0')
            return 0;
        if (*at != ',')
            return -EINVAL;
    }
}

int cpus_attr_init(pthread_attr_t *attr, const char *list)
{
    cpu_set_t set;
    int error = list ? cpus_parse(list, &set) : 0;
    if (error)
        return error;
    error = pthread_attr_init(attr);
    if (error || !list)
        return -error;
    error = pthread_attr_setaffinity_np(attr, sizeof set, &set);
    if (error)
        pthread_attr_destroy(attr);
    return -error;
}

int cpus_thread_create(pthread_t *thread, const char *list, const char *name, void *(*run)(void *),
                       void *arg)
{
    pthread_attr_t attr;
    int error = cpus_attr_init(&attr, list);
    if (error)
        return error;
    error = pthread_create(thread, &attr, run, arg);
    pthread_attr_destroy(&attr);
    if (!error)
        pthread_setname_np(*thread, name);
    return -error;
}

int cpus_pin_self(const char *list)
{
    cpu_set_t set;
    int error = cpus_parse(list, &set);
    if (error)
        return error;
    return -pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}
