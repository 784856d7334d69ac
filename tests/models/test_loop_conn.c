/* SPDX-License-Identifier: MIT */
/* The connections of a loop that gives up; and how much of one is done before others have a turn.
 */
#include "parts/loop_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEALT = 3, BATCH = 8, ROUNDS_MOST = 1000 };

static int gone;

static void closed(struct loop_conns *conns)
{
    (void)conns;
    gone++;
}

static const struct model_config config = {
    .max_body_bytes = 1000, .io_timeout_ns = 1000000000, .batch = BATCH};

/* A loop's connections, and both ends of each. */
struct world {
    struct counters *counters;
    struct loop_conns conns;
    int ours[DEALT], peers[DEALT];
};

static int set_up(void **state)
{
    struct world *world = *state = calloc(1, sizeof *world);
    assert_non_null(world);
    world->counters = counters_create(1);
    assert_non_null(world->counters);
    world->conns = (struct loop_conns){
        .reply = {.config = &config, .counters = world->counters, .flags = MSG_DONTWAIT},
        .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
        .closed = closed};
    gone = 0;
    for (int i = 0; i < DEALT; i++) {
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        world->ours[i] = fds[0];
        world->peers[i] = fds[1];
        assert_int_equal(loop_conn_create(&world->conns, fds[0], (uint64_t)i), 0);
    }
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < DEALT; i++)
        close(world->peers[i]);
    close(world->conns.epoll_fd);
    free(world->counters);
    free(world);
    return 0;
}

static void unseen_connections_are_closed(void **state)
{
    struct world *world = *state;
    assert_int_equal(loop_conns_finish(&world->conns), 0);
    assert_int_equal(gone, DEALT);
    for (int i = 0; i < DEALT; i++) {
        char byte;
        assert_int_equal(fcntl(world->ours[i], F_GETFD), -1);
        assert_int_equal(recv(world->peers[i], &byte, 1, 0), 0);
    }
}

/* What a round does when epoll has reported all connections. */
static void take_events(struct world *world)
{
    struct epoll_event events[DEALT];
    int count = epoll_wait(world->conns.epoll_fd, events, DEALT, 0);
    assert_int_equal(count, DEALT);
    for (int i = 0; i < count; i++) {
        struct event_source *source = events[i].data.ptr;
        source->ready(source, events[i].events);
    }
}

static int unread(int fd)
{
    int left = -1;
    assert_int_equal(ioctl(fd, FIONREAD, &left), 0);
    return left;
}

/* Empty lines between requests ask for nothing and are read on and on: the rest in later rounds. */
static void reads_are_bounded(void **state)
{
    enum { ENOUGH = 300000 }; /* more than one connection may take of a round */
    static char lines[65536];
    struct world *world = *state;
    int rounds = 0, sent = 0, more = 1 << 20;
    for (size_t i = 0; i < sizeof lines; i++)
        lines[i] = i % 2 ? '\n' : '\r';
    setsockopt(world->peers[0], SOL_SOCKET, SO_SNDBUF, &more, sizeof more);
    while ((more = (int)send(world->peers[0], lines, sizeof lines, MSG_DONTWAIT)) > 0)
        sent += more;
    if (sent < ENOUGH) { /* this kernel does not hold that much */
        loop_conns_finish(&world->conns);
        skip();
    }
    take_events(world);
    assert_true(unread(world->ours[0]) > sent - ENOUGH);
    for (; unread(world->ours[0]) > 0 && rounds < ROUNDS_MOST; rounds++) {
        assert_int_equal(loop_conns_due_ns(&world->conns), 0); /* it does not wait for an event */
        loop_conns_run(&world->conns, 0);
    }
    assert_int_equal(unread(world->ours[0]), 0);
    assert_int_equal(loop_conns_finish(&world->conns), 0);
}

/* How many replies have come since the last look. */
static int replies(int fd)
{
    static char text[65536];
    int count = 0;
    ssize_t len = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    assert_true(len > 0 || (len < 0 && errno == EAGAIN));
    text[len > 0 ? len : 0] = '\0';
    for (const char *at = text; (at = strstr(at, "HTTP/1.1 200 OK")); at++)
        count++;
    return count;
}

/* Of a pipeline a batch is answered in a round, whoever answers it. */
static void requests_are_bounded(void **state)
{
    enum { REQUESTS = 3 * BATCH + 1 };
    static const char request[] = "GET /health HTTP/1.1\r\nHost: t\r\n\r\n";
    struct world *world = *state;
    for (int i = 0; i < REQUESTS; i++)
        assert_int_equal(send(world->peers[0], request, sizeof request - 1, 0), sizeof request - 1);
    assert_int_equal(send(world->peers[1], request, sizeof request - 1, 0), sizeof request - 1);
    take_events(world);
    assert_int_equal(replies(world->peers[0]), BATCH);
    assert_int_equal(replies(world->peers[1]), 1);
    for (int left = REQUESTS - BATCH; left > 0; left -= BATCH) {
        assert_int_equal(loop_conns_due_ns(&world->conns), 0);
        loop_conns_run(&world->conns, 0);
        assert_int_equal(replies(world->peers[0]), left < BATCH ? left : BATCH);
    }
    assert_int_not_equal(loop_conns_due_ns(&world->conns), 0);
    assert_int_equal(loop_conns_finish(&world->conns), 0);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(unseen_connections_are_closed),
        TEST(reads_are_bounded),
        TEST(requests_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
