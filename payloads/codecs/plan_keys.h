/* SPDX-License-Identifier: MIT */
/* The names of a plan's fields as the formats write them, ahead of time; plan.c's own. */
#ifndef ASSAY_PLAN_KEYS_H
#define ASSAY_PLAN_KEYS_H

#include "plan.h"

/* 0 or -ENOMEM; what was taken is in the message. */
int plan_keys_compile(struct plan_message *message);
/* The fields as the JSON floor writes them, when their steps are known. */
int plan_keys_compile_json(struct plan_message *message);

#endif
