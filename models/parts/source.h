/* SPDX-License-Identifier: MIT */
/*
 * What an epoll instance of a model points at: every epoll_event.data.ptr is a struct event_source,
 * embedded in whatever has the descriptor. So a loop dispatches without knowing what it waits for,
 * and parts (the connection pool) can put their own descriptors into a model's epoll.
 */
#ifndef ASSAY_SOURCE_H
#define ASSAY_SOURCE_H

#include <stdint.h>

struct event_source {
    void (*ready)(struct event_source *source, uint32_t events); /* EPOLLIN … */
};

#endif
