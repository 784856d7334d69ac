/* SPDX-License-Identifier: MIT */
/* Requests whose calls are under way, so that stop() finds them: doubly linked by next and link.
 * One thread. */
#ifndef ASSAY_CALLS_H
#define ASSAY_CALLS_H

#include "../request.h"

static inline void calls_add(struct request **calls, struct request *request)
{
    request->link = NULL;
    request->next = *calls;
    if (request->next)
        request->next->link = request;
    *calls = request;
}

static inline void calls_remove(struct request **calls, struct request *request)
{
    struct request *before = request->link;
    if (before)
        before->next = request->next;
    else
        *calls = request->next;
    if (request->next)
        request->next->link = before;
}

#endif
