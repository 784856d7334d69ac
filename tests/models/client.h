/* SPDX-License-Identifier: MIT */
/*
 * An HTTP/1.1 client on a bare socket, for tests: it shares no line with the server's own parser,
 * and lets a test send bytes exactly as it likes. Every wait is bounded (CLIENT_PATIENCE_S), so a
 * server that does not answer is an error here and not a hang.
 */
#ifndef ASSAY_TESTS_CLIENT_H
#define ASSAY_TESTS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_PATIENCE_S 120

struct client {
    int fd;
    char *in; /* read, not yet handed out from `at` on */
    size_t len, cap, at;
};

struct client_reply {
    int status;
    bool close; /* the server said Connection: close */
    const char *body;
    size_t body_len; /* body stays valid until the next call with this client */
};

/* false: could not connect. */
bool client_open(struct client *client, uint16_t port);
void client_close(struct client *client); /* harmless when closed already */
void client_reset(struct client *client); /* closes with RST */

/* All of it, or false. */
bool client_send(struct client *client, const void *data, size_t len);
bool client_say(struct client *client, const char *text);
/* POST / with this text as its body. */
bool client_post(struct client *client, const char *body);
bool client_get(struct client *client, const char *path);

/* Until the server's kernel has all that was sent: from then on the server can read it. */
bool client_settle(struct client *client);

/* Writes such a POST into text (NUL-terminated); returns its length. */
size_t client_format(char *text, size_t cap, const char *body);

/*
 * The next reply. 1: here it is; 0: the server closed, and nothing was left over; < 0: -ETIMEDOUT,
 * -ECONNRESET, or -EBADMSG (not HTTP, or the end came in the middle of a reply).
 */
int client_reply(struct client *client, struct client_reply *reply);
int client_reply_head(struct client *client, struct client_reply *reply); /* to a HEAD: no body */

/* The next reply has this status and this body (NULL: any). */
bool client_expect(struct client *client, int status, const char *body);
/* The server closes, and sends nothing more; a reset counts too if may_reset. */
bool client_expect_end(struct client *client, bool may_reset);
/* Nothing arrives for this long, and the connection stays open. */
bool client_silent(struct client *client, int ms);

#endif
