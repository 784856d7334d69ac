/* SPDX-License-Identifier: MIT */
/* By hand: each connection is an actor with a mailbox; readiness comes as a message, and one thread
 * runs whoever has mail, in the order in which it came. */
#include "rpc.h"

#include "parts/mailbox.h"

#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS 64

struct actor {
    struct actor *next; /* of those with mail */
    struct mailbox box;
    /* One mail. False: the actor is gone. */
    bool (*receive)(struct actor *actor, struct mail *mail);
};

struct conn {
    struct actor actor;
    struct http_conn http;
    struct mail ready;
    uint32_t events; /* since the last ready mail was received; 0: none is under way */
    bool writing;    /* the rest of a reply waits */
};

static struct rpc rpc;
static struct rpc_scratch scratch;
static struct actor *first, **last = &first;

static void send_mail(struct actor *actor, struct mail *mail)
{
    if (!mailbox_push(&actor->box, mail))
        return;
    actor->next = NULL;
    *last = actor;
    last = &actor->next;
}

static bool conn_close(struct conn *conn)
{
    http_conn_finish(&conn->http);
    free(conn);
    return false;
}

static bool conn_receive(struct actor *actor, struct mail *mail)
{
    struct conn *conn = (struct conn *)actor;
    (void)mail; /* there is only one */
    uint32_t events = conn->events;
    conn->events = 0;
    bool readable = events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    if (conn->writing && http_conn_flush(&conn->http, MSG_DONTWAIT) == -EAGAIN)
        return true;
    conn->writing = false;
    for (;;) {
        enum http_step step = rpc_next(&conn->http);
        if (step == HTTP_MORE) {
            ssize_t got = readable ? http_conn_read(&conn->http, MSG_DONTWAIT) : -EAGAIN;
            if (got == -EAGAIN)
                return true;
            if (got <= 0)
                return conn_close(conn);
            readable = !conn->http.drained || (events & EPOLLRDHUP);
            continue;
        }
        int err = rpc_answer(&rpc, &scratch, &conn->http, step, MSG_DONTWAIT);
        conn->writing = err == -EAGAIN;
        if (conn->writing)
            return true;
        if (err != 0 || !conn->http.keep_alive)
            return conn_close(conn);
    }
}

static void run_all(void)
{
    while (first) {
        struct actor *actor = first;
        if (!(first = actor->next))
            last = &first;
        struct mail *mail;
        bool here = true;
        do {
            while (here && (mail = mailbox_pop(&actor->box)))
                here = actor->receive(actor, mail);
        } while (here && !mailbox_rest(&actor->box));
    }
}

static void watch(int epoll_fd, int fd, struct conn *conn, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = conn};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        abort(); /* out of memory */
}

static void accept_all(int epoll_fd)
{
    int fd;
    while ((fd = listener_accept(&rpc.listener)) >= 0) {
        struct conn *conn = aligned_alloc(_Alignof(struct conn), sizeof *conn);
        if (!conn) {
            close(fd);
            continue;
        }
        *conn = (struct conn){.actor.receive = conn_receive};
        mailbox_init(&conn->actor.box);
        http_conn_init(&conn->http, fd, (size_t)8 << 20);
        watch(epoll_fd, fd, conn, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    }
}

static void serve(void)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch(epoll_fd, rpc.listener.fd, NULL, EPOLLIN);
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        if (count < 0 && errno != EINTR)
            exit(EXIT_FAILED);
        for (int i = 0; i < count; i++) {
            struct conn *conn = events[i].data.ptr;
            if (!conn) {
                accept_all(epoll_fd);
                continue;
            }
            if (!conn->events)
                send_mail(&conn->actor, &conn->ready);
            conn->events |= events[i].events;
        }
        run_all();
    }
}

int main(int argc, char **argv)
{
    int code = rpc_open(&rpc, "rpc_messages", "rpc by hand: connections are actors", argc, argv);
    return code == OPTIONS_GO_ON ? rpc_run(serve) : code;
}
