/* SPDX-License-Identifier: MIT */
/* The admin address beside every model at work: what it tells is what was done, and it comes and
 * goes while others ask. (test_serve.py asks it beside models that are stuck.) */
#include "admin.h"
#include "delay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { REQUESTS = 200, LOOKS = 50 };

static struct delay_book book;

static int connect_to(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Reads until text has come, or the end. */
static bool read_until(int fd, char *answer, size_t cap, const char *text)
{
    size_t len = 0;
    ssize_t got;
    while (len + 1 < cap && (got = recv(fd, answer + len, cap - 1 - len, 0)) > 0) {
        len += (size_t)got;
        answer[len] = '\0';
        if (text && strstr(answer, text))
            return true;
    }
    answer[len] = '\0';
    return !text;
}

/* Requests to the model, one after the other. Returns how many were answered. */
static void *ask(void *arg)
{
    static const char request[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    int fd = connect_to(*(const uint16_t *)arg);
    uintptr_t answered = 0;
    char answer[4096];
    while (fd >= 0 && answered < REQUESTS &&
           send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1 &&
           read_until(fd, answer, sizeof answer, "\r\n\r\nbody"))
        answered++;
    if (fd >= 0)
        close(fd);
    return (void *)answered;
}

/* The value of a metric, or -1. */
static long told_once(uint16_t port, const char *name)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
    static char answer[1 << 16];
    int fd = connect_to(port);
    if (fd < 0)
        return -1;
    answer[0] = '\0';
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1)
        read_until(fd, answer, sizeof answer, NULL);
    close(fd);
    char line[128];
    snprintf(line, sizeof line, "\n%s{", name);
    const char *at = strstr(answer, line);
    const char *value = at ? strchr(at, '}') : NULL;
    return value ? strtol(value + 1, NULL, 10) : -1;
}

/* Whoever is a second late with his request is not waited for: it is sent again. */
static long told(uint16_t port, const char *name)
{
    long value = -1;
    for (int tries = 0; value < 0 && tries < 20; tries++)
        value = told_once(port, name);
    return value;
}

static void beside_every_model(void **state)
{
    (void)state;
    assert_int_equal(delay_parse(&book.plans[0], "fixed:0"), 0);
    for (size_t m = 0; models[m]; m++) {
        const struct model_config config = {.workload = &delay_workload,
                                            .setup = &book,
                                            .cells = 1,
                                            .threads = 1,
                                            .queue_limit = 8,
                                            .listen = "127.0.0.1:0",
                                            .content_type = "a/b",
                                            .max_body_bytes = 100,
                                            .io_timeout_ns = UINT64_C(60000000000),
                                            .drain_ns = UINT64_C(60000000000)};
        struct model_run *run;
        struct admin *admin;
        uint16_t port, admin_port;
        assert_int_equal(models[m]->start(&config, &run, &port), 0);
        const struct admin_config beside = {"127.0.0.1:0", models[m], run, "delay"};
        assert_int_equal(admin_start(&admin, &beside, &admin_port), 0);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, ask, &port), 0);
        long before = 0;
        for (int i = 0; i < LOOKS; i++) {
            long now = told(admin_port, "assay_answered_total");
            assert_in_range(now, before, REQUESTS);
            before = now;
        }
        void *answered;
        pthread_join(thread, &answered);
        assert_int_equal((uintptr_t)answered, REQUESTS);
        assert_int_equal(told(admin_port, "assay_answered_total"), REQUESTS);
        assert_int_equal(told(admin_port, "assay_pool_in_use"), 0);
        admin_stop(admin);
        assert_int_equal(connect_to(admin_port), -1);
        assert_int_equal(models[m]->stop(run, NULL), 0);
    }
}

static void *drip(void *arg)
{
    int fd = *(const int *)arg;
    while (send(fd, "a", 1, MSG_NOSIGNAL) == 1)
        usleep(50000);
    return NULL;
}

/* Somebody who sends a byte now and then, and never all of a request, does not keep the server from
 * its end. */
static void whoever_drips_is_not_waited_for(void **state)
{
    (void)state;
    struct admin *admin;
    uint16_t port;
    pthread_t thread;
    assert_int_equal(admin_start(&admin, &(struct admin_config){.listen = "127.0.0.1:0"}, &port),
                     0);
    int fd = connect_to(port);
    assert_true(fd >= 0 && send(fd, "GET /", 5, MSG_NOSIGNAL) == 5);
    assert_int_equal(pthread_create(&thread, NULL, drip, &fd), 0);
    usleep(200000); /* it is being served */
    admin_stop(admin);
    pthread_join(thread, NULL);
    close(fd);
}

static void addresses(void **state)
{
    (void)state;
    struct admin *admin;
    uint16_t port;
    assert_int_equal(admin_start(&admin, &(struct admin_config){.listen = "nowhere"}, &port),
                     -EINVAL);
    assert_int_equal(admin_start(&admin, &(struct admin_config){.listen = "127.0.0.1:0"}, &port),
                     0);
    char taken[32];
    snprintf(taken, sizeof taken, "127.0.0.1:%d", port);
    struct admin *other;
    assert_int_equal(admin_start(&other, &(struct admin_config){.listen = taken}, &port),
                     -EADDRINUSE);
    admin_stop(admin);
    admin_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(whoever_drips_is_not_waited_for),
        cmocka_unit_test(beside_every_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
