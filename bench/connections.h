/* SPDX-License-Identifier: MIT */
/*
 * The load generator's connections: non-blocking, one request in flight on each, one epoll set, one
 * thread. Free connections are used in turn, the one that has been free longest first, so that all
 * that are held are also used. What is broken or closed by the peer is opened again.
 */
#ifndef ASSAY_CONNECTIONS_H
#define ASSAY_CONNECTIONS_H

#include "heads.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum connection_state { CONNECTION_DOWN, CONNECTION_OPENING, CONNECTION_FREE, CONNECTION_BUSY };

struct connection {
    struct connection *previous, *next; /* in the list of its state */
    int fd;
    enum connection_state state;
    uint64_t since_ns; /* when it came into that state; BUSY: when its request was sent */
    struct http_response response;

    /* BUSY: what is being sent, and the caller's own figures of it. */
    const uint8_t *request;
    size_t request_len, request_sent;
    uint64_t due_ns;
    uint32_t class_index;
    size_t document;
    uint64_t arrived_ns; /* ANSWERED: when the kernel had the last of it; 0: it did not say */
};

/* First in, first out; so each is in the order of since_ns. */
struct connection_list {
    struct connection *first, *last;
    size_t count;
};

struct connections {
    int epoll;
    int timer; /* -1, or a timerfd where epoll_pwait2 is missing */
    struct connection *all;
    size_t count;
    struct connection_list lists[4]; /* by state */
    struct sockaddr_storage address;
    socklen_t address_len;
    bool closing;     /* open nothing again: the run is over */
    bool stamps;      /* the kernel is asked when answers arrive; to be set before opening */
    bool stamped;     /* … and it said so of the last one (the first few it may not) */
    uint64_t real_ns; /* what CLOCK_REALTIME, which stamps go by, is ahead of connections' clock */
    uint64_t reconnects; /* opened again, for whatever reason */
    uint64_t closes;     /* of these: the peer said so (Connection: close), or closed while free */
    int last_error;      /* why a connection could not be opened, or 0 */
    uint8_t *buffer;
    struct heads heads;
};

enum connection_outcome {
    CONNECTION_WAITING,  /* nothing to count */
    CONNECTION_ANSWERED, /* response is complete until connections_release() */
    CONNECTION_BROKEN,   /* the request in flight is lost: reset, closed too early, not HTTP */
};

/* collect: keep the bodies of answers. 0 or a negative errno. */
int connections_init(struct connections *connections, size_t count,
                     const struct sockaddr_storage *address, socklen_t address_len, bool collect);
void connections_finish(struct connections *connections);

/* The clock that they and whoever drives them go by: the test of accuracy puts a simulated network
 * behind this header, and its clock with it. */
uint64_t connections_now_ns(const struct connections *connections);

/* Opens all and waits until they are open, at most timeout_ns. Returns how many are. */
size_t connections_open(struct connections *connections, uint64_t timeout_ns);

/* Waits for events, at most timeout_ns (precise to the machine's timers, not to a millisecond). */
int connections_wait(struct connections *connections, struct epoll_event *events, int max,
                     uint64_t timeout_ns);

/* Sleeps, whatever comes: what is stamped can be read afterwards. */
void connections_sleep(const struct connections *connections, uint64_t ns);

struct connection_request {
    const uint8_t *data; /* must stay valid until the answer */
    size_t len;
    bool head; /* a HEAD: no body follows, whatever the answer's length says */
};

/* Sends on the connection that has been free longest; there must be one. The outcome is WAITING or
 * BROKEN. */
enum connection_outcome connections_send(struct connections *connections,
                                         struct connection **connection,
                                         const struct connection_request *request, uint64_t now_ns);
/* After an event (its data.ptr is the connection, or NULL: ignore it). */
enum connection_outcome connections_event(struct connections *connections,
                                          struct connection *connection, uint32_t events,
                                          uint64_t now_ns);
/* After ANSWERED: free again, or closed and opened again if the peer wants that. */
void connections_release(struct connections *connections, struct connection *connection,
                         uint64_t now_ns);
/* After BROKEN, or to give up on an answer. */
void connections_reopen(struct connections *connections, struct connection *connection,
                        uint64_t now_ns);
/* Tries those again that could not be opened. Returns when to call it next; UINT64_MAX: never. */
uint64_t connections_revive(struct connections *connections, uint64_t now_ns);

static inline size_t connections_held(const struct connections *connections)
{
    return connections->lists[CONNECTION_FREE].count + connections->lists[CONNECTION_BUSY].count;
}

#endif
