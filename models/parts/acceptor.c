/* SPDX-License-Identifier: MIT */
#include "acceptor.h"

#include "clock.h"

#include <errno.h>

#define MOST 64           /* accepted per event: others want to be served, too */
#define PAUSE_NS 10000000 /* when descriptors or memory ran out */

/* The listener's events, wanted or not (it is level-triggered: what is left is reported again). */
static void listen_for(struct acceptor *acceptor, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = &acceptor->source};
    epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_MOD, acceptor->listener.fd, &event);
}

/* False: there may be more. */
static bool accept_some(struct acceptor *acceptor)
{
    for (int i = 0; i < MOST; i++) {
        int fd = listener_accept(&acceptor->listener);
        if (fd >= 0) {
            acceptor->deal(acceptor->arg, fd);
        } else if (fd == -EAGAIN) {
            return true;
        } else if (fd != -EMFILE) {
            listen_for(acceptor, 0);
            acceptor->again_ns = clock_now_ns() + PAUSE_NS;
            return true;
        }
    }
    return false;
}

static void ready(struct event_source *source, uint32_t events)
{
    (void)events;
    accept_some((struct acceptor *)(void *)source); /* its first member */
}

int acceptor_open(struct acceptor *acceptor, const char *address, int epoll_fd)
{
    int error = listener_open(&acceptor->listener, address);
    if (error)
        return error;
    acceptor->source.ready = ready;
    acceptor->epoll_fd = epoll_fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &acceptor->source};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, acceptor->listener.fd, &event) == 0)
        return 0;
    error = -errno;
    acceptor_close(acceptor);
    return error;
}

void acceptor_close(struct acceptor *acceptor)
{
    listener_close(&acceptor->listener);
    acceptor->again_ns = 0;
}

void acceptor_run(struct acceptor *acceptor, uint64_t now_ns)
{
    if (acceptor->again_ns && now_ns >= acceptor->again_ns) {
        acceptor->again_ns = 0;
        listen_for(acceptor, EPOLLIN);
    }
}

void acceptor_drain(struct acceptor *acceptor)
{
    while (acceptor->listener.fd >= 0 && !accept_some(acceptor))
        ;
    acceptor_close(acceptor);
}
