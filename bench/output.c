/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void release(struct output *output)
{
    free(output->path);
    free(output->temporary);
    free(output->text);
    *output = (struct output){0};
}

int output_open(struct output *output, const char *path)
{
    int err = output_open_plain(output, path);
    output->plain = false;
    if (output->file)
        fputs("{\n ", output->file);
    return err;
}

int output_open_plain(struct output *output, const char *path)
{
    *output = (struct output){.plain = true};
    if (!path)
        return 0;
    struct stat there;
    if (lstat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
        /* A pipe, a device or a link such as /dev/stdout: written to, never replaced by a file. */
        output->file = fopen(path, "we");
        if (!output->file)
            return -errno;
        return 0;
    }
    output->path = strdup(path);
    int err = -ENOMEM;
    if (!output->path || asprintf(&output->temporary, "%s.%ld.tmp", path, (long)getpid()) < 0) {
        output->temporary = NULL;
        goto fail;
    }
    FILE *probe = fopen(output->temporary, "wxe");
    if (!probe) {
        err = -errno;
        goto fail;
    }
    fclose(probe);
    unlink(output->temporary);
    output->file = open_memstream(&output->text, &output->text_len);
    if (!output->file)
        goto fail;
    return 0;
fail:
    release(output);
    return err;
}

void output_discard(struct output *output)
{
    if (!output->file)
        return;
    fclose(output->file);
    release(output);
}

/* The text to the temporary file, and that to its place. */
static int write_whole(const struct output *output)
{
    FILE *file = fopen(output->temporary, "wxe");
    if (!file)
        return -errno;
    int err = fwrite(output->text, 1, output->text_len, file) < output->text_len ? -errno : 0;
    if (fclose(file) != 0 && err == 0)
        err = -errno;
    if (err == 0 && rename(output->temporary, output->path) != 0)
        err = -errno;
    if (err != 0)
        unlink(output->temporary);
    return err;
}

int output_close(struct output *output)
{
    if (!output->file)
        return 0;
    if (!output->plain)
        fputs("\n}\n", output->file);
    int err = ferror(output->file) ? -EIO : 0;
    if (fclose(output->file) != 0 && err == 0)
        err = -errno;
    if (output->temporary && err == 0)
        err = write_whole(output);
    release(output);
    return err;
}

static void quote(FILE *file, const char *text)
{
    fputc('"', file);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(file, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(file, "\\u%04x", *c);
        else
            fputc(*c, file);
    }
    fputc('"', file);
}

static bool begin_member(struct output *output, const char *key)
{
    if (!output->file)
        return false;
    if (output->comma)
        fputs(",\n ", output->file);
    output->comma = true;
    if (key) {
        quote(output->file, key);
        fputs(": ", output->file);
    }
    return true;
}

void output_count(struct output *output, const char *key, uint64_t value)
{
    if (begin_member(output, key))
        fprintf(output->file, "%" PRIu64, value);
}

void output_number(struct output *output, const char *key, double value)
{
    if (!begin_member(output, key))
        return;
    if (isfinite(value))
        fprintf(output->file, "%.15g", value);
    else
        fputs("null", output->file);
}

void output_bool(struct output *output, const char *key, bool value)
{
    if (begin_member(output, key))
        fputs(value ? "true" : "false", output->file);
}

void output_text(struct output *output, const char *key, const char *value)
{
    if (!begin_member(output, key))
        return;
    if (value)
        quote(output->file, value);
    else
        fputs("null", output->file);
}

void output_begin(struct output *output, const char *key)
{
    if (begin_member(output, key))
        fputc('{', output->file);
    output->comma = false;
}

void output_end(struct output *output)
{
    if (output->file)
        fputc('}', output->file);
    output->comma = true;
}

void output_begin_list(struct output *output, const char *key)
{
    if (begin_member(output, key))
        fputc('[', output->file);
    output->comma = false;
}

void output_end_list(struct output *output)
{
    if (output->file)
        fputc(']', output->file);
    output->comma = true;
}
