/* SPDX-License-Identifier: MIT */
/* HTTP on a socket pair: whatever arrives, in whatever pieces, is read as one thing only. */
#include "parts/http.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BODY_MAX 4096
#define HEAD "POST / HTTP/1.1\r\nHost: t\r\n"

struct pair {
    struct http_conn conn;
    int peer;
};

static void open_pair(struct pair *pair)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    http_conn_init(&pair->conn, fds[0], BODY_MAX);
    pair->peer = fds[1];
}

static void close_pair(struct pair *pair)
{
    http_conn_finish(&pair->conn);
    close(pair->peer);
}

static void arrive(struct pair *pair, const char *bytes, size_t len)
{
    assert_int_equal(send(pair->peer, bytes, len, MSG_NOSIGNAL), len);
}

/* Reads and parses until something is complete or there is nothing more to read. */
static enum http_step take(struct pair *pair)
{
    for (;;) {
        enum http_step step = http_conn_parse(&pair->conn);
        if (step != HTTP_MORE || http_conn_read(&pair->conn, MSG_DONTWAIT) <= 0)
            return step;
    }
}

/* What the peer has received so far, as a string. */
static const char *received(struct pair *pair)
{
    static char text[65536];
    size_t len = 0;
    ssize_t got;
    while ((got = recv(pair->peer, text + len, sizeof text - 1 - len, MSG_DONTWAIT)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    return text;
}

static int reply(struct pair *pair, int status, const char *body)
{
    return http_conn_reply(&pair->conn, status, "text/plain", (const uint8_t *)body, strlen(body),
                           false, MSG_DONTWAIT);
}

/* One request that must be taken as work with this body, whole, or cut at any byte. */
static void expect_work(const char *text, const char *body)
{
    size_t len = strlen(text);
    for (size_t cut = 0; cut < len; cut++) {
        struct pair pair;
        open_pair(&pair);
        if (cut > 0) {
            arrive(&pair, text, cut);
            assert_int_equal(take(&pair), HTTP_MORE);
            assert_true(pair.conn.begun);
        }
        arrive(&pair, text + cut, len - cut);
        assert_int_equal(take(&pair), HTTP_WORK);
        assert_int_equal(pair.conn.body_len, strlen(body));
        assert_memory_equal(pair.conn.body, body, strlen(body));
        assert_int_equal(reply(&pair, 200, "fine"), 0);
        assert_false(pair.conn.begun);
        assert_null(pair.conn.in.data); /* an idle connection holds no buffer */
        assert_null(pair.conn.out.data);
        assert_non_null(strstr(received(&pair), "\r\n\r\nfine"));
        assert_int_equal(take(&pair), HTTP_MORE);
        close_pair(&pair);
    }
    struct pair pair; /* byte by byte */
    open_pair(&pair);
    for (size_t i = 0; i < len; i++) {
        arrive(&pair, text + i, 1);
        assert_int_equal(take(&pair), i + 1 < len ? HTTP_MORE : HTTP_WORK);
    }
    assert_int_equal(pair.conn.body_len, strlen(body));
    assert_memory_equal(pair.conn.body, body, strlen(body));
    close_pair(&pair);
}

static void expect_refusal(int status, const char *text, size_t len)
{
    for (int whole = 0; whole < 2; whole++) {
        struct pair pair;
        open_pair(&pair);
        enum http_step step = HTTP_MORE;
        for (size_t i = 0; i < len && step == HTTP_MORE; i += whole ? len : 1) {
            arrive(&pair, text + i, whole ? len : 1);
            step = take(&pair);
        }
        if (step != HTTP_REFUSE || pair.conn.status != status)
            print_message("expected %d, got step %d status %d for: %.200s\n", status, (int)step,
                          pair.conn.status, text);
        assert_int_equal(step, HTTP_REFUSE);
        assert_int_equal(pair.conn.status, status);
        assert_int_equal(http_conn_reply(&pair.conn, status, NULL, NULL, 0, false, MSG_DONTWAIT),
                         0);
        assert_false(pair.conn.keep_alive);
        const char *answer = received(&pair);
        assert_int_equal(strncmp(answer, "HTTP/1.1 ", 9), 0);
        assert_int_equal(atoi(answer + 9), status);
        assert_non_null(strstr(answer, "Connection: close\r\n"));
        assert_true((status == 405) == (strstr(answer, "\r\nAllow: ") != NULL));
        close_pair(&pair);
    }
}

static void refuse(int status, const char *text)
{
    expect_refusal(status, text, strlen(text));
}

/* Asked of the wrong place, with nothing behind its head: what follows is answered. */
static void miss(int status, const char *text)
{
    struct pair pair;
    open_pair(&pair);
    arrive(&pair, text, strlen(text));
    arrive(&pair, HEAD "Content-Length: 2\r\n\r\nhi", strlen(HEAD "Content-Length: 2\r\n\r\nhi"));
    assert_int_equal(take(&pair), HTTP_REFUSE);
    assert_int_equal(pair.conn.status, status);
    assert_int_equal(http_conn_reply(&pair.conn, status, NULL, NULL, 0, false, MSG_DONTWAIT), 0);
    const char *answer = received(&pair);
    assert_int_equal(atoi(answer + 9), status);
    assert_true((status == 405) == (strstr(answer, "\r\nAllow: ") != NULL));
    assert_null(strstr(answer, "Connection: close\r\n"));
    assert_true(pair.conn.keep_alive);
    assert_int_equal(take(&pair), HTTP_WORK);
    assert_int_equal(pair.conn.body_len, 2);
    assert_memory_equal(pair.conn.body, "hi", 2);
    close_pair(&pair);
}

static void content_length(void **state)
{
    (void)state;
    expect_work(HEAD "Content-Length: 5\r\n\r\nhello", "hello");
    expect_work(HEAD "content-LENGTH:  5 \r\nX-Other: y\r\n\r\nhello", "hello");
    expect_work(HEAD "Content-Length: 0\r\n\r\n", "");
    expect_work(HEAD "\r\n", "");
    expect_work("POST /?a=b HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi", "hi");
    expect_work("POST http://t/ HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi", "hi");
    expect_work("POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", "hi");
}

static void chunked(void **state)
{
    (void)state;
    expect_work(HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello");
    expect_work(HEAD
                "Transfer-Encoding: Chunked\r\n\r\n2\r\nhe\r\n001;ext=1\r\nl\r\n2\r\nlo\r\n0\r\n"
                "Trailer: x\r\n\r\n",
                "hello");
    expect_work(HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "");
}

static void empty_lines_before(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair);
    arrive(&pair, "\r\n\r\n", 4);
    assert_int_equal(take(&pair), HTTP_MORE);
    assert_false(pair.conn.begun);
    assert_null(pair.conn.in.data);
    arrive(&pair, HEAD "\r\n", strlen(HEAD "\r\n"));
    assert_int_equal(take(&pair), HTTP_WORK);
    close_pair(&pair);
}

static void pipelined(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "Content-Length: 3\r\n\r\none" HEAD
             "Transfer-Encoding: chunked\r\n\r\n1\r\nt\r\n2\r\nwo\r\n0\r\n\r\n"
             "GET /health HTTP/1.1\r\nHost: t\r\n\r\n" HEAD "Content-Length: 4\r\n\r\nfour";
    static const char *const bodies[] = {"one", "two", NULL, "four"};
    for (size_t cut = 1; cut <= sizeof text - 1; cut++) {
        struct pair pair;
        open_pair(&pair);
        arrive(&pair, text, cut);
        bool rest = cut == sizeof text - 1;
        for (int i = 0; i < 4; i++) {
            enum http_step step = take(&pair);
            if (step == HTTP_MORE && !rest) {
                arrive(&pair, text + cut, sizeof text - 1 - cut);
                rest = true;
                step = take(&pair);
            }
            assert_int_equal(step, bodies[i] ? HTTP_WORK : HTTP_HEALTH);
            if (bodies[i]) {
                assert_int_equal(pair.conn.body_len, strlen(bodies[i]));
                assert_memory_equal(pair.conn.body, bodies[i], pair.conn.body_len);
            }
            /* stopping: the pipeline is answered to its end, the last reply says close */
            assert_int_equal(http_conn_reply(&pair.conn, 200, NULL, NULL, 0, i == 3, MSG_DONTWAIT),
                             0);
            const char *answer = received(&pair);
            assert_true((i == 3) == (strstr(answer, "Connection: close\r\n") != NULL));
        }
        assert_false(pair.conn.keep_alive);
        close_pair(&pair);
    }
}

static void routes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum http_step step;
    } good[] = {
        {"GET /health HTTP/1.1\r\nHost: t\r\n\r\n", HTTP_HEALTH},
        {"HEAD /health HTTP/1.1\r\nHost: t\r\n\r\n", HTTP_HEALTH},
        {"GET /metrics?x HTTP/1.1\r\nHost: t\r\n\r\n", HTTP_METRICS},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct pair pair;
        open_pair(&pair);
        arrive(&pair, good[i].text, strlen(good[i].text));
        assert_int_equal(take(&pair), good[i].step);
        assert_int_equal(reply(&pair, 200, "text"), 0);
        const char *answer = received(&pair);
        assert_non_null(strstr(answer, "Content-Length: 4\r\n"));
        assert_true((good[i].text[0] == 'H') == (strstr(answer, "\r\n\r\ntext") == NULL));
        assert_true(pair.conn.keep_alive);
        close_pair(&pair);
    }
    refuse(404, "POST /other HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n");
    refuse(405, "PUT / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    refuse(404, "GET /healthy HTTP/1.0\r\n\r\n");
    miss(404, "GET /healthy HTTP/1.1\r\nHost: t\r\n\r\n");
    miss(405, "GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    miss(405, "HEAD / HTTP/1.1\r\nHost: t\r\n\r\n");
    miss(405, "POST /health HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
    miss(405, "DELETE /metrics HTTP/1.1\r\nHost: t\r\n\r\n");
}

static void bad(void **state)
{
    (void)state;
    refuse(400, "hello\r\n\r\n");
    refuse(400, "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n"); /* no Host */
    refuse(400, HEAD "Host: u\r\n\r\n");
    refuse(400, HEAD "Content-Length: -1\r\n\r\n");
    refuse(400, HEAD "Content-Length: 1x\r\n\r\n");
    refuse(400, HEAD "Content-Length: 99999999999999999999\r\n\r\n");
    refuse(400, HEAD "Bad Header: x\r\n\r\n");
    refuse(400, HEAD "Transfer-Encoding: chunked\r\n\r\nxyz\r\n");
    refuse(501, "BREW / HTTP/1.1\r\nHost: t\r\n\r\n");
    refuse(501, "CONNECT t:80 HTTP/1.1\r\nHost: t\r\n\r\n");
    refuse(501, HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n");
    refuse(505, "POST / HTTP/2.0\r\nHost: t\r\n\r\n");
    refuse(505, "POST / HTTP/9.9\r\nHost: t\r\n\r\n");
    refuse(417, HEAD "Expect: miracles\r\nContent-Length: 1\r\n\r\n");
}

/* What two parsers in a row could read as different requests is refused. */
static void smuggled(void **state)
{
    (void)state;
    refuse(400, HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
    refuse(400, HEAD "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n");
    refuse(400, HEAD "Content-Length: 5\r\nContent-Length: 6\r\n\r\n");
    refuse(400, HEAD "Content-Length: 5, 5\r\n\r\n");
    refuse(400, HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n");
    refuse(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
    refuse(400, HEAD "Content-Length : 5\r\n\r\n");
    refuse(400, HEAD "X: a\r\n folded: b\r\n\r\n");
    refuse(400, HEAD " Content-Length: 5\r\n\r\n");
    refuse(400, HEAD "X: a\rContent-Length: 5\r\n\r\n");
    refuse(400, HEAD "X: a\nContent-Length: 5\r\n\r\n");
    refuse(400, "POST / HTTP/1.1\nHost: t\n\n");
    refuse(400, HEAD "Transfer-Encoding: chunked\r\n\r\n5\rhello");
    refuse(400, HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX");
    refuse(400, HEAD "Transfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n");
    refuse(400, HEAD "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n");
    static const char zero[] = HEAD "X: a\0b\r\n\r\n";
    expect_refusal(400, zero, sizeof zero - 1);
}

static void too_much(void **state)
{
    (void)state;
    refuse(413, HEAD "Content-Length: 4097\r\n\r\n"); /* before any of it was read */
    refuse(413, HEAD "Content-Length: 4097\r\nExpect: 100-continue\r\n\r\n");
    char *text = malloc(200000);
    assert_non_null(text);
    size_t len = (size_t)sprintf(text, HEAD "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 4097; i++)
        len += (size_t)sprintf(text + len, "1\r\nx\r\n");
    expect_refusal(413, text, len);

    len = (size_t)sprintf(text, HEAD "X: ");
    memset(text + len, 'x', HTTP_HEAD_MAX);
    expect_refusal(431, text, len + HTTP_HEAD_MAX);
    len += HTTP_HEAD_MAX;
    len += (size_t)sprintf(text + len, "\r\n\r\n");
    expect_refusal(431, text, len);

    len = (size_t)sprintf(text, HEAD "Transfer-Encoding: chunked\r\n\r\n1;");
    memset(text + len, 'x', 100000); /* nothing but framing */
    expect_refusal(400, text, len + 100000);
    free(text);

    struct pair pair; /* exactly the limit is fine */
    open_pair(&pair);
    char body[BODY_MAX];
    memset(body, 'b', sizeof body);
    arrive(&pair, HEAD "Content-Length: 4096\r\n\r\n", strlen(HEAD "Content-Length: 4096\r\n\r\n"));
    assert_int_equal(take(&pair), HTTP_MORE);
    arrive(&pair, body, sizeof body);
    assert_int_equal(take(&pair), HTTP_WORK);
    assert_int_equal(pair.conn.body_len, BODY_MAX);
    close_pair(&pair);
}

static void expect_continue(void **state)
{
    (void)state;
    static const char head[] = HEAD "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    struct pair pair;
    open_pair(&pair);
    arrive(&pair, head, strlen(head));
    assert_int_equal(take(&pair), HTTP_MORE);
    assert_string_equal(received(&pair), "HTTP/1.1 100 Continue\r\n\r\n");
    arrive(&pair, "hello", 5);
    assert_int_equal(take(&pair), HTTP_WORK);
    assert_memory_equal(pair.conn.body, "hello", 5);
    assert_int_equal(reply(&pair, 200, "x"), 0);
    assert_int_equal(strncmp(received(&pair), "HTTP/1.1 200 OK\r\n", 17), 0);
    close_pair(&pair);

    open_pair(&pair); /* the body came along: nothing to wait for */
    arrive(&pair, HEAD "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
           strlen(HEAD "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"));
    assert_int_equal(take(&pair), HTTP_WORK);
    assert_string_equal(received(&pair), "");
    close_pair(&pair);
}

static void keep_alive_or_not(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool keeps;
        const char *says;
    } cases[] = {
        {HEAD "\r\n", true, NULL},
        {HEAD "Connection: close\r\n\r\n", false, "Connection: close\r\n"},
        {"POST / HTTP/1.0\r\n\r\n", false, "Connection: close\r\n"},
        {"POST / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, "Connection: keep-alive\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair pair;
        open_pair(&pair);
        arrive(&pair, cases[i].text, strlen(cases[i].text));
        assert_int_equal(take(&pair), HTTP_WORK);
        assert_int_equal(reply(&pair, 200, "x"), 0);
        assert_int_equal(pair.conn.keep_alive, cases[i].keeps);
        const char *answer = received(&pair);
        if (cases[i].says)
            assert_non_null(strstr(answer, cases[i].says));
        else
            assert_null(strstr(answer, "Connection:"));
        close_pair(&pair);
    }
}

/* A peer that does not read: the rest is kept, and goes out when it reads after all. */
static void slow_reader(void **state)
{
    (void)state;
    enum { LEN = 3000000 };
    uint8_t *body = malloc(LEN), *got = malloc(LEN + 1024);
    assert_non_null(body);
    assert_non_null(got);
    for (size_t i = 0; i < LEN; i++)
        body[i] = (uint8_t)(i * 7 + i / 251);
    struct pair pair;
    open_pair(&pair);
    arrive(&pair, HEAD "\r\n" HEAD "\r\n", 2 * strlen(HEAD "\r\n"));
    assert_int_equal(take(&pair), HTTP_WORK);
    int error = http_conn_reply(&pair.conn, 200, NULL, body, LEN, false, MSG_DONTWAIT);
    assert_int_equal(error, -EAGAIN);
    size_t len = 0;
    while (error == -EAGAIN) {
        ssize_t part = recv(pair.peer, got + len, LEN + 1024 - len, 0);
        assert_true(part > 0);
        len += (size_t)part;
        error = http_conn_flush(&pair.conn, MSG_DONTWAIT);
    }
    assert_int_equal(error, 0);
    ssize_t part;
    while ((part = recv(pair.peer, got + len, LEN + 1024 - len, MSG_DONTWAIT)) > 0)
        len += (size_t)part;
    assert_true(len > LEN);
    assert_memory_equal(got + len - LEN, body, LEN);
    assert_int_equal(take(&pair), HTTP_WORK); /* the one that was pipelined behind */
    close_pair(&pair);
    free(body);
    free(got);
}

static void peer_ends(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair);
    arrive(&pair, HEAD, strlen(HEAD));
    assert_int_equal(take(&pair), HTTP_MORE);
    shutdown(pair.peer, SHUT_WR);
    assert_int_equal(http_conn_read(&pair.conn, MSG_DONTWAIT), 0);
    close_pair(&pair);

    open_pair(&pair); /* gone before the reply: an error, not a signal */
    arrive(&pair, HEAD "\r\n", strlen(HEAD "\r\n"));
    assert_int_equal(take(&pair), HTTP_WORK);
    close(pair.peer);
    assert_int_equal(reply(&pair, 200, "x"), -EPIPE);
    pair.peer = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close_pair(&pair);
}

/* What the client writes, the server reads. */
static void round_trip(void **state)
{
    (void)state;
    struct pair pair;
    struct bytes out = {0};
    open_pair(&pair);
    http_request_write(&out, "POST", "/", "t:1", "a/b", (const uint8_t *)"body", 4);
    http_request_write(&out, "GET", "/health", "t:1", NULL, NULL, 0);
    arrive(&pair, (const char *)out.data, out.len);
    bytes_finish(&out);
    assert_int_equal(take(&pair), HTTP_WORK);
    assert_int_equal(pair.conn.body_len, 4);
    assert_int_equal(reply(&pair, 200, "answer"), 0);
    assert_int_equal(take(&pair), HTTP_HEALTH);
    const char *text = received(&pair);
    struct http_response response;
    size_t used;
    http_response_init(&response, true);
    assert_int_equal(http_response_feed(&response, (const uint8_t *)text, strlen(text), &used), 0);
    assert_true(response.complete);
    assert_int_equal(response.body.len, 6);
    http_response_finish(&response);
    close_pair(&pair);
    assert_non_null(strchr(http_parser_version(), '.'));
}

/* No reply waits in the kernel for a second write, or for an acknowledgement. */
static void one_write_and_no_delay(void **state)
{
    (void)state;
    struct pair pair;
    int fds[2], on = 0;
    socklen_t len = sizeof on;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    http_conn_init(&pair.conn, fds[0], BODY_MAX);
    pair.peer = fds[1];
    arrive(&pair, HEAD "\r\n", strlen(HEAD "\r\n"));
    assert_int_equal(take(&pair), HTTP_WORK);
    assert_int_equal(reply(&pair, 200, "answer"), 0);
    char text[4096]; /* a write is a packet there */
    ssize_t got = recv(pair.peer, text, sizeof text, MSG_DONTWAIT);
    assert_true(got > 6 && memcmp(text + got - 6, "answer", 6) == 0);
    close_pair(&pair);

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    http_conn_init(&pair.conn, fd, BODY_MAX);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_int_not_equal(on, 0);
    http_conn_finish(&pair.conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_length),
        cmocka_unit_test(chunked),
        cmocka_unit_test(empty_lines_before),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(routes),
        cmocka_unit_test(bad),
        cmocka_unit_test(smuggled),
        cmocka_unit_test(too_much),
        cmocka_unit_test(expect_continue),
        cmocka_unit_test(keep_alive_or_not),
        cmocka_unit_test(slow_reader),
        cmocka_unit_test(peer_ends),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(one_write_and_no_delay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
