/* SPDX-License-Identifier: MIT */
#include "listener.h"

#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int address_parse(const char *text, struct sockaddr_storage *address, socklen_t *len)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text)
        return -EINVAL;
    const char *host = text;
    size_t host_len = (size_t)(colon - text);
    bool bracketed = host[0] == '[';
    if (bracketed) {
        if (host_len < 3 || host[host_len - 1] != ']')
            return -EINVAL;
        host++;
        host_len -= 2;
    } else if (memchr(host, ':', host_len)) {
        return -EINVAL; /* an IPv6 address without brackets: where would the port begin? */
    }

    char name[256];
    if (host_len >= sizeof name)
        return -EINVAL;
    memcpy(name, host, host_len);
    name[host_len] = '\0';
    size_t digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] != '\0' || atoi(colon + 1) > 65535)
        return -EINVAL;

    struct addrinfo hints = {.ai_family = bracketed ? AF_INET6 : AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICSERV | (bracketed ? AI_NUMERICHOST : 0)};
    struct addrinfo *found;
    if (getaddrinfo(name, colon + 1, &hints, &found) != 0)
        return bracketed ? -EINVAL : -EADDRNOTAVAIL;
    memcpy(address, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

int listener_open(struct listener *listener, const char *text)
{
    struct sockaddr_storage address;
    socklen_t len;
    int error = address_parse(text, &address, &len);
    if (error)
        return error;
    *listener = (struct listener){.fd = -1, .reserve = -1};
    listener->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd < 0)
        return -errno;

    /* Without it a restart would have to wait for the old connections' TIME_WAIT to pass. */
    int on = 1;
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    len = len < sizeof address ? len : sizeof address;
    listener->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (listener->reserve < 0 || bind(listener->fd, (struct sockaddr *)&address, len) < 0 ||
        listen(listener->fd, SOMAXCONN) < 0)
        goto fail;
    len = sizeof address;
    if (getsockname(listener->fd, (struct sockaddr *)&address, &len) < 0)
        goto fail;
    listener->port =
        ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                            : ((struct sockaddr_in *)&address)->sin_port);
    return 0;

fail:
    error = -errno;
    listener_close(listener);
    return error;
}

void listener_close(struct listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    if (listener->reserve >= 0)
        close(listener->reserve);
    listener->fd = listener->reserve = -1;
}

int listener_accept(struct listener *listener)
{
    for (;;) {
        syscalls_count();
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            return fd;
        switch (errno) {
        case EMFILE:
            if (listener->reserve >= 0)
                close(listener->reserve);
            fd = accept(listener->fd, NULL, NULL);
            int error = errno;
            if (fd >= 0)
                close(fd);
            listener->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
            /* Another thread may have snatched the spare one: then this is as good as ENFILE. */
            return fd >= 0 ? -EMFILE : error == EMFILE ? -ENFILE : -error;
        case EINTR:
        case ECONNABORTED: /* gone before it was accepted; and errors of its own, as accept(2) says
                            */
        case EPROTO:
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case ENETUNREACH:
        case EPERM:
            continue;
        default:
            return -errno;
        }
    }
}
