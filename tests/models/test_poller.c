/* SPDX-License-Identifier: MIT */
/* What the poller turns away, it turns away as it says: also where the reply did not fit at once.
 */
#include "client.h"
#include "parts/clock.h"
#include "parts/poller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { LARGE = 16 << 20 }; /* more than the sockets hold */

struct world {
    struct poller poller;
    struct door door;
    struct model_config config;
    struct counters *counters;
    struct client client;
    size_t body_len;  /* of a reply */
    bool makes_room;  /* whoever is refused makes room for the next */
    unsigned refused; /* by the poller's thread */
    /* Whom the poller let in; release by its thread, acquire by the test. */
    _Atomic(struct poller_conn *) inside;
};

static void submit(void *arg, struct poller_conn *conn, struct counters *mine)
{
    struct world *world = arg;
    (void)mine;
    atomic_store_explicit(&world->inside, conn, memory_order_release);
}

static int turn_away(void *arg, struct poller_conn *conn, enum http_step step)
{
    struct world *world = arg;
    (void)step;
    uint8_t *body = calloc(1, world->body_len + 1);
    assert_non_null(body);
    world->refused++;
    if (world->makes_room)
        door_leave(&world->door);
    int error =
        http_conn_reply(&conn->http, 503, "text/plain", body, world->body_len, false, MSG_DONTWAIT);
    free(body);
    return error;
}

/* The door is full. */
static int set_up(void **state)
{
    static const struct errands none;
    struct world *world = *state = calloc(1, sizeof *world);
    assert_non_null(world);
    world->counters = counters_create(1);
    assert_non_null(world->counters);
    world->door = (struct door){.limit = 1, .on_full = MODEL_REJECT};
    assert_true(door_enter(&world->door));
    world->config = (struct model_config){.listen = "127.0.0.1:0",
                                          .on_full = MODEL_REJECT,
                                          .max_body_bytes = 1000,
                                          .io_timeout_ns = UINT64_C(600000000000),
                                          .drain_ns = UINT64_C(600000000000)};
    poller_init(&world->poller, &(struct poller_config){.model = &world->config,
                                                        .door = &world->door,
                                                        .errands = &none,
                                                        .counters = world->counters,
                                                        .submit = submit,
                                                        .turn_away = turn_away,
                                                        .arg = world});
    return 0;
}

static void start(struct world *world)
{
    assert_int_equal(poller_start(&world->poller), 0);
    assert_true(client_open(&world->client, world->poller.listener.port));
}

static int tear_down(void **state)
{
    struct world *world = *state;
    client_close(&world->client);
    door_leave(&world->door);
    assert_int_equal(poller_stop(&world->poller), 0);
    poller_finish(&world->poller);
    free(world->counters);
    free(world);
    return 0;
}

static void last_reply_ends_the_connection(void **state)
{
    static const char last[] = "POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    struct world *world = *state;
    struct client_reply reply;
    world->body_len = LARGE;
    start(world);
    setsockopt(world->client.fd, SOL_SOCKET, SO_RCVBUF, &(int){65536}, sizeof(int));
    assert_true(client_say(&world->client, last));
    assert_int_equal(client_reply(&world->client, &reply), 1);
    assert_int_equal(reply.status, 503);
    assert_int_equal(reply.body_len, LARGE);
    assert_true(reply.close);
    assert_true(client_expect_end(&world->client, false));
    assert_null(atomic_load(&world->inside));
}

/* One is refused, and then there is room for the next, which is here already. */
static void who_comes_when_there_is_room_is_let_in(void **state)
{
    struct world *world = *state;
    struct poller_conn *conn = NULL;
    char text[256];
    world->makes_room = true;
    start(world);
    size_t len = client_format(text, sizeof text, "no");
    len += client_format(text + len, sizeof text - len, "yes");
    assert_true(client_send(&world->client, text, len));
    assert_true(client_expect(&world->client, 503, NULL));
    for (int ms = 0; ms < CLIENT_PATIENCE_S * 1000 && !conn; ms++) {
        conn = atomic_load_explicit(&world->inside, memory_order_acquire);
        clock_sleep_ns(1000000);
    }
    assert_non_null(conn);
    assert_int_equal(world->refused, 1);
    assert_true(conn->whole);
    assert_int_equal(conn->http.body_len, 3);
    assert_memory_equal(conn->http.body, "yes", 3);
    poller_close(&world->poller, conn, world->counters); /* tear_down() leaves for it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(last_reply_ends_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_comes_when_there_is_room_is_let_in, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
