/* SPDX-License-Identifier: MIT */
/*
 * Heads of answers that were parsed before. What a parser makes of a head follows from its bytes
 * alone, and servers send the same ones over and over: an answer that begins with a known head, and
 * is as long as that head says, need not be parsed again. Half of the generator's own instructions
 * went there, and what the generator uses the server does not have.
 */
#ifndef ASSAY_HEADS_H
#define ASSAY_HEADS_H

#include "parts/http.h"

#define HEADS_COUNT 64
#define HEADS_BYTES_MAX 480

struct head {
    size_t len; /* 0: none here */
    size_t body_len;
    int status;
    bool keep_alive;
    uint8_t bytes[HEADS_BYTES_MAX];
};

/* By the length of the whole answer. Zero-initialised is empty. */
struct heads {
    struct head items[HEADS_COUNT];
};

/* Is this the whole of an answer with a known head? Then response, reset before, is as if it had
 * been fed all of it. */
bool heads_answer(const struct heads *heads, struct http_response *response, const uint8_t *data,
                  size_t len);

/* data is the whole of the answer that response was fed, and all that it was fed. */
void heads_learn(struct heads *heads, const struct http_response *response, const uint8_t *data,
                 size_t len);

#endif
