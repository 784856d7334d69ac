/* SPDX-License-Identifier: MIT */
#include "load_result.h"

#include <errno.h>
#include <stdlib.h>

int load_result_init(struct load_result *result, size_t classes, uint64_t duration_ns,
                     size_t sample_cap)
{
    size_t seconds = (size_t)((duration_ns + CLOCK_NS_PER_S - 1) / CLOCK_NS_PER_S);
    *result = (struct load_result){
        .classes = calloc(classes, sizeof *result->classes),
        .class_count = classes,
        .steps = calloc(1, sizeof *result->steps),
        .step_count = 1,
        .seconds = calloc(seconds, sizeof *result->seconds),
        .second_count = seconds,
        /* Address space; memory is touched as samples come. */
        .samples = malloc((sample_cap ? sample_cap : 1) * sizeof *result->samples),
        .sample_cap = sample_cap,
    };
    int err = statistics_init(&result->lag, sample_cap);
    return result->classes && result->steps && result->seconds && result->samples ? err : -ENOMEM;
}

int load_result_set_steps(struct load_result *result, const uint64_t *ends_ns, size_t count)
{
    struct load_step *steps = calloc(count, sizeof *steps);
    if (!steps)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        steps[i].end_ns = ends_ns[i];
    free(result->steps);
    result->steps = steps;
    result->step_count = count;
    return 0;
}

static void finish_part(struct load_part *part)
{
    statistics_finish(&part->latency);
    statistics_finish(&part->service);
}

void load_result_finish(struct load_result *result)
{
    for (size_t i = 0; result->classes && i < result->class_count; i++)
        finish_part(&result->classes[i]);
    for (size_t i = 0; result->steps && i < result->step_count; i++)
        finish_part(&result->steps[i].part);
    finish_part(&result->all);
    statistics_finish(&result->lag);
    free(result->classes);
    free(result->steps);
    free(result->seconds);
    free(result->samples);
    *result = (struct load_result){0};
}

void load_result_sent(struct load_result *result, uint32_t class_index, uint64_t due_ns,
                      uint64_t free_ns, uint64_t now_ns)
{
    if (!load_result_counts(result, due_ns))
        return;
    struct load_counts *class = &result->classes[class_index].counts;
    struct load_counts *step = &load_result_step(result, due_ns)->part.counts;
    struct load_second *second = load_result_second(result, due_ns);
    bool held_back = free_ns > due_ns, after = free_ns >= result->to_ns;
    uint64_t could_ns = held_back ? free_ns : due_ns;
    uint64_t lag_ns = now_ns > could_ns ? now_ns - could_ns : 0;
    class->sent++;
    class->held_back += held_back;
    class->sent_after += after;
    step->sent++;
    step->held_back += held_back;
    step->sent_after += after;
    second->counts.sent++;
    second->counts.held_back += held_back;
    second->counts.sent_after += after;
    if (lag_ns > second->lag_max_ns)
        second->lag_max_ns = lag_ns;
    statistics_add(&result->lag, lag_ns);
}

void load_result_failed(struct load_result *result, uint32_t class_index, uint64_t due_ns,
                        bool late)
{
    if (!load_result_counts(result, due_ns))
        return;
    struct load_counts *class = &result->classes[class_index].counts;
    struct load_counts *step = &load_result_step(result, due_ns)->part.counts;
    struct load_counts *second = &load_result_second(result, due_ns)->counts;
    class->failed++;
    step->failed++;
    step->timeouts += late;
    second->failed++;
    class->timeouts += late;
    second->timeouts += late;
}

static void add_sample(struct load_result *result, const struct load_sample *sample)
{
    if (result->sample_count < result->sample_cap)
        result->samples[result->sample_count++] = *sample;
    else
        result->dropped++;
}

void load_result_answered(struct load_result *result, const struct load_answer *answer)
{
    result->right += answer->right;
    if (answer->right && load_result_counts(result, answer->now_ns))
        load_result_second(result, answer->now_ns)->in_window++;
    if (!load_result_counts(result, answer->due_ns))
        return;
    struct load_counts *class = &result->classes[answer->class_index].counts;
    struct load_step *step = load_result_step(result, answer->due_ns);
    struct load_second *second = load_result_second(result, answer->due_ns);
    int status = answer->status;
    result->status_counts[status > 0 && status < 600 ? status : 0]++;
    class->answered += answer->right;
    class->wrong += !answer->right;
    class->rejected += !answer->right && status == 503;
    step->part.counts.answered += answer->right;
    step->part.counts.wrong += !answer->right;
    step->part.counts.rejected += !answer->right && status == 503;
    second->counts.answered += answer->right;
    second->counts.wrong += !answer->right;
    second->counts.rejected += !answer->right && status == 503;
    if (answer->right)
        add_sample(result, &(struct load_sample){
                               .latency_ns = answer->now_ns - answer->due_ns,
                               .service_ns = answer->now_ns - answer->sent_ns,
                               .class_index = (uint16_t)answer->class_index,
                               .step = (uint16_t)(step - result->steps),
                               .second = (uint32_t)(second - result->seconds),
                           });
}

void load_result_planned(struct load_result *result, uint32_t class_index, uint64_t due_ns,
                         bool sent)
{
    if (!load_result_counts(result, due_ns))
        return;
    struct load_counts *class = &result->classes[class_index].counts;
    struct load_counts *second = &load_result_second(result, due_ns)->counts;
    struct load_counts *step = &load_result_step(result, due_ns)->part.counts;
    class->planned++;
    class->unsent += !sent;
    step->planned++;
    step->unsent += !sent;
    second->planned++;
    second->unsent += !sent;
}

static void add(struct load_counts *sum, const struct load_counts *counts)
{
    sum->planned += counts->planned;
    sum->sent += counts->sent;
    sum->answered += counts->answered;
    sum->wrong += counts->wrong;
    sum->rejected += counts->rejected;
    sum->failed += counts->failed;
    sum->timeouts += counts->timeouts;
    sum->unsent += counts->unsent;
    sum->held_back += counts->held_back;
    sum->sent_after += counts->sent_after;
}

enum { ANY = -1 };

static bool belongs(const struct load_sample *sample, int class_index, int step)
{
    return (class_index == ANY || sample->class_index == class_index) &&
           (step == ANY || sample->step == step);
}

/* Of all samples, or of those of one class, or of one step. */
static int summarise_part(const struct load_result *result, int class_index, int step,
                          struct load_part *part)
{
    size_t count = 0;
    for (size_t i = 0; i < result->sample_count; i++)
        count += belongs(&result->samples[i], class_index, step);
    if (statistics_init(&part->latency, count) != 0 || statistics_init(&part->service, count) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < result->sample_count; i++) {
        const struct load_sample *sample = &result->samples[i];
        if (!belongs(sample, class_index, step))
            continue;
        statistics_add(&part->latency, sample->latency_ns);
        statistics_add(&part->service, sample->service_ns);
    }
    statistics_sort(&part->latency);
    statistics_sort(&part->service);
    return 0;
}

/* The samples of each second stand together in one array: ends[s] is where those of s end. */
static void gather(const struct load_result *result, uint64_t *values, size_t *ends, bool service)
{
    size_t start = 0;
    for (size_t s = 0; s < result->second_count; s++)
        ends[s] = 0;
    for (size_t i = 0; i < result->sample_count; i++)
        ends[result->samples[i].second]++;
    for (size_t s = 0; s < result->second_count; s++) {
        size_t count = ends[s];
        ends[s] = start;
        start += count;
    }
    for (size_t i = 0; i < result->sample_count; i++) {
        const struct load_sample *sample = &result->samples[i];
        values[ends[sample->second]++] = service ? sample->service_ns : sample->latency_ns;
    }
}

static void summarise_values(struct load_result *result, uint64_t *values, const size_t *ends,
                             bool service)
{
    for (size_t s = 0, start = 0; s < result->second_count; start = ends[s++]) {
        struct load_second *second = &result->seconds[s];
        struct statistics of = {.values = values + start, .count = ends[s] - start};
        statistics_sort(&of);
        uint64_t p99_ns = statistics_percentile(&of, 990000);
        if (service) {
            second->service_p99_ns = p99_ns;
        } else {
            second->p50_ns = statistics_percentile(&of, 500000);
            second->p99_ns = p99_ns;
            second->max_ns = statistics_percentile(&of, 1000000);
        }
    }
}

static int summarise_seconds(struct load_result *result)
{
    size_t count = result->sample_count;
    uint64_t *values = malloc((count ? count : 1) * sizeof *values);
    size_t *ends = malloc(result->second_count * sizeof *ends);
    int err = values && ends ? 0 : -ENOMEM;
    for (int service = 0; err == 0 && service < 2; service++) {
        gather(result, values, ends, service);
        summarise_values(result, values, ends, service);
    }
    free(values);
    free(ends);
    return err;
}

int load_result_summarise(struct load_result *result)
{
    for (size_t s = 0; s < result->second_count; s++)
        result->in_window += result->seconds[s].in_window;
    for (size_t i = 0; i < result->class_count; i++)
        add(&result->all.counts, &result->classes[i].counts);
    statistics_sort(&result->lag);
    int err = summarise_part(result, ANY, ANY, &result->all);
    for (size_t i = 0; err == 0 && result->class_count > 1 && i < result->class_count; i++)
        err = summarise_part(result, (int)i, ANY, &result->classes[i]);
    for (size_t i = 0; err == 0 && result->step_count > 1 && i < result->step_count; i++)
        err = summarise_part(result, ANY, (int)i, &result->steps[i].part);
    if (err == 0)
        err = summarise_seconds(result);
    free(result->samples);
    result->samples = NULL;
    return err;
}
