/* SPDX-License-Identifier: MIT */
/*
 * GET /metrics and GET /health at an address of their own, answered by a thread that is none of the
 * model's: so a server can be looked into while its model is overloaded or stuck. The same for
 * every model, and one request at a time: who looks need not be fast.
 */
#ifndef ASSAY_ADMIN_H
#define ASSAY_ADMIN_H

#include "model.h"

struct admin_config {
    const char *listen; /* HOST:PORT */
    const struct model *model;
    struct model_run *run;
    const char *workload;
};

struct admin;

/* 0, and the port bound; or a negative errno. */
int admin_start(struct admin **admin, const struct admin_config *config, uint16_t *port);
void admin_stop(struct admin *admin); /* before the model's stop(); NULL is fine */

#endif
