/* SPDX-License-Identifier: MIT */
/*
 * A door for who looks or tells, beside the one that is measured: one request a connection, one
 * connection at a time.
 */
#ifndef ASSAY_ONE_REQUEST_H
#define ASSAY_ONE_REQUEST_H

#include "parts/http.h"
#include "parts/listener.h"

/* Accepts a connection if one is there, reads its request, lets answer() reply to it, and closes.
 * Waits patience_s at most for the next bytes of a request, for none once that has passed since it
 * began, and as long for a reply to be taken; what did not become whole is not answered, so step is
 * never HTTP_MORE. */
void one_request_serve(struct listener *listener, int patience_s,
                       void (*answer)(struct http_conn *conn, enum http_step step, void *arg),
                       void *arg);

#endif
