/* SPDX-License-Identifier: MIT */
/* parts/…: what the models are made of, one piece at a time, and what the machine takes for the
 * same without them (parts/floor/…). */
#ifndef ASSAY_PARTS_H
#define ASSAY_PARTS_H

void parts_floors_register(void);  /* floor: system calls, locks, hand-offs between two threads */
void parts_queues_register(void);  /* queue, mailbox, runq: one thread, nobody asleep */
void parts_senders_register(void); /* queue, mailbox: one and several senders on other CPUs */
void parts_wake_register(void);    /* wake: there and back through a model's own way of waking */
void parts_timers_register(void);
void parts_http_register(void);
void parts_pool_register(void); /* pool: a call to a downstream service, and the floor under it */

#endif
