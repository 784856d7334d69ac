/* SPDX-License-Identifier: MIT */
#include "parts_models.h"

#include "gbench.h"
#include "parts/http.h"
#include "parts/mailbox.h"
#include "parts/queue.h"
#include "parts/timers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One thread, nobody asleep: the lock and the ring. */
static void queue_push_pop(struct gbench_state *state, void *arg)
{
    (void)arg;
    struct queue queue;
    struct queue_worker worker;
    int task, err = queue_init(&queue, 1024);
    if (err == 0)
        err = queue_worker_init(&worker);
    if (err != 0) {
        gbench_fail(state, strerror(-err));
        return;
    }
    void *last = &task;
    GBENCH_LOOP(state)
    {
        queue_push(&queue, last);
        last = queue_pop(&queue, &worker);
    }
    if (last != &task)
        gbench_fail(state, "another task came out");
    queue_worker_finish(&worker);
    queue_finish(&queue);
}

struct echo {
    struct queue there, back;
    struct queue_worker worker;
};

static void *echo_main(void *arg)
{
    struct echo *echo = arg;
    for (void *task; (task = queue_pop(&echo->there, &echo->worker));)
        queue_push(&echo->back, task);
    return NULL;
}

/* To a sleeping thread and back from it: two wake-ups, wherever the scheduler puts the two. */
static void queue_round_trip(struct gbench_state *state, void *arg)
{
    (void)arg;
    struct echo echo;
    struct queue_worker mine;
    pthread_t thread;
    int task, err = queue_init(&echo.there, 16);
    if (err == 0)
        err = queue_init(&echo.back, 16);
    if (err == 0)
        err = queue_worker_init(&echo.worker);
    if (err == 0)
        err = queue_worker_init(&mine);
    if (err == 0)
        err = -pthread_create(&thread, NULL, echo_main, &echo);
    if (err != 0) {
        gbench_fail(state, strerror(-err));
        return;
    }
    void *last = &task;
    GBENCH_LOOP(state)
    {
        queue_push(&echo.there, last);
        last = queue_pop(&echo.back, &mine);
    }
    if (last != &task)
        gbench_fail(state, "another task came back");
    queue_close(&echo.there);
    pthread_join(thread, NULL);
    queue_worker_finish(&mine);
    queue_worker_finish(&echo.worker);
    queue_finish(&echo.back);
    queue_finish(&echo.there);
}

/* The sender finds the owner resting: push, pop, rest, as for a message to an idle actor. */
static void mailbox_idle(struct gbench_state *state, void *arg)
{
    (void)arg;
    struct mailbox mailbox;
    struct mail mail;
    mailbox_init(&mailbox);
    bool good = true;
    GBENCH_LOOP(state)
    {
        good &= mailbox_push(&mailbox, &mail);
        good &= mailbox_pop(&mailbox) == &mail;
        good &= mailbox_rest(&mailbox);
    }
    if (!good)
        gbench_fail(state, "the mailbox lost a mail");
}

/* There is always more mail: push and pop only. */
static void mailbox_busy(struct gbench_state *state, void *arg)
{
    (void)arg;
    struct mailbox mailbox;
    struct mail mails[2];
    mailbox_init(&mailbox);
    mailbox_push(&mailbox, &mails[0]);
    struct mail *spare = &mails[1];
    GBENCH_LOOP(state)
    {
        mailbox_push(&mailbox, spare);
        spare = mailbox_pop(&mailbox);
    }
    if (!spare)
        gbench_fail(state, "the mailbox lost a mail");
}

#define TIMERS_LIVE 1000

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* A heap of 1000 that stays at 1000: one is added, one comes out. */
static void timers_add_pop(struct gbench_state *state, void *arg)
{
    struct timers timers = {0};
    uint64_t x = 88172645463325252;
    for (int i = 0; i < TIMERS_LIVE; i++)
        timers_add(&timers, next_random(&x) >> 1, arg, NULL);
    GBENCH_LOOP(state)
    {
        timers_add(&timers, next_random(&x) >> 1, arg, NULL);
        void *item = timers_pop(&timers, TIMERS_NEVER);
        GBENCH_KEEP(item);
    }
    if (timers.len != TIMERS_LIVE)
        gbench_fail(state, "the heap lost a timer");
    timers_finish(&timers);
}

/* A deadline that is not reached, among 1000 others: what a call costs that is answered in time. */
static void timers_add_cancel(struct gbench_state *state, void *arg)
{
    struct timers timers = {0};
    uint64_t x = 88172645463325252;
    size_t place = 0;
    for (int i = 0; i < TIMERS_LIVE; i++)
        timers_add(&timers, next_random(&x) >> 1, arg, NULL);
    GBENCH_LOOP(state)
    {
        timers_add(&timers, next_random(&x) >> 1, arg, &place);
        timers_cancel(&timers, &place);
    }
    if (timers.len != TIMERS_LIVE)
        gbench_fail(state, "the heap lost a timer");
    timers_finish(&timers);
}

#define BODY_BYTES 1024

/* Parsing alone, no socket: the client's side. */
static void http_response(struct gbench_state *state, void *arg)
{
    (void)arg;
    char text[BODY_BYTES + 128] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                  "Content-Length: 1024\r\n\r\n";
    const size_t len = strlen(text) + BODY_BYTES;
    memset(text + strlen(text), 'x', BODY_BYTES);
    struct http_response response;
    http_response_init(&response, false);
    bool good = true;
    GBENCH_LOOP(state)
    {
        size_t used;
        http_response_reset(&response);
        good &= http_response_feed(&response, (const uint8_t *)text, len, &used) == 0;
        good &= response.complete && used == len;
    }
    if (!good)
        gbench_fail(state, "the response was not understood");
    gbench_bytes(state, (int64_t)len);
    http_response_finish(&response);
}

/* A request through a socket pair: sent, read, parsed, answered, the answer read. Four system
 * calls, no sleep: what a request costs in any model at least. */
static void http_request(struct gbench_state *state, void *arg)
{
    (void)arg;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        gbench_fail(state, strerror(errno));
        return;
    }
    uint8_t body[BODY_BYTES], answer[2 * BODY_BYTES];
    memset(body, 'x', sizeof body);
    struct bytes request = {0};
    http_request_write(&request, "POST", "/", "localhost", "application/json", body, sizeof body);
    struct http_conn conn;
    http_conn_init(&conn, fds[0], 1 << 20);
    bool good = true;
    GBENCH_LOOP(state)
    {
        good &= send(fds[1], request.data, request.len, 0) == (ssize_t)request.len;
        good &= http_conn_read(&conn, 0) > 0;
        good &= http_conn_parse(&conn) == HTTP_WORK;
        good &= http_conn_reply(&conn, 200, "application/json", conn.body, conn.body_len, false,
                                0) == 0;
        good &= recv(fds[1], answer, sizeof answer, 0) > BODY_BYTES;
        if (!good)
            break; /* the next recv would wait for ever */
    }
    if (!good)
        gbench_fail(state, "the request was not answered");
    http_conn_finish(&conn);
    close(fds[1]);
    bytes_finish(&request);
}

void parts_models_register(void)
{
    static int item;
    gbench_register("parts/queue/push_pop", queue_push_pop, NULL, NULL);
    gbench_register("parts/queue/round_trip", queue_round_trip, NULL, NULL);
    gbench_register("parts/mailbox/idle", mailbox_idle, NULL, NULL);
    gbench_register("parts/mailbox/busy", mailbox_busy, NULL, NULL);
    gbench_register("parts/timers/add_pop", timers_add_pop, &item, NULL);
    gbench_register("parts/timers/add_cancel", timers_add_cancel, &item, NULL);
    gbench_register("parts/http_parse/response", http_response, NULL, NULL);
    gbench_register("parts/http_parse/request", http_request, NULL, NULL);
}
