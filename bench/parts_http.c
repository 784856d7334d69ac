/* SPDX-License-Identifier: MIT */
#include "parts.h"

#include "gbench.h"
#include "parts/http.h"
#include "parts/syscalls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* So that a row which says that it only parses can be seen to do so. */
static void tell_syscalls(struct gbench_state *state, uint64_t before)
{
    gbench_counter(state, "syscalls_per_iteration", (double)(syscalls_made - before),
                   GBENCH_PER_ITERATION);
}

static void write_request(struct bytes *request)
{
    uint8_t body[BODY_BYTES];
    memset(body, 'x', sizeof body);
    http_request_write(request, "POST", "/", "localhost", "application/json", body, sizeof body);
}

/* Parsing alone, the server's side: of a request that was read once. The connection is put back
 * each time to where it had not looked at it yet, a copy of its struct. */
static void http_request(struct gbench_state *state, void *arg)
{
    (void)arg;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        gbench_fail(state, strerror(errno));
        return;
    }
    struct bytes request = {0};
    write_request(&request);
    struct http_conn conn;
    http_conn_init(&conn, fds[0], 1 << 20);
    bool good = send(fds[1], request.data, request.len, 0) == (ssize_t)request.len;
    good = good && http_conn_read(&conn, 0) == (ssize_t)request.len;
    const struct http_conn unread = conn;
    const uint64_t before = syscalls_made;
    GBENCH_LOOP(state)
    {
        conn = unread;
        good &= http_conn_parse(&conn) == HTTP_WORK && conn.body_len == BODY_BYTES;
    }
    if (!good)
        gbench_fail(state, "the request was not understood");
    tell_syscalls(state, before);
    gbench_bytes(state, (int64_t)request.len);
    http_conn_finish(&conn);
    close(fds[1]);
    bytes_finish(&request);
}

/* A request through a socket pair: sent, read, parsed, answered, the answer read. Four system
 * calls, no sleep: what a request costs in any model at least. */
static void http_exchange(struct gbench_state *state, void *arg)
{
    (void)arg;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        gbench_fail(state, strerror(errno));
        return;
    }
    uint8_t answer[2 * BODY_BYTES];
    struct bytes request = {0};
    write_request(&request);
    struct http_conn conn;
    http_conn_init(&conn, fds[0], 1 << 20);
    bool good = true;
    const uint64_t before = syscalls_made;
    GBENCH_LOOP(state)
    {
        syscalls_count(); /* the client's; http.h counts the server's */
        good &= send(fds[1], request.data, request.len, 0) == (ssize_t)request.len;
        good &= http_conn_read(&conn, 0) > 0;
        good &= http_conn_parse(&conn) == HTTP_WORK;
        good &= http_conn_reply(&conn, 200, "application/json", conn.body, conn.body_len, false,
                                0) == 0;
        syscalls_count();
        good &= recv(fds[1], answer, sizeof answer, 0) > BODY_BYTES;
        if (!good)
            break; /* the next recv would wait for ever */
    }
    if (!good)
        gbench_fail(state, "the request was not answered");
    tell_syscalls(state, before);
    http_conn_finish(&conn);
    close(fds[1]);
    bytes_finish(&request);
}

/* The parser alone, on the same request, with no callbacks: what ours does beside it is the rest.
 */
static void llhttp_request(struct gbench_state *state, void *arg)
{
    (void)arg;
    struct bytes request = {0};
    write_request(&request);
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    bool good = true;
    GBENCH_LOOP(state)
    good &= llhttp_execute(&parser, (const char *)request.data, request.len) == HPE_OK;
    if (!good)
        gbench_fail(state, llhttp_errno_name(llhttp_get_errno(&parser)));
    gbench_bytes(state, (int64_t)request.len);
    bytes_finish(&request);
}

/* As many bytes through a socket pair, there and back, and nobody looks at them. */
static void socketpair_floor(struct gbench_state *state, void *arg)
{
    (void)arg;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        gbench_fail(state, strerror(errno));
        return;
    }
    uint8_t bytes[2 * BODY_BYTES] = {0};
    const ssize_t len = BODY_BYTES + 128;
    bool good = true;
    GBENCH_LOOP(state)
    {
        for (int i = 0; i < 2; i++) {
            good &= send(fds[i], bytes, (size_t)len, MSG_DONTWAIT) == len;
            good &= recv(fds[1 - i], bytes, sizeof bytes, MSG_DONTWAIT) == len;
        }
    }
    if (!good)
        gbench_fail(state, "the bytes did not come through");
    close(fds[0]);
    close(fds[1]);
}

void parts_http_register(void)
{
    gbench_register("parts/http_parse/response", http_response, NULL, NULL);
    gbench_register("parts/http_parse/request", http_request, NULL, NULL);
    gbench_register("parts/http_exchange/socketpair", http_exchange, NULL, NULL);
    gbench_register("parts/floor/llhttp_request", llhttp_request, NULL, NULL);
    gbench_register("parts/floor/socketpair", socketpair_floor, NULL, NULL);
}
