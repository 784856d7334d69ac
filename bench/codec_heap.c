/* SPDX-License-Identifier: MIT */
/* What one operation asks of the heap: in a process of its own, since counting costs time. */
#include "exact.h"
#include "heap_count.h"

struct step {
    const char *name;
    codec_step *run;
    bool (*has)(const struct codec *codec);
    bool keeps; /* memory that the next one takes again */
};

static const struct step steps[] = {
    {"encode", codec_encode, exact_encodes, false},
    {"decode", codec_decode, exact_decodes, true},
    {"decode_cold", codec_decode_cold, exact_decodes, false},
};

/* Means over the corpus. A round before it: an arena then has its blocks. */
static int count_step(FILE *out, const struct step *step, const struct codec_job *job,
                      const struct codec_wire *wire)
{
    double allocations = 0, bytes = 0, peak = 0;
    int err = 0;
    for (size_t i = 0; i < job->count; i++)
        err |= step->run(job, i);
    for (size_t i = 0; i < job->count && err == 0; i++) {
        heap_count_begin();
        err = step->run(job, i);
        const struct heap_count seen = heap_count_end();
        if (err == 0 && seen.live > 0 && !step->keeps)
            return -EBUSY; /* it kept something, which it must not */
        allocations += (double)seen.allocations;
        bytes += (double)seen.bytes;
        peak += (double)seen.peak;
    }
    if (err != 0)
        return err;
    exact_row(out, wire, step->name);
    exact_figure(out, "allocations", allocations / (double)job->count);
    exact_figure(out, "allocated_bytes", bytes / (double)job->count);
    exact_figure(out, "peak_heap_bytes", peak / (double)job->count);
    exact_end(out);
    return 0;
}

static int count(FILE *out, const struct codec_job *job, const struct codec_wire *wire)
{
    int err = 0;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && err == 0; i++)
        if (steps[i].has(job->codec))
            err = count_step(out, &steps[i], job, wire);
    return err;
}

int main(int argc, char **argv)
{
    struct exact_options options;
    bool done;
    const int code = exact_options(
        argc, argv, "codec_heap",
        "Counts what encode, decode (into an arena that has its blocks) and decode_cold (the\n"
        "message from the heap) ask of malloc: means over the documents of a corpus. The peak is\n"
        "of what malloc hands out, rounded by it, beyond what was there before. Exit code 3:\n"
        "malloc cannot be counted here.",
        &options, &done);
    if (code != 0 || done)
        return code;
    if (options.instructions) {
        fprintf(stderr, "codec_heap: --instructions: is an option of codec_exact\n");
        return 2;
    }
    if (!heap_count_works()) {
        fprintf(stderr, "codec_heap: malloc cannot be counted here (not glibc, or a sanitizer)\n");
        return 3;
    }
    return exact_run("codec_heap", &options, count);
}
