/* SPDX-License-Identifier: MIT */
#include "target.h"

#include "parts/listener.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int target_parse(struct target *target, const char *url, char *why, size_t why_cap)
{
    *target = (struct target){0};
    static const char scheme[] = "http://";
    const char *host = url + strlen(scheme);
    size_t len = 0;
    if (strncasecmp(url, scheme, strlen(scheme)) == 0)
        len = strcspn(host, "/?#");
    if (len == 0 || len >= sizeof target->host || memchr(host, '@', len) ||
        (host[len] && host[len] != '/') || strpbrk(host, " \t\r\n#")) {
        snprintf(why, why_cap, "\"%s\" is not of the form http://HOST:PORT/PATH", url);
        return -EINVAL;
    }
    memcpy(target->host, host, len);
    target->path = host[len] == '/' ? host + len : "/";

    /* A colon inside [ ] belongs to an IPv6 address. */
    char address[sizeof target->host + 4];
    const char *port = strrchr(target->host, ':');
    bool has_port = port && !strchr(port, ']');
    snprintf(address, sizeof address, "%s%s", target->host, has_port ? "" : ":80");
    int err = address_parse(address, &target->address, &target->address_len);
    if (err != 0)
        snprintf(why, why_cap, "%s: %s", address,
                 err == -EADDRNOTAVAIL ? "no such host" : "not of the form HOST:PORT");
    return err;
}

static void text(struct bytes *out, const char *s)
{
    bytes_append(out, s, strlen(s));
}

static void header(struct bytes *out, const char *name, const char *value)
{
    text(out, name);
    text(out, ": ");
    text(out, value);
    text(out, "\r\n");
}

void target_request_write(struct bytes *out, const struct target *target,
                          const struct target_request *request)
{
    text(out, request->method);
    text(out, " ");
    text(out, request->path ? request->path : target->path);
    text(out, " HTTP/1.1\r\n");
    header(out, "Host", target->host);
    if (request->content_type)
        header(out, "Content-Type", request->content_type);
    if (request->body) {
        char length[32];
        snprintf(length, sizeof length, "%zu", request->body_len);
        header(out, "Content-Length", length);
    }
    for (size_t i = 0; i < request->header_count; i++) {
        text(out, request->headers[i]);
        text(out, "\r\n");
    }
    text(out, "\r\n");
    bytes_append(out, request->body, request->body_len);
}
