/* SPDX-License-Identifier: MIT */
/*
 * What models whose threads sleep in epoll promise besides the contract: a descriptor is registered
 * once and for all, and who is awake is not woken. Counted where they enter the kernel (ld --wrap),
 * whatever they say of it themselves.
 */
#include "bed.h"

#include <sys/epoll.h>
#include <unistd.h>

/* Calls of epoll_ctl(), and of write(): eventfds are all that they write to. */
static _Atomic int watches, wakes;

int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);

int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    atomic_fetch_add(&watches, 1);
    return __real_epoll_ctl(epoll, op, fd, event);
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    atomic_fetch_add(&wakes, 1);
    return __real_write(fd, data, len);
}

/* With several threads they may have to wake each other for a request, but not with one. */
static void registered_once(struct bed *bed)
{
    enum { REQUESTS = 200 };
    static const char *const texts[] = {"#short", "+f1+f2+#through cells"};
    bed_start(bed);
    bed_open(bed, 0);
    assert_true(client_post(&bed->clients[0], texts[0]));
    assert_true(client_expect(&bed->clients[0], 200, texts[0]));
    int watched = atomic_load(&watches), woken = atomic_load(&wakes);
    for (int i = 0; i < REQUESTS; i++) {
        assert_true(client_post(&bed->clients[0], texts[i % 2]));
        assert_true(client_expect(&bed->clients[0], 200, texts[i % 2]));
    }
    assert_int_equal(atomic_load(&watches), watched);
    if (bed->threads == 1)
        assert_int_equal(atomic_load(&wakes), woken);
    bed_stop(bed);
}

static void awake_is_not_woken(struct bed *bed)
{
    enum { POSTS = 50 };
    static struct posted posts[POSTS];
    if (bed->threads > 1) /* another one may well be asleep */
        skip();
    bed_start(bed);
    for (int i = 0; i < POSTS; i++)
        posted_init(&posts[i], bed, (uint32_t)i % bed->config.cells, i ? "#queued" : "p#busy");
    assert_int_equal(posted_post(&posts[0], bed), 0);
    assert_true(bed_wait_int(&bed->probe.in_turn, 1));
    int woken = atomic_load(&wakes);
    uint64_t told = bed_stats(bed).wakeups;
    for (int i = 1; i < POSTS; i++)
        assert_int_equal(posted_post(&posts[i], bed), 0);
    assert_int_equal(atomic_load(&wakes), woken);
    assert_int_equal(bed_stats(bed).wakeups, told);
    bed_open_gate(bed);
    for (int i = 0; i < POSTS; i++)
        assert_true(posted_is(&posts[i], 200, posts[i].text));
    bed_stop(bed);
    for (int i = 0; i < POSTS; i++)
        posted_finish(&posts[i], bed);
}

int main(int argc, char **argv)
{
    static const struct bed_property properties[] = {
        {"a connection is registered once", registered_once, NULL},
        {"who is awake is not woken", awake_is_not_woken, NULL},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
