/* SPDX-License-Identifier: MIT */
/* Where the load goes, "http://HOST:PORT/PATH", and the requests that are sent there. */
#ifndef ASSAY_TARGET_H
#define ASSAY_TARGET_H

#include "parts/bytes.h"

#include <sys/socket.h>

struct target {
    char host[256]; /* HOST:PORT, for the Host header */
    const char *path;
    struct sockaddr_storage address;
    socklen_t address_len;
};

/* 0 or a negative errno with a reason in why. The path points into url. */
int target_parse(struct target *target, const char *url, char *why, size_t why_cap);

struct target_request {
    const char *method;
    const char *path;           /* NULL: the target's */
    const char *content_type;   /* NULL: none */
    const char *const *headers; /* "Name: value", added as they are */
    size_t header_count;
    const uint8_t *body; /* NULL: no body, and no Content-Length */
    size_t body_len;
};

/* Appends the whole request. */
void target_request_write(struct bytes *out, const struct target *target,
                          const struct target_request *request);

#endif
