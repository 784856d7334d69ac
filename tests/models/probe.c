/* SPDX-License-Identifier: MIT */
#include "probe.h"
#include "parts/bytes.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct probe_cell {
    /* 1 while a turn is in the cell: exchanged at both ends of it, so that a second one is seen. */
    _Atomic int busy;
    uint32_t id;
    struct probe *probe;
    uint64_t counter; /* plain on purpose: thread sanitizer then sees turns that are not ordered */
};

struct probe_frame {
    struct probe *probe;
    size_t at; /* next word of the body */
    enum turn_event expected;
    bool midway; /* between two turns of one request */
    bool gated;
    bool routed_on;
    uint32_t cell;     /* where a forward should arrive */
    uint64_t due_ns;   /* a wake before this is too early */
    uint32_t targets;  /* of the call or send that is under way */
    int piece_returns; /* what the offloaded one will */
    pthread_t thread;  /* of the turn that asked for it */
    uint64_t hash;     /* of the body: the same in every turn */
    char *memory;      /* for frame_close to free: a leak means it was not called */
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Of long bodies only some bytes, or a chain of many turns would do nothing else. */
static uint64_t hash(const uint8_t *in, size_t len)
{
    uint64_t sum = 14695981039346656037u ^ len; /* FNV-1a */
    for (size_t i = 0; i < len; i += 1 + len / 256)
        sum = (sum ^ in[i]) * 1099511628211u;
    return sum;
}

static void fault(struct probe *probe, const char *what)
{
    atomic_store(&probe->fault, what);
    atomic_fetch_add(&probe->faults, 1);
}

static void count_in(_Atomic int *now, _Atomic int *max)
{
    int value = atomic_fetch_add(now, 1) + 1;
    int seen = atomic_load(max);
    while (value > seen && !atomic_compare_exchange_weak(max, &seen, value))
        ;
}

void probe_pattern(uint8_t *out, size_t len)
{
    for (size_t line = 0; line * 64 < len; line++)
        memset(out + line * 64, (int)('a' + (line ^ line >> 9) % 26),
               len - line * 64 < 64 ? len - line * 64 : 64);
}

static void begin_request(struct probe_frame *frame, struct probe *probe, const struct turn *turn)
{
    char *memory = frame->memory;
    if (!memory) {
        memory = malloc(16);
        atomic_fetch_add(&probe->frames_used, 1);
    }
    *frame = (struct probe_frame){
        .probe = probe, .memory = memory, .midway = true, .hash = hash(turn->in, turn->in_len)};
}

/* What workload.h promises about this turn. */
static void check_turn(struct probe_frame *frame, struct probe *probe,
                       const struct probe_cell *cell, const struct turn *turn)
{
    if (turn->event != frame->expected)
        fault(probe, "the event is not the one that was asked for");
    if (!turn->out || turn->out->len != 0)
        fault(probe, "out is not empty when a turn begins");
    if (hash(turn->in, turn->in_len) != frame->hash)
        fault(probe, "the body is not the same in every turn");
    if (turn->event == TURN_WAKE && now_ns() < frame->due_ns)
        fault(probe, "woken before its time");
    if (frame->routed_on && cell && cell->id != frame->cell)
        fault(probe, "not in the cell that it was sent to");
    if (turn->event == TURN_DONE && turn->offload_status != frame->piece_returns)
        fault(probe, "offload_status is not what the piece returned");
    bool answers = turn->event == TURN_ANSWER || turn->event == TURN_SENT;
    if (turn->answers_len != (answers ? frame->targets : 0))
        fault(probe, "not as many answers as targets");
    if (turn->targets_len != 0)
        fault(probe, "targets are left of the turn before");
    frame->routed_on = false;
}

static unsigned long number(const uint8_t *in, size_t in_len, size_t *at)
{
    unsigned long value = 0;
    for (; *at < in_len && in[*at] >= '0' && in[*at] <= '9'; ++*at)
        value = value * 10 + (unsigned long)(in[*at] - '0');
    return value;
}

static enum turn_end finish(struct probe_frame *frame, enum turn_end end)
{
    frame->midway = false;
    return end;
}

static enum turn_end wait_for(struct probe_frame *frame, struct turn *turn, unsigned long ms)
{
    turn->wait_ns = (uint64_t)ms * 1000000;
    frame->due_ns = now_ns() + turn->wait_ns;
    frame->expected = TURN_WAKE;
    return TURN_WAIT;
}

static enum turn_end call(struct probe_frame *frame, struct turn *turn, unsigned long ms)
{
    turn->deadline_ns = (uint64_t)ms * 1000000;
    frame->targets = turn->targets_len;
    frame->expected = TURN_ANSWER;
    return TURN_CALL;
}

static enum turn_end call_downstream(struct probe_frame *frame, struct turn *turn, unsigned long ms)
{
    const uint8_t *rest = memchr(turn->in, '#', turn->in_len);
    size_t len = rest ? turn->in_len - (size_t)(rest + 1 - turn->in) : 0;
    if (len > 0)
        bytes_append(turn->out, rest + 1, len);
    turn_target(turn, TURN_DOWNSTREAM);
    return call(frame, turn, ms);
}

static enum turn_end send_all(struct probe_frame *frame, const struct turn *turn)
{
    frame->targets = turn->targets_len;
    frame->expected = TURN_SENT;
    return TURN_SEND;
}

/* {…}, which may have others in it. */
static void add_target(struct probe_frame *frame, struct turn *turn, uint32_t cell)
{
    size_t from = frame->at + 1;
    int depth = 0;
    do {
        depth += (turn->in[frame->at] == '{') - (turn->in[frame->at] == '}');
        frame->at++;
    } while (depth > 0 && frame->at < turn->in_len);
    if (frame->at - 1 > from)
        bytes_append(turn->out, turn->in + from, frame->at - 1 - from);
    turn_target(turn, cell);
}

/* On this thread. */
static void await_gate(const struct probe *probe)
{
    while (!atomic_load(&probe->gate))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* What it costs to be in two places at once would be seen by thread sanitizer: the frame is plain.
 */
static int piece(void *state, const void *setup)
{
    struct probe_frame *frame = state;
    struct probe *probe = (struct probe *)(uintptr_t)setup;
    atomic_fetch_add(&probe->offloaded, 1);
    atomic_fetch_add(&probe->elsewhere, !pthread_equal(frame->thread, pthread_self()));
    count_in(&probe->offloading, &probe->offloading_max);
    await_gate(probe);
    atomic_fetch_sub(&probe->offloading, 1);
    return frame->piece_returns;
}

static enum turn_end offload(struct probe_frame *frame, struct turn *turn, unsigned long n)
{
    frame->piece_returns = (int)n;
    frame->thread = pthread_self();
    frame->expected = TURN_DONE;
    turn->offload = piece;
    return TURN_OFFLOAD;
}

static enum turn_end reply_answers(struct turn *turn)
{
    for (uint32_t i = 0; i < turn->answers_len; i++) {
        const struct turn_answer *answer = &turn->answers[i];
        char status[24];
        int n = snprintf(status, sizeof status, "%s%d:", i ? "," : "", answer->status);
        bytes_append(turn->out, status, (size_t)n);
        if (answer->len > 0)
            bytes_append(turn->out, answer->body, answer->len);
    }
    return TURN_REPLY;
}

static enum turn_end reply_counter(const struct probe_cell *cell, struct turn *turn)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%llu", cell ? (unsigned long long)cell->counter : 0ull);
    bytes_append(turn->out, text, (size_t)n);
    return TURN_REPLY;
}

/* Takes words until one of them ends the turn. */
static enum turn_end run(struct probe_cell *cell, struct turn *turn, struct probe *probe)
{
    struct probe_frame *frame = turn->frame;
    if (frame->gated) {
        if (!atomic_load(&probe->gate))
            return wait_for(frame, turn, 1);
        frame->gated = false;
        atomic_fetch_sub(&probe->gated, 1);
    }
    while (frame->at < turn->in_len && turn->in[frame->at] != '#') {
        char word = (char)turn->in[frame->at++];
        unsigned long n = number(turn->in, turn->in_len, &frame->at);
        switch (word) {
        case '@':
            if (cell && cell->id != n)
                fault(probe, "route() was not followed");
            break;
        case '+':
            if (cell)
                cell->counter++;
            atomic_fetch_add(&probe->additions, 1);
            break;
        case 'd':
            for (int i = 0; i < 5; i++)
                sched_yield();
            break;
        case 'p':
            await_gate(probe);
            break;
        case 'w':
            return wait_for(frame, turn, n);
        case 'g':
            frame->gated = true;
            count_in(&probe->gated, &probe->gated_max);
            return wait_for(frame, turn, 1);
        case 'f':
            frame->expected = TURN_REQUEST;
            frame->routed_on = true;
            frame->cell = turn->next_cell = (uint32_t)n;
            return TURN_FORWARD;
        case 'k':
            return call_downstream(frame, turn, n);
        case 'c':
            add_target(frame, turn, (uint32_t)n);
            break;
        case 'o':
            add_target(frame, turn, TURN_NEW_CELL);
            break;
        case 'h':
            add_target(frame, turn, TURN_DOWNSTREAM);
            break;
        case 'q':
            return call(frame, turn, n);
        case '!':
            return send_all(frame, turn);
        case 'z':
            return offload(frame, turn, n);
        case 'a':
            return finish(frame, reply_answers(turn));
        case 's':
            turn->status = (int)n;
            break;
        case 'n':
            return finish(frame, reply_counter(cell, turn));
        case 'b':
            probe_pattern(bytes_reserve(turn->out, n), n);
            turn->out->len += n;
            return finish(frame, TURN_REPLY);
        case 'x':
            return finish(frame, TURN_REJECT);
        default:
            break;
        }
    }
    bytes_append(turn->out, turn->in, turn->in_len);
    return finish(frame, TURN_REPLY);
}

static enum turn_end step(struct probe_cell *cell, struct turn *turn, struct probe *probe)
{
    struct probe_frame *frame = turn->frame;
    if (turn->event == TURN_REQUEST && !(frame->midway && frame->routed_on))
        begin_request(frame, probe, turn);
    count_in(&probe->in_turn, &probe->in_turn_max);
    atomic_fetch_add(&probe->turns, 1);
    check_turn(frame, probe, cell, turn);
    enum turn_end end = run(cell, turn, probe);
    atomic_fetch_sub(&probe->in_turn, 1);
    return end;
}

static enum turn_end step_in_cell(void *state, struct turn *turn, const void *setup)
{
    struct probe *probe = (struct probe *)(uintptr_t)setup; /* ours to write, see probe.h */
    struct probe_cell *cell = state;
    if (!cell) {
        fault(probe, "no cell, though the workload has state");
        return TURN_REJECT;
    }
    if (atomic_exchange(&cell->busy, 1))
        atomic_fetch_add(&probe->overlaps, 1);
    enum turn_end end = step(cell, turn, probe);
    if (!atomic_exchange(&cell->busy, 0))
        atomic_fetch_add(&probe->overlaps, 1);
    return end;
}

static enum turn_end step_alone(void *state, struct turn *turn, const void *setup)
{
    struct probe *probe = (struct probe *)(uintptr_t)setup;
    if (state)
        fault(probe, "a cell, though the workload has no state");
    return step(NULL, turn, probe);
}

static int cell_open(void *state, uint32_t id, const void *setup)
{
    struct probe *probe = (struct probe *)(uintptr_t)setup;
    struct probe_cell *cell = state;
    if (cell->id || cell->counter || atomic_load(&cell->busy))
        fault(probe, "a cell is not zeroed");
    if (id == TURN_NEW_CELL && atomic_load(&probe->fail_new))
        return -ENOSPC;
    if (probe->fail_cell && id == (uint32_t)probe->fail_cell - 1)
        return -ENOSPC;
    cell->id = id;
    cell->probe = probe;
    atomic_fetch_add(&probe->cells_opened, 1);
    return 0;
}

static void cell_close(void *state)
{
    struct probe_cell *cell = state;
    atomic_fetch_add(&cell->probe->cells_closed, 1);
}

static void frame_close(void *state)
{
    struct probe_frame *frame = state;
    if (!frame->probe)
        return; /* never had a turn */
    free(frame->memory);
    atomic_fetch_add(&frame->probe->frames_closed, 1);
}

static uint32_t route(const uint8_t *in, size_t in_len, uint64_t connection, uint32_t cells)
{
    size_t at = 1;
    if (in_len > 1 && in[0] == '@')
        return (uint32_t)number(in, in_len, &at) % cells;
    return (uint32_t)(connection % cells);
}

const struct workload probe_cells = {
    .name = "probe_cells",
    .summary = "requests are little programs; cells watch for a second turn",
    .cell_size = sizeof(struct probe_cell),
    .frame_size = sizeof(struct probe_frame),
    .frame_close = frame_close,
    .cell_open = cell_open,
    .cell_close = cell_close,
    .step = step_in_cell,
};

const struct workload probe_routed = {
    .name = "probe_routed",
    .summary = "probe_cells, and @N routes to cell N",
    .cell_size = sizeof(struct probe_cell),
    .frame_size = sizeof(struct probe_frame),
    .frame_close = frame_close,
    .cell_open = cell_open,
    .cell_close = cell_close,
    .route = route,
    .step = step_in_cell,
};

const struct workload probe_plain = {
    .name = "probe_plain",
    .summary = "requests are little programs, without cells",
    .frame_size = sizeof(struct probe_frame),
    .frame_close = frame_close,
    .step = step_alone,
};
