/* SPDX-License-Identifier: MIT */
/* The client side of HTTP: a response is read as one thing only, in whatever pieces it comes. */
#include "parts/http.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void response_is(const char *text, int status, const char *body, bool keeps, size_t behind)
{
    size_t len = strlen(text);
    for (size_t cut = 0; cut <= len; cut++) {
        struct http_response response;
        http_response_init(&response, true);
        size_t used, more = 0;
        assert_int_equal(http_response_feed(&response, (const uint8_t *)text, cut, &used), 0);
        if (!response.complete) {
            assert_int_equal(used, cut);
            assert_int_equal(
                http_response_feed(&response, (const uint8_t *)text + cut, len - cut, &more), 0);
        }
        assert_true(response.complete);
        if (cut == len)
            assert_int_equal(used, len - behind);
        assert_int_equal(response.status, status);
        assert_int_equal(response.keep_alive, keeps);
        assert_int_equal(response.body.len, strlen(body));
        assert_int_equal(response.body_bytes, strlen(body));
        if (*body)
            assert_memory_equal(response.body.data, body, strlen(body));
        http_response_reset(&response);
        assert_false(response.complete);
        http_response_finish(&response);
    }
}

static void responses(void **state)
{
    (void)state;
    response_is("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", true, 0);
    response_is("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP", 200, "abc", true, 4);
    response_is("HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 503, "", false,
                0);
    response_is(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", 200,
        "abc", true, 0);
    response_is("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 Empty\r\n\r\n", 204, "", true, 0);

    struct http_response response;
    size_t used;
    http_response_init(&response, true);
    static const char open_ended[] = "HTTP/1.1 200 OK\r\n\r\nuntil the end";
    assert_int_equal(
        http_response_feed(&response, (const uint8_t *)open_ended, sizeof open_ended - 1, &used),
        0);
    assert_false(response.complete);
    assert_int_equal(http_response_eof(&response), 0);
    assert_true(response.complete);
    assert_int_equal(response.body.len, 13);

    http_response_reset(&response);
    response.head = true;
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    assert_int_equal(http_response_feed(&response, (const uint8_t *)head, sizeof head - 1, &used),
                     0);
    assert_true(response.complete);
    response.head = false;

    http_response_reset(&response);
    assert_int_equal(http_response_feed(&response, (const uint8_t *)"SMTP", 4, &used), -EBADMSG);
    http_response_finish(&response);
    http_response_init(&response, true);
    assert_int_equal(http_response_feed(&response, (const uint8_t *)head, sizeof head - 1, &used),
                     0);
    assert_int_equal(http_response_eof(&response), -EBADMSG); /* cut short */
    http_response_finish(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
