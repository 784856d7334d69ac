/* SPDX-License-Identifier: MIT */
/* Lists of CPUs ("0-1,3") and threads that run on them. */
#ifndef ASSAY_CPUS_H
#define ASSAY_CPUS_H

#include <pthread.h>
#include <sched.h>

/*
 * The CPUs named; NULL: those that this thread may use. -EINVAL: not a list, or a CPU in it is not
 * available to this process (which may be confined: taskset, cgroups).
 */
int cpus_parse(const char *list, cpu_set_t *set);

/* Attributes of threads that are bound to the list from their first instruction. 0 or a negative
 * errno, as cpus_parse(); pthread_attr_destroy() them. */
int cpus_attr_init(pthread_attr_t *attr, const char *list);

/* pthread_create with the thread bound to the list (NULL: wherever) from its first instruction.
 * 0, -EINVAL, -EAGAIN … name is what ps and top show, at most 15 characters. */
int cpus_thread_create(pthread_t *thread, const char *list, const char *name, void *(*run)(void *),
                       void *arg);

int cpus_pin_self(const char *list); /* 0 or -EINVAL */

#endif
