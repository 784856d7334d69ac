/* SPDX-License-Identifier: MIT */
/* parts/{queue,mailbox,timers,http}/…: what the models are made of, one piece at a time. */
#ifndef ASSAY_PARTS_MODELS_H
#define ASSAY_PARTS_MODELS_H

void parts_models_register(void);

#endif
