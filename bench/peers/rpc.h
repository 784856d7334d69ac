/* SPDX-License-Identifier: MIT */
/*
 * What the servers have in common that are written by hand for `rpc` alone: our HTTP part and our
 * codec, so that they differ from a model in nothing but that no turn interface lies between.
 */
#ifndef ASSAY_PEERS_RPC_H
#define ASSAY_PEERS_RPC_H

#include "coding.h"
#include "parts/http.h"
#include "parts/listener.h"

struct rpc {
    struct workload_setup setup;
    struct listener listener;
};

/* What one thread needs to answer; zeroed is valid. */
struct rpc_scratch {
    struct coding coding;
    struct bytes out;
};

/* Reads the options, listens, says so on stdout. OPTIONS_GO_ON, or the exit code. */
int rpc_open(struct rpc *rpc, const char *program, const char *summary, int argc, char **argv);

/*
 * One that has no other threads: until SIGTERM, which ends it at once. Models run beside the thread
 * that waits for SIGTERM; in a process of a single thread glibc leaves out what makes system calls
 * cancellable, 2 % of a small request, and who writes a server by hand has that for nothing.
 * serve() does not return. The exit code.
 */
int rpc_run(void (*serve)(void));

/* What is to be done next. Nothing is parsed where nothing was read, as in the models. */
static inline enum http_step rpc_next(struct http_conn *conn)
{
    return http_conn_is_empty(conn) ? HTTP_MORE : http_conn_parse(conn);
}

/* Answers what rpc_next() has found (not HTTP_MORE); what http_conn_reply() returned. */
int rpc_answer(const struct rpc *rpc, struct rpc_scratch *scratch, struct http_conn *conn,
               enum http_step step, int flags);

#endif
