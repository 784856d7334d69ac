/* SPDX-License-Identifier: MIT */
#include "load_plan.h"

#include "draw.h"

#include <errno.h>
#include <stdlib.h>

int load_plan_init(struct load_plan *plan, const struct load_config *config)
{
    struct arrivals_config arrivals = config->arrivals;
    arrivals.span_ns = config->warmup_ns + config->duration_ns;
    *plan = (struct load_plan){.config = config};
    for (size_t i = 0; i < config->class_count; i++)
        plan->shares += config->classes[i].share;
    return arrivals_plan(&plan->due, &arrivals);
}

void load_plan_finish(struct load_plan *plan)
{
    arrivals_finish(&plan->due);
}

uint32_t load_plan_class(const struct load_plan *plan, size_t number)
{
    const struct load_config *config = plan->config;
    if (config->class_count == 1)
        return 0;
    const uint64_t seed = draw_seed(config->arrivals.seed, DRAW_CLASSES);
    double left = draw_uniform(seed, number) * plan->shares;
    uint32_t class_index = 0;
    while (class_index + 1 < config->class_count && left > config->classes[class_index].share)
        left -= config->classes[class_index++].share;
    return class_index;
}

int load_plan_set_steps(const struct load_plan *plan, struct load_result *result)
{
    const struct arrivals_config *arrivals = &plan->config->arrivals;
    if (arrivals->step_count == 0)
        return 0;
    uint64_t *ends_ns = malloc(arrivals->step_count * sizeof *ends_ns);
    uint64_t end_ns = 0;
    if (!ends_ns)
        return -ENOMEM;
    for (size_t i = 0; i < arrivals->step_count; i++) {
        end_ns += arrivals->steps[i].ns;
        ends_ns[i] = end_ns - plan->config->warmup_ns;
    }
    int err = load_result_set_steps(result, ends_ns, arrivals->step_count);
    free(ends_ns);
    return err;
}
