/* SPDX-License-Identifier: MIT */
/*
 * A downstream service that misbehaves on request, in a thread of the test. The first word of a
 * request's body says what it does:
 *
 *   hold     answers when service_release() is called       stall    never answers
 *   die      sends half a reply, then closes                drop     closes without a reply
 *   bye      answers with Connection: close, and closes     leave    answers keep-alive, and closes
 *   chunks   answers chunked, in pieces of a few bytes      error    answers 500
 *   noise    answers what is not HTTP
 *
 * Anything else is answered at once. Replies with a body echo the request's.
 */
#ifndef ASSAY_TESTS_SERVICE_H
#define ASSAY_TESTS_SERVICE_H

#include "parts/bytes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { SERVICE_CONNECTIONS = 64 };

struct service_connection {
    int fd;
    struct bytes in;     /* one request */
    const uint8_t *body; /* of it, when it is complete */
    size_t body_len;
    bool held;
};

struct service {
    uint16_t port;
    char address[32];
    int listener;
    int wake[2]; /* a byte: look at stop and released */
    pthread_t thread;
    struct service_connection connections[SERVICE_CONNECTIONS];
    /* Written by one side, polled by the other; sequentially consistent, nothing is timed here. */
    _Atomic bool stop, released, away;
    _Atomic int open, open_max;     /* connections at once */
    _Atomic int held, held_max;     /* requests held at once */
    _Atomic int accepted, requests; /* since start */
};

int service_start(struct service *service);    /* 0 or a negative errno */
void service_release(struct service *service); /* answers all that is held, now and from now on */
void service_leave(struct service *service);   /* refuses, and ends every connection */
void service_return(struct service *service);  /* on the same port */
void service_stop(struct service *service);

#endif
