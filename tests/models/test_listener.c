/* SPDX-License-Identifier: MIT */
#include "parts/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static void addresses(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "127.0.0.1",
        ":80",
        "127.0.0.1:",
        "127.0.0.1:http",
        "127.0.0.1:65536",
        "::1:80",
        "[::1]",
        "[]:80",
        "[127.0.0.1]:80",
        "127.0.0.1:-1",
        "127.0.0.1:1 ",
        "[::1:80",
        "127.0.0.1:123456",
    };
    struct sockaddr_storage address;
    socklen_t len;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(address_parse(wrong[i], &address, &len), -EINVAL);
    assert_int_equal(address_parse("no-such-host.invalid:80", &address, &len), -EADDRNOTAVAIL);

    assert_int_equal(address_parse("127.0.0.1:65535", &address, &len), 0);
    assert_int_equal(address.ss_family, AF_INET);
    assert_int_equal(ntohs(((struct sockaddr_in *)&address)->sin_port), 65535);
    assert_int_equal(address_parse("[::1]:80", &address, &len), 0);
    assert_int_equal(address.ss_family, AF_INET6);
    assert_int_equal(len, sizeof(struct sockaddr_in6));
    assert_int_equal(address_parse("localhost:0", &address, &len), 0);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* A connection may reach the queue a moment after connect() has returned at its other end. */
static int accept_soon(struct listener *listener)
{
    struct pollfd pollfd = {.fd = listener->fd, .events = POLLIN};
    assert_int_equal(poll(&pollfd, 1, 120000), 1);
    return listener_accept(listener);
}

static void accepts(void **state)
{
    (void)state;
    struct listener listener, second;
    assert_int_equal(listener_open(&listener, "127.0.0.1:0"), 0);
    assert_true(listener.port > 0);
    assert_int_equal(listener_accept(&listener), -EAGAIN);
    int client = connect_to(listener.port);
    int fd = accept_soon(&listener);
    assert_true(fd >= 0);
    assert_int_equal(send(client, "x", 1, 0), 1);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    close(fd);
    close(client);

    char text[32];
    snprintf(text, sizeof text, "127.0.0.1:%u", listener.port);
    assert_int_equal(listener_open(&second, text), -EADDRINUSE);
    listener_close(&listener);
    listener_close(&listener);
    /* At once again, though the closed connection is in TIME_WAIT. */
    assert_int_equal(listener_open(&second, text), 0);
    assert_int_equal(second.port, listener.port);
    listener_close(&second);
    assert_int_equal(listener_open(&second, "192.0.2.1:0"), -EADDRNOTAVAIL);
}

/* Without descriptors a waiting connection is dropped, not left to wake the acceptor for ever. */
static void out_of_descriptors(void **state)
{
    (void)state;
    struct listener listener;
    struct rlimit old, few;
    assert_int_equal(listener_open(&listener, "127.0.0.1:0"), 0);
    int clients[3];
    for (int i = 0; i < 3; i++)
        clients[i] = connect_to(listener.port);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = (rlim_t)clients[2] + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(accept_soon(&listener), -EMFILE);
    assert_int_equal(accept_soon(&listener), -EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    int fd = accept_soon(&listener); /* the third is still there, and welcome */
    assert_true(fd >= 0);
    char byte;
    assert_true(recv(clients[0], &byte, 1, 0) <= 0);
    assert_true(recv(clients[1], &byte, 1, 0) <= 0);
    assert_int_equal(recv(clients[2], &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    close(fd);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
    listener_close(&listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(accepts),
        cmocka_unit_test(out_of_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
