/* SPDX-License-Identifier: MIT */
/* The client side of http.h: requests out, responses in. */
#include "http.h"

#include <errno.h>
#include <string.h>

#define RESPONSE_MAX ((uint64_t)64 << 20) /* of a collected body */

static void append(struct bytes *out, const char *text)
{
    bytes_append(out, text, strlen(text));
}

static void append_number(struct bytes *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    bytes_append(out, digits + at, sizeof digits - at);
}

void http_request_write(struct bytes *out, const char *method, const char *path, const char *host,
                        const char *content_type, const uint8_t *body, size_t body_len)
{
    append(out, method);
    append(out, " ");
    append(out, path);
    append(out, " HTTP/1.1\r\nHost: ");
    append(out, host);
    if (content_type && body_len) {
        append(out, "\r\nContent-Type: ");
        append(out, content_type);
    }
    if (body_len || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0) {
        append(out, "\r\nContent-Length: ");
        append_number(out, body_len);
    }
    append(out, "\r\n\r\n");
    if (body)
        bytes_append(out, body, body_len);
}

static int on_response_headers(llhttp_t *parser)
{
    struct http_response *response = parser->data;
    response->status = parser->status_code;
    bool bodiless = response->head || response->status < 200 || response->status == 204 ||
                    response->status == 304;
    response->sized = (parser->flags & F_CONTENT_LENGTH) && !parser->upgrade && !bodiless &&
                      !(parser->flags & (F_CHUNKED | F_TRANSFER_ENCODING));
    if (response->collect && (parser->flags & F_CONTENT_LENGTH) && !response->head) {
        if (parser->content_length > RESPONSE_MAX)
            return -1;
        bytes_reserve(&response->body, (size_t)parser->content_length);
    }
    return response->head; /* 1: no body follows, whatever the length says */
}

static int on_response_body(llhttp_t *parser, const char *at, size_t len)
{
    struct http_response *response = parser->data;
    response->body_bytes += len;
    if (response->collect) {
        if (response->body_bytes > RESPONSE_MAX)
            return -1;
        bytes_append(&response->body, at, len);
    }
    return 0;
}

static int on_response_complete(llhttp_t *parser)
{
    struct http_response *response = parser->data;
    response->complete = true;
    response->keep_alive = llhttp_should_keep_alive(parser);
    return HPE_PAUSED;
}

static const llhttp_settings_t response_settings = {
    .on_headers_complete = on_response_headers,
    .on_body = on_response_body,
    .on_message_complete = on_response_complete,
};

void http_response_init(struct http_response *response, bool collect)
{
    *response = (struct http_response){.collect = collect};
    llhttp_init(&response->parser, HTTP_RESPONSE, &response_settings);
}

void http_response_reset(struct http_response *response)
{
    llhttp_reset(&response->parser);
    response->status = 0;
    response->complete = response->begun = response->keep_alive = false;
    response->sized = false;
    response->body.len = 0;
    response->body_bytes = 0;
}

void http_response_finish(struct http_response *response)
{
    bytes_finish(&response->body);
}

int http_response_feed(struct http_response *response, const uint8_t *data, size_t len,
                       size_t *used)
{
    response->parser.data = response;
    *used = 0;
    while (*used < len && !response->complete) {
        response->begun = true;
        llhttp_errno_t error =
            llhttp_execute(&response->parser, (const char *)data + *used, len - *used);
        if (!response->complete) {
            if (error != HPE_OK)
                return -EBADMSG;
            *used = len;
            break;
        }
        *used = (size_t)((const uint8_t *)llhttp_get_error_pos(&response->parser) - data);
        if (response->status >= 100 && response->status < 200 && response->status != 101) {
            llhttp_reset(&response->parser);
            response->complete = false;
            response->status = 0;
        }
    }
    return 0;
}

int http_response_eof(struct http_response *response)
{
    response->parser.data = response;
    if (!response->complete && response->begun)
        llhttp_finish(&response->parser);
    response->keep_alive = false;
    return response->complete ? 0 : -EBADMSG;
}
