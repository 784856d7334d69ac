/* SPDX-License-Identifier: MIT */
/* What the poller turns away, it turns away as it says: also where the reply did not fit at once.
 */
#include "client.h"
#include "parts/poller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { LARGE = 16 << 20 }; /* more than the sockets hold */

/* The door is full: nobody gets in. */
static void submit(void *arg, struct poller_conn *conn, struct counters *mine)
{
    (void)conn, (void)mine;
    *(bool *)arg = true;
}

static int turn_away(void *arg, struct poller_conn *conn, enum http_step step)
{
    (void)arg, (void)step;
    uint8_t *body = calloc(1, LARGE);
    assert_non_null(body);
    int error = http_conn_reply(&conn->http, 503, "text/plain", body, LARGE, false, MSG_DONTWAIT);
    free(body);
    return error;
}

static void last_reply_ends_the_connection(void **state)
{
    (void)state;
    static const char last[] = "POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    bool submitted = false;
    struct poller poller;
    struct client client = {0};
    struct client_reply reply;
    struct counters *counters = counters_create(1);
    static const struct errands none;
    assert_non_null(counters);
    struct door door = {.limit = 1, .on_full = MODEL_REJECT};
    assert_true(door_enter(&door));
    const struct model_config config = {.listen = "127.0.0.1:0",
                                        .on_full = MODEL_REJECT,
                                        .max_body_bytes = 1000,
                                        .io_timeout_ns = UINT64_C(600000000000),
                                        .drain_ns = UINT64_C(600000000000)};
    poller_init(&poller, &(struct poller_config){.model = &config,
                                                 .door = &door,
                                                 .errands = &none,
                                                 .counters = counters,
                                                 .submit = submit,
                                                 .turn_away = turn_away,
                                                 .arg = &submitted});
    assert_int_equal(poller_start(&poller), 0);
    assert_true(client_open(&client, poller.listener.port));
    setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &(int){65536}, sizeof(int));
    assert_true(client_say(&client, last));
    assert_int_equal(client_reply(&client, &reply), 1);
    assert_int_equal(reply.status, 503);
    assert_int_equal(reply.body_len, LARGE);
    assert_true(reply.close);
    assert_true(client_expect_end(&client, false));
    client_close(&client);
    door_leave(&door);
    assert_int_equal(poller_stop(&poller), 0);
    poller_finish(&poller);
    free(counters);
    assert_false(submitted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_reply_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
