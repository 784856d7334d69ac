/* SPDX-License-Identifier: MIT */
/* Accepts for a model that has an epoll loop to spare: a listener in an epoll instance. */
#ifndef ASSAY_ACCEPTOR_H
#define ASSAY_ACCEPTOR_H

#include "listener.h"
#include "source.h"

#include <stdbool.h>

struct acceptor {
    struct event_source source;
    struct listener listener;
    int epoll_fd;
    uint64_t again_ns; /* 0, or when to look again: the system was short of something */
    void (*deal)(void *arg, int fd); /* a new connection; from the loop's thread */
    void *arg;
};

/* deal and arg are set. 0 or a negative errno (listener_open). close takes one that was not opened,
 * if its listener's descriptors are -1. */
int acceptor_open(struct acceptor *acceptor, const char *address, int epoll_fd);
void acceptor_close(struct acceptor *acceptor);
void acceptor_run(struct acceptor *acceptor, uint64_t now_ns); /* when again_ns is due */
void acceptor_drain(struct acceptor *acceptor);                /* deals the backlog, then closes */

#endif
