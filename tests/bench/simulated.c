/* SPDX-License-Identifier: MIT */
#include "simulated.h"

#include "connections.h"
#include "watch.h"

#include <errno.h>
#include <stdlib.h>

#define POLL_NS 100 /* so that polling for something that is due comes to an end */

struct simulated simulated;

/* An answer under way. A heap, the next one first. */
struct answer {
    uint64_t at_ns, serial;
    struct connection *connection;
};
static struct answer *heap;
static size_t heap_count;

static int before(const struct answer *a, const struct answer *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->serial < b->serial;
}

static void push(struct answer answer)
{
    size_t at = heap_count++;
    for (; at > 0 && before(&answer, &heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = answer;
}

static void remove_at(size_t at)
{
    struct answer last = heap[--heap_count];
    if (at == heap_count)
        return;
    for (; at > 0 && before(&last, &heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    for (size_t child; (child = 2 * at + 1) < heap_count; at = child) {
        if (child + 1 < heap_count && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &last))
            break;
        heap[at] = heap[child];
    }
    heap[at] = last;
}

static void move(struct connections *connections, struct connection *c, enum connection_state state)
{
    struct connection_list *from = &connections->lists[c->state], *to = &connections->lists[state];
    *(c->previous ? &c->previous->next : &from->first) = c->next;
    *(c->next ? &c->next->previous : &from->last) = c->previous;
    from->count--;
    c->previous = to->last;
    c->next = NULL;
    *(to->last ? &to->last->next : &to->first) = c;
    to->last = c;
    to->count++;
    c->state = state;
    c->since_ns = simulated.now_ns;
}

int connections_init(struct connections *connections, size_t count,
                     const struct sockaddr_storage *address, socklen_t address_len, bool collect)
{
    (void)address, (void)address_len, (void)collect;
    *connections = (struct connections){
        .epoll = -1, .timer = -1, .count = count, .all = calloc(count, sizeof *connections->all)};
    heap = calloc(count, sizeof *heap);
    heap_count = 0;
    if (!connections->all || !heap)
        return -ENOMEM;
    struct connection_list *down = &connections->lists[CONNECTION_DOWN];
    for (size_t i = 0; i < count; i++) {
        struct connection *c = &connections->all[i];
        c->previous = down->last;
        *(down->last ? &down->last->next : &down->first) = c;
        down->last = c;
        down->count++;
    }
    return 0;
}

void connections_finish(struct connections *connections)
{
    free(connections->all);
    free(heap);
    heap = NULL;
    *connections = (struct connections){.epoll = -1, .timer = -1};
}

void connections_sleep(const struct connections *connections, uint64_t ns)
{
    (void)connections;
    simulated.now_ns += ns;
    if (simulated.oversleep_ns)
        simulated.now_ns += simulated.oversleep_ns(simulated.now_ns);
}

uint64_t connections_now_ns(const struct connections *connections)
{
    (void)connections;
    return simulated.now_ns;
}

size_t connections_open(struct connections *connections, uint64_t timeout_ns)
{
    (void)timeout_ns;
    simulated.now_ns = SIMULATED_START_NS;
    simulated.serial = 0;
    for (size_t i = 0; i < connections->count; i++)
        move(connections, &connections->all[i], CONNECTION_FREE);
    return connections->count;
}

int connections_wait(struct connections *connections, struct epoll_event *events, int max,
                     uint64_t timeout_ns)
{
    uint64_t until_ns = simulated.now_ns + (timeout_ns ? timeout_ns : POLL_NS);
    if (timeout_ns > UINT64_MAX / 2)
        until_ns = UINT64_MAX;
    uint64_t next_ns = heap_count > 0 ? heap[0].at_ns : UINT64_MAX;
    uint64_t wake_ns = next_ns < until_ns ? next_ns : until_ns;
    if (wake_ns == UINT64_MAX)
        abort(); /* it would sleep for ever */
    if (wake_ns > simulated.now_ns)
        simulated.now_ns = wake_ns;
    if (simulated.oversleep_ns)
        simulated.now_ns += simulated.oversleep_ns(wake_ns);
    int n = 0;
    while (n < max && heap_count > 0 && heap[0].at_ns <= simulated.now_ns) {
        events[n++] = (struct epoll_event){.events = EPOLLIN, .data.ptr = heap[0].connection};
        heap[0].connection->arrived_ns = connections->stamps ? heap[0].at_ns : 0;
        connections->stamped = connections->stamps;
        remove_at(0);
    }
    return n;
}

enum connection_outcome connections_send(struct connections *connections,
                                         struct connection **connection,
                                         const struct connection_request *request, uint64_t now_ns)
{
    (void)request, (void)now_ns;
    struct connection *c = connections->lists[CONNECTION_FREE].first;
    *connection = c;
    move(connections, c, CONNECTION_BUSY);
    uint64_t serial = simulated.serial++;
    uint32_t number = (uint32_t)(c - connections->all);
    push((struct answer){
        .at_ns = simulated.answer_ns(simulated.arg, serial, number, simulated.now_ns),
        .serial = serial,
        .connection = c,
    });
    return CONNECTION_WAITING;
}

enum connection_outcome connections_event(struct connections *connections, struct connection *c,
                                          uint32_t events, uint64_t now_ns)
{
    (void)connections, (void)events, (void)now_ns;
    simulated.now_ns += simulated.read_ns;
    c->response.status = 200;
    return c->state == CONNECTION_BUSY ? CONNECTION_ANSWERED : CONNECTION_WAITING;
}

void connections_release(struct connections *connections, struct connection *c, uint64_t now_ns)
{
    (void)now_ns;
    move(connections, c, CONNECTION_FREE);
}

void connections_reopen(struct connections *connections, struct connection *c, uint64_t now_ns)
{
    (void)now_ns;
    for (size_t i = 0; i < heap_count; i++) {
        if (heap[i].connection == c) {
            remove_at(i);
            break;
        }
    }
    connections->reconnects++;
    move(connections, c, connections->closing ? CONNECTION_DOWN : CONNECTION_FREE);
}

uint64_t connections_revive(struct connections *connections, uint64_t now_ns)
{
    (void)connections, (void)now_ns;
    return UINT64_MAX;
}

int watch_clocks(struct watch *watch, pid_t pid)
{
    (void)pid;
    watch->cpu_ns = simulated.now_ns - SIMULATED_START_NS;
    return 0;
}

int watch_threads(struct watch *watch, pid_t pid)
{
    (void)pid;
    simulated.now_ns += simulated.walk_ns;
    watch->voluntary_switches = simulated.serial;
    return 0;
}

void watch_since(struct watch *later, const struct watch *earlier)
{
    later->cpu_ns -= earlier->cpu_ns;
    later->voluntary_switches -= earlier->voluntary_switches;
}
