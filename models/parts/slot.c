/* SPDX-License-Identifier: MIT */
#include "slot.h"

#include "clock.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

void slot_init(struct slot *slot, const struct slot_target *target)
{
    *slot = (struct slot){.target = target, .fd = -1, .epoll_fd = -1};
    http_response_init(&slot->response, true);
}

void slot_close(struct slot *slot)
{
    if (slot->fd >= 0)
        close(slot->fd); /* which takes it out of its epoll, too */
    slot->fd = -1;
    slot->used = slot->blocks = false;
}

void slot_finish(struct slot *slot)
{
    slot_close(slot);
    bytes_finish(&slot->head);
    http_response_finish(&slot->response);
}

static int slot_connect(struct slot *slot)
{
    const struct slot_target *target = slot->target;
    slot->fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (slot->fd < 0)
        return -errno;
    int on = 1;
    setsockopt(slot->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    syscalls_count();
    if (connect(slot->fd, (const struct sockaddr *)&target->address, target->address_len) < 0 &&
        errno != EINPROGRESS)
        return -errno;
    if (slot->epoll_fd >= 0) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                    .data.ptr = &slot->source};
        syscalls_count();
        if (epoll_ctl(slot->epoll_fd, EPOLL_CTL_ADD, slot->fd, &event) < 0)
            return -errno;
    }
    return 0;
}

int slot_begin(struct slot *slot, struct pool_call *call)
{
    slot->call = call;
    atomic_store_explicit(&slot->busy, true, memory_order_relaxed);
    slot->head.len = 0; /* the body goes out from where it is: one send for both, no copy */
    http_request_write(&slot->head, "POST", "/", slot->target->host, slot->target->content_type,
                       NULL, call->body_len);
    slot->sent = 0;
    http_response_reset(&slot->response);
    return slot->fd < 0 ? slot_connect(slot) : 0;
}

static bool all_sent(const struct slot *slot)
{
    return slot->sent == slot->head.len + slot->call->body_len;
}

static int send_rest(struct slot *slot)
{
    const struct pool_call *call = slot->call;
    while (!all_sent(slot)) {
        struct iovec parts[2];
        int count = 0;
        size_t in_body = 0;
        if (slot->sent < slot->head.len)
            parts[count++] =
                (struct iovec){slot->head.data + slot->sent, slot->head.len - slot->sent};
        else
            in_body = slot->sent - slot->head.len;
        if (call->body_len > in_body)
            parts[count++] =
                (struct iovec){(void *)(uintptr_t)(call->body + in_body), call->body_len - in_body};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        syscalls_count();
        ssize_t sent = sendmsg(slot->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) /* EAGAIN also while the connection is being made */
            return -errno;
        slot->sent += (size_t)sent;
    }
    return 0;
}

bool slot_block(struct slot *slot)
{
    if (!slot->used || !all_sent(slot))
        return false;
    if (!slot->blocks) {
        struct timeval slice = clock_timeval(SLOT_SLICE_NS);
        int flags = fcntl(slot->fd, F_GETFL);
        slot->blocks = flags >= 0 && fcntl(slot->fd, F_SETFL, flags & ~O_NONBLOCK) == 0 &&
                       setsockopt(slot->fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice) == 0;
    }
    return slot->blocks;
}

static int receive(struct slot *slot, int flags)
{
    uint8_t buffer[16384];
    for (;;) {
        syscalls_count();
        ssize_t got = recv(slot->fd, buffer, sizeof buffer, flags);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        flags = MSG_DONTWAIT; /* one wait at most: the caller minds the deadline */
        if (got == 0)
            return http_response_eof(&slot->response) == 0 ? 0 : -EPIPE;
        size_t used;
        int error = http_response_feed(&slot->response, buffer, (size_t)got, &used);
        if (error)
            return error;
        if (slot->response.complete) {
            if (used < (size_t)got) /* bytes that nobody asked for: not to be trusted again */
                slot->response.keep_alive = false;
            return 0;
        }
    }
}

static bool stale(const struct slot *slot, int error)
{
    return slot->used && !slot->response.begun &&
           (error == -EPIPE || error == -ECONNRESET || error == -ENOTCONN);
}

int slot_progress(struct slot *slot, uint32_t events)
{
    int error = send_rest(slot);
    int flags = events & SLOT_BLOCK ? 0 : MSG_DONTWAIT;
    if (error == 0) /* right after the request there is no answer yet: no recv in vain */
        error = events & ~(uint32_t)EPOLLOUT ? receive(slot, flags) : -EAGAIN;
    else if (error == -EAGAIN && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && slot->sent > 0)
        error = receive(slot,
                        MSG_DONTWAIT); /* an early answer, or the end, while we are still sending */
    if (stale(slot, error)) {
        slot_close(slot);
        error = slot_begin(slot, slot->call);
        return error ? error : slot_progress(slot, 0);
    }
    return error;
}

short slot_wants(const struct slot *slot)
{
    return all_sent(slot) ? POLLIN : POLLIN | POLLOUT;
}

void slot_end(struct slot *slot, int result)
{
    struct pool_call *call = slot->call;
    slot->call = NULL;
    atomic_store_explicit(&slot->busy, false, memory_order_relaxed);
    call->status = result;
    call->answer.len = 0;
    if (result == 0) {
        /* Swapped, not copied: the call takes the bytes, the slot its old buffer for the next. */
        struct bytes answer = slot->response.body;
        slot->response.body = call->answer;
        slot->response.body.len = 0;
        call->answer = answer;
        call->status = slot->response.status;
    }
    slot->used = true;
    if (result != 0 || !slot->response.keep_alive || slot->response.status == 101)
        slot_close(slot);
}
