/* SPDX-License-Identifier: MIT */
/*
 * Addresses, and the one listen socket of a model. One socket and not SO_REUSEPORT per thread: a
 * second server on the same port is refused by the kernel, there is one backlog to drain at stop,
 * and dealing the connections out in turn balances them where a hash or the kernel's wake-up order
 * does not.
 */
#ifndef ASSAY_LISTENER_H
#define ASSAY_LISTENER_H

#include <stdint.h>
#include <sys/socket.h>

/* "HOST:PORT", IPv4, [IPv6] or a name. -EINVAL: not of that form; -EADDRNOTAVAIL: unknown name. */
int address_parse(const char *text, struct sockaddr_storage *address, socklen_t *len);

struct listener {
    int fd;      /* non-blocking, close-on-exec */
    int reserve; /* a spare descriptor, see listener_accept */
    uint16_t port;
};

/* 0, -EINVAL, -EADDRINUSE, -EADDRNOTAVAIL, -EACCES … */
int listener_open(struct listener *listener, const char *address);
void listener_close(struct listener *listener); /* twice is fine */

/*
 * A new connection: blocking, close-on-exec. -EAGAIN: none is waiting. -EMFILE: the process is out
 * of descriptors; the connection was taken with the spare one and closed, so that it does not stay
 * in the backlog and wake the caller for ever. Go on accepting. -ENFILE, -ENOMEM, -ENOBUFS: not
 * now; do not ask again before some milliseconds have passed.
 */
int listener_accept(struct listener *listener);

#endif
