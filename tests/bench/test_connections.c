/* SPDX-License-Identifier: MIT */
/* The wait that makes sends precise: built twice, with epoll_pwait2 and with its fallback. */
#include "clock.h"
#include "connections.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct pair {
    int listener;
    struct connections connections;
};

static void open_pair_with(struct pair *pair, size_t count, bool stamps)
{
    struct sockaddr_storage address = {.ss_family = AF_INET};
    socklen_t len = sizeof(struct sockaddr_in);
    ((struct sockaddr_in *)(void *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pair->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(pair->listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(pair->listener, 16), 0);
    assert_int_equal(getsockname(pair->listener, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(connections_init(&pair->connections, count, &address, len, false), 0);
    pair->connections.stamps = stamps;
    assert_int_equal(connections_open(&pair->connections, 120 * CLOCK_NS_PER_S), count);
}

static void open_pair(struct pair *pair, size_t count)
{
    open_pair_with(pair, count, false);
}

static void close_pair(struct pair *pair)
{
    connections_finish(&pair->connections);
    close(pair->listener);
}

/* Never early: a request must not leave before it is due. */
static void waits_at_least_as_asked(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair, 1);
    struct epoll_event events[8];
    static const uint64_t waits_ns[] = {1, 1000, 50000, 300000, 2000000, 20000000};
    for (size_t i = 0; i < sizeof waits_ns / sizeof *waits_ns; i++) {
        uint64_t before_ns = clock_ns(), end_ns = before_ns + waits_ns[i];
        /* The fallback says so when its timer has expired: an event without a connection. */
        int n = connections_wait(&pair.connections, events, 8, waits_ns[i]);
        assert_true(n == 0 || (n == 1 && events[0].data.ptr == NULL));
        assert_true(clock_ns() >= end_ns);
    }
    close_pair(&pair);
}

static void an_event_ends_the_wait(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair, 2);
    struct connection *first;
    static const uint8_t text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const struct connection_request request = {.data = text, .len = sizeof text - 1};
    assert_int_equal(connections_send(&pair.connections, &first, &request, clock_ns()),
                     CONNECTION_WAITING);
    int peer = accept(pair.listener, NULL, NULL);
    assert_true(peer >= 0);
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    assert_int_equal(send(peer, answer, sizeof answer - 1, 0), sizeof answer - 1);

    struct epoll_event event;
    assert_int_equal(connections_wait(&pair.connections, &event, 1, 1000 * CLOCK_NS_PER_S), 1);
    assert_ptr_equal(event.data.ptr, first);
    int on = 0;
    socklen_t len = sizeof on;
    assert_int_equal(getsockopt(first->fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_int_not_equal(on, 0); /* no request waits in the kernel */
    assert_int_equal(connections_event(&pair.connections, first, event.events, clock_ns()),
                     CONNECTION_ANSWERED);
    assert_int_equal(first->response.status, 200);
    assert_int_equal(first->response.body_bytes, 2);

    /* Free again, and behind the other one in turn. */
    connections_release(&pair.connections, first, clock_ns());
    assert_int_equal(connections_held(&pair.connections), 2);
    struct connection *second;
    connections_send(&pair.connections, &second, &request, clock_ns());
    assert_ptr_not_equal(second, first);
    close(peer);
    close_pair(&pair);
}

/* The kernel knows when an answer came, however long it lay. The first few it may not have told: it
 * begins to look when it is first asked. */
static void an_answer_is_stamped_when_it_comes(void **state)
{
    (void)state;
    struct pair pair;
    open_pair_with(&pair, 1, true);
    int peer = accept(pair.listener, NULL, NULL);
    static const uint8_t text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const struct connection_request request = {.data = text, .len = sizeof text - 1};
    bool told = false;
    for (int i = 0; i < 200 && !told; i++) {
        struct connection *c;
        struct epoll_event event;
        uint64_t before_ns = clock_ns();
        connections_send(&pair.connections, &c, &request, before_ns);
        assert_int_equal(send(peer, answer, sizeof answer - 1, 0), sizeof answer - 1);
        assert_int_equal(connections_wait(&pair.connections, &event, 1, 1000 * CLOCK_NS_PER_S), 1);
        uint64_t there_ns = clock_ns();
        connections_sleep(&pair.connections, 20 * CLOCK_NS_PER_MS);
        assert_int_equal(connections_event(&pair.connections, c, event.events, clock_ns()),
                         CONNECTION_ANSWERED);
        /* Clocks are compared to within a microsecond, unless we are interrupted then. */
        told = pair.connections.stamped && c->arrived_ns >= before_ns - CLOCK_NS_PER_MS &&
               c->arrived_ns <= there_ns + CLOCK_NS_PER_MS;
        connections_release(&pair.connections, c, clock_ns());
    }
    assert_true(told || !pair.connections.stamped);
    if (!pair.connections.stamped)
        print_message("this kernel does not stamp what TCP receives\n");
    close(peer);
    close_pair(&pair);
}

static void a_closed_one_is_opened_again(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair, 1);
    int peer = accept(pair.listener, NULL, NULL);
    assert_true(peer >= 0);
    close(peer);
    struct epoll_event event;
    assert_int_equal(connections_wait(&pair.connections, &event, 1, 1000 * CLOCK_NS_PER_S), 1);
    struct connection *c = event.data.ptr;
    connections_event(&pair.connections, c, event.events, clock_ns());
    assert_int_equal(c->state, CONNECTION_OPENING);
    assert_int_equal(pair.connections.closes, 1);
    assert_int_equal(connections_wait(&pair.connections, &event, 1, 1000 * CLOCK_NS_PER_S), 1);
    connections_event(&pair.connections, c, event.events, clock_ns());
    assert_int_equal(c->state, CONNECTION_FREE);

    /* Nobody listens any more: down, and tried again after a while, not at once. */
    close(pair.listener);
    connections_reopen(&pair.connections, c, clock_ns());
    uint64_t now_ns = clock_ns();
    while (c->state == CONNECTION_OPENING) {
        assert_int_equal(connections_wait(&pair.connections, &event, 1, 1000 * CLOCK_NS_PER_S), 1);
        now_ns = clock_ns();
        connections_event(&pair.connections, c, event.events, now_ns);
    }
    assert_int_equal(c->state, CONNECTION_DOWN);
    assert_true(connections_revive(&pair.connections, c->since_ns + 1) > c->since_ns + 1);
    assert_int_equal(c->state, CONNECTION_DOWN);
    connections_finish(&pair.connections);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_at_least_as_asked),
        cmocka_unit_test(an_event_ends_the_wait),
        cmocka_unit_test(an_answer_is_stamped_when_it_comes),
        cmocka_unit_test(a_closed_one_is_opened_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
