/* SPDX-License-Identifier: MIT */
#include "kernel.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Sequentially consistent, as nothing is timed here; kernel_at_rest() relies on it. */
static _Atomic uint64_t all, yields, sure, wakes, wakes_of_own;
static _Atomic unsigned threads, waiting; /* of the model; and in calls that may wait */
static _Atomic bool starting, stopping;
static _Thread_local bool own; /* this thread is the model's */

/* What a call is, besides one of all. */
enum { OTHER = 0, SURE = 1, YIELD = 2, WAKE = 4 };

/* In this order: who is seen waiting again is seen to have made a call. */
static void enter(unsigned what, bool waits)
{
    if (what & WAKE)
        atomic_fetch_add(&wakes, 1);
    if (!own)
        return;
    atomic_fetch_add(&all, 1);
    if (what & YIELD)
        atomic_fetch_add(&yields, 1);
    if (what & SURE)
        atomic_fetch_add(&sure, 1);
    if (what & WAKE)
        atomic_fetch_add(&wakes_of_own, 1);
    if (waits)
        atomic_fetch_add(&waiting, 1);
}

static void leave(bool waits)
{
    if (own && waits)
        atomic_fetch_sub(&waiting, 1);
}

#define WRAP(result, name, parameters, arguments, what, waits)                                     \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters                                                                \
    {                                                                                              \
        bool may_wait = (waits);                                                                   \
        enter(what, may_wait);                                                                     \
        result value = __real_##name arguments;                                                    \
        leave(may_wait);                                                                           \
        return value;                                                                              \
    }

WRAP(int, epoll_ctl, (int epoll, int op, int fd, struct epoll_event *event), (epoll, op, fd, event),
     OTHER, false)
WRAP(int, epoll_wait, (int epoll, struct epoll_event *events, int most, int timeout),
     (epoll, events, most, timeout), SURE, timeout != 0)
#ifdef HAVE_EPOLL_PWAIT2
WRAP(int, epoll_pwait2,
     (int epoll, struct epoll_event *events, int most, const struct timespec *timeout,
      const sigset_t *mask),
     (epoll, events, most, timeout, mask), SURE,
     !timeout || timeout->tv_sec > 0 || timeout->tv_nsec > 0)
#endif
WRAP(int, poll, (struct pollfd * polls, nfds_t count, int timeout), (polls, count, timeout), SURE,
     timeout != 0)
WRAP(int, ppoll,
     (struct pollfd * polls, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
     (polls, count, timeout, mask), SURE, true)
#ifdef __GLIBC__ /* what they become with _FORTIFY_SOURCE, a default of some distributions */
WRAP(int, __poll_chk, (struct pollfd * polls, nfds_t count, int timeout, size_t size),
     (polls, count, timeout, size), SURE, timeout != 0)
WRAP(int, __ppoll_chk,
     (struct pollfd * polls, nfds_t count, const struct timespec *timeout, const sigset_t *mask,
      size_t size),
     (polls, count, timeout, mask, size), SURE, true)
#endif
WRAP(ssize_t, recv, (int fd, void *data, size_t len, int flags), (fd, data, len, flags), SURE,
     !(flags & MSG_DONTWAIT))
WRAP(ssize_t, send, (int fd, const void *data, size_t len, int flags), (fd, data, len, flags), SURE,
     false)
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags),
     SURE, false)
WRAP(int, accept4, (int fd, struct sockaddr *from, socklen_t *len, int flags),
     (fd, from, len, flags), SURE, false)
WRAP(int, connect, (int fd, const struct sockaddr *to, socklen_t len), (fd, to, len), OTHER, false)
WRAP(ssize_t, write, (int fd, const void *data, size_t len), (fd, data, len), WAKE, false)
WRAP(int, sem_post, (sem_t * semaphore), (semaphore), WAKE, false)
WRAP(int, sem_wait, (sem_t * semaphore), (semaphore), OTHER, true)
WRAP(int, pthread_cond_wait, (pthread_cond_t * condition, pthread_mutex_t *lock), (condition, lock),
     OTHER, true)
WRAP(int, pthread_cond_timedwait,
     (pthread_cond_t * condition, pthread_mutex_t *lock, const struct timespec *until),
     (condition, lock, until), OTHER, true)
WRAP(int, clock_nanosleep,
     (clockid_t clock, int flags, const struct timespec *time, struct timespec *left),
     (clock, flags, time, left), OTHER, false)
WRAP(int, sched_yield, (void), (), YIELD, false)

int __real_pthread_cond_signal(pthread_cond_t *condition);
int __wrap_pthread_cond_signal(pthread_cond_t *condition);
int __wrap_pthread_cond_signal(pthread_cond_t *condition)
{
    if (!atomic_load(&stopping))
        enter(WAKE, false);
    return __real_pthread_cond_signal(condition);
}

/* Of parts/lock.h. Six arguments, however many were given, as the C library's own takes them. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    long given[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        given[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_futex)
        enter(OTHER, false);
    return __real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

/* ---- Whose threads are whose ---- */

struct thread {
    void *(*run)(void *);
    void *arg;
};

static void *thread_main(void *arg)
{
    struct thread thread = *(struct thread *)arg;
    free(arg);
    own = true;
    void *result = thread.run(thread.arg);
    atomic_fetch_sub(&threads, 1);
    return result;
}

int __real_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    if (!own && !atomic_load(&starting))
        return __real_pthread_create(id, attr, run, arg);
    struct thread *thread = malloc(sizeof *thread);
    if (!thread)
        return EAGAIN;
    *thread = (struct thread){run, arg};
    atomic_fetch_add(&threads, 1);
    int error = __real_pthread_create(id, attr, thread_main, thread);
    if (error) {
        atomic_fetch_sub(&threads, 1);
        free(thread);
    }
    return error;
}

/* ---- For the test ---- */

void kernel_begin(void)
{
    atomic_store(&all, 0);
    atomic_store(&yields, 0);
    atomic_store(&sure, 0);
    atomic_store(&wakes, 0);
    atomic_store(&wakes_of_own, 0);
    atomic_store(&threads, 0);
    atomic_store(&waiting, 0);
    atomic_store(&stopping, false);
    atomic_store(&starting, true);
}

void kernel_started(void)
{
    atomic_store(&starting, false);
}

void kernel_stopping(void)
{
    atomic_store(&stopping, true);
}

struct kernel_calls kernel_calls(void)
{
    return (struct kernel_calls){.all = atomic_load(&all),
                                 .yields = atomic_load(&yields),
                                 .sure = atomic_load(&sure),
                                 .wakes = atomic_load(&wakes),
                                 .wakes_of_own = atomic_load(&wakes_of_own)};
}

bool kernel_at_rest(uint64_t *made)
{
    *made = atomic_load(&all);
    return atomic_load(&waiting) == atomic_load(&threads);
}
