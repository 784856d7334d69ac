/* SPDX-License-Identifier: MIT */
/* A loop that gives up, with a connection whose first event it has not taken: that is closed, too.
 */
#include "parts/loop_conn.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int gone;

static void closed(struct loop_conns *conns)
{
    (void)conns;
    gone++;
}

static void unseen_connections_are_closed(void **state)
{
    (void)state;
    enum { DEALT = 3 };
    int ours[DEALT], peers[DEALT];
    struct counters *counters = counters_create(1);
    assert_non_null(counters);
    const struct model_config config = {.max_body_bytes = 1000, .io_timeout_ns = 1};
    struct loop_conns conns = {.reply = {.config = &config, .counters = counters},
                               .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
                               .closed = closed};
    for (int i = 0; i < DEALT; i++) {
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        ours[i] = fds[0];
        peers[i] = fds[1];
        assert_int_equal(loop_conn_create(&conns, fds[0], (uint64_t)i), 0);
    }
    assert_int_equal(loop_conns_finish(&conns), 0);
    assert_int_equal(gone, DEALT);
    for (int i = 0; i < DEALT; i++) {
        char byte;
        assert_int_equal(fcntl(ours[i], F_GETFD), -1);
        assert_int_equal(recv(peers[i], &byte, 1, 0), 0);
        close(peers[i]);
    }
    close(conns.epoll_fd);
    free(counters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unseen_connections_are_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
