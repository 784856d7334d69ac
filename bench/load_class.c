/* SPDX-License-Identifier: MIT */
#include "load_class.h"

#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* A body is read whole and kept; this is more than any payload here. */
#define BODY_MAX ((size_t)256 << 20)
#define WORDS_MAX 64

const struct load_class_options load_class_defaults = {
    .share = 1,
    .expect_status = "2xx",
    .cpu_iterations = WORKLOAD_CPU_ITERATIONS,
    .hops = WORKLOAD_HOPS,
    .cells = WORKLOAD_CELLS,
    .messages = WORKLOAD_MESSAGES,
    .hot_percent = WORKLOAD_HOT_PERCENT,
    .put_percent = WORKLOAD_PUT_PERCENT,
    .heavy_percent = WORKLOAD_HEAVY_PERCENT,
    .hit_percent = WORKLOAD_HIT_PERCENT,
};

static int read_body(const struct options *options, struct load_class_options *class, size_t *len)
{
    int fd = open(class->body_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return options_error(options, "--body", "%s: %s", class->body_path, strerror(errno));
    struct bytes body = {0};
    ssize_t n;
    do {
        n = read(fd, bytes_reserve(&body, 65536), 65536);
        body.len += n > 0 ? (size_t)n : 0;
    } while (n > 0 && body.len <= BODY_MAX);
    int err = n < 0 ? errno : n > 0 ? EFBIG : 0;
    close(fd);
    class->body = body.data;
    *len = body.len;
    if (err != 0)
        return options_error(options, "--body", "%s: %s", class->body_path, strerror(err));
    return OPTIONS_GO_ON;
}

static bool right_status(const void *arg, size_t document, const struct http_response *response)
{
    const struct load_class_options *class = arg;
    (void)document;
    return response->status >= class->status_from && response->status <= class->status_to;
}

static bool right_reply(const void *arg, size_t document, const struct http_response *response)
{
    const struct load_class_options *class = arg;
    return workload_reply_ok(class->known_workload, &class->setup, document, response->status,
                             response->body.data, response->body.len);
}

/* "200", or "2xx". */
static int read_status(const struct options *options, struct load_class_options *class)
{
    const char *text = class->expect_status;
    bool hundred = strlen(text) == 3 && strcasecmp(text + 1, "xx") == 0;
    bool number = strlen(text) == 3 && strspn(text, "0123456789") == 3;
    if ((!hundred && !number) || *text < '2' || *text > '5')
        return options_error(options, "--expect-status",
                             "\"%s\" is neither a status from 200 to 599 nor of the form 2xx",
                             text);
    class->status_from = hundred ? (*text - '0') * 100 : atoi(text);
    class->status_to = hundred ? class->status_from + 99 : class->status_from;
    return OPTIONS_GO_ON;
}

static int refuse_all(const struct options *options, const char *const *names, const char *when)
{
    for (; *names; names++) {
        if (options_refuse(options, *names, when) != OPTIONS_GO_ON)
            return EXIT_USAGE;
    }
    return OPTIONS_GO_ON;
}

int load_class_refuse(const struct options *options, const char *when)
{
    struct load_class_options none;
    const struct options_entry entries[] = {LOAD_CLASS_OPTIONS(&none), {0}};
    for (const struct options_entry *e = entries; e->name; e++) {
        if (options_refuse(options, e->name, when) != OPTIONS_GO_ON)
            return EXIT_USAGE;
    }
    return OPTIONS_GO_ON;
}

/* `serve` takes no payload for a workload to which any bytes will do: then the first one is sent.
 */
static void default_payload(struct load_class_options *class)
{
    if (!class->known_workload || class->payload || class->codec ||
        workload_needs(class->known_workload) & WORKLOAD_NEEDS_PAYLOAD)
        return;
    for (size_t i = 0; codecs[i] && !class->codec; i++)
        class->codec = codec_is_whole(codecs[i]) ? codecs[i]->name : NULL;
    class->payload = payloads[0].name;
}

/* What is sent is a corpus. */
static int read_payload(const struct options *options, struct load_class_options *class)
{
    static const char *const others[] = {"--body", "--content-type", NULL};
    const struct payload *payload = NULL;
    const struct codec *codec = NULL;
    const char *when = class->workload ? "with --workload" : "with --payload or --codec";
    if (refuse_all(options, others, when) != OPTIONS_GO_ON ||
        (!class->payload && options_require(options, "--payload", when) != OPTIONS_GO_ON) ||
        (!class->codec && options_require(options, "--codec", when) != OPTIONS_GO_ON) ||
        !(payload = names_payload(options, class->payload)) ||
        !(codec = names_codec(options, class->codec)))
        return EXIT_USAGE;
    char why[512] = "";
    if (workload_setup_init(&class->setup, payload, codec, why, sizeof why) != 0)
        return options_error(options, "--payload", "%s", why);
    class->setup.cpu_iterations = class->cpu_iterations;
    class->setup.hops = (uint32_t) class->hops;
    class->setup.cells = (uint32_t) class->cells;
    class->setup.messages = (uint32_t) class->messages;
    class->setup.hot_percent = (uint32_t) class->hot_percent;
    class->setup.put_percent = (uint32_t) class->put_percent;
    class->setup.heavy_percent = (uint32_t) class->heavy_percent;
    class->setup.hit_percent = (uint32_t) class->hit_percent;
    if (class->known_workload && workload_setup_mark(&class->setup, class->known_workload) != 0)
        return options_error(options, "--workload", "out of memory");
    if (class->known_workload && !class->any_reply)
        workload_setup_answers(&class->setup, class->known_workload);
    return OPTIONS_GO_ON;
}

/* What a right answer is: the workload's reply, or any with the right status. */
static int read_check(const struct options *options, struct load_class_options *class)
{
    static const char *const others[] = {"--method", "--expect-status", NULL};
    static const char *const workloads_own[] = {
        "--cpu-iterations", "--hops",          "--cells",       "--messages",  "--hot-percent",
        "--put-percent",    "--heavy-percent", "--hit-percent", "--any-reply", NULL};
    if (!class->workload) {
        int code = refuse_all(options, workloads_own, "without --workload");
        return code == OPTIONS_GO_ON ? read_status(options, class) : code;
    }
    class->known_workload = names_workload(options, class->workload);
    if (!class->known_workload || refuse_all(options, others, "with --workload") != OPTIONS_GO_ON)
        return EXIT_USAGE;
    if (workload_needs(class->known_workload) & WORKLOAD_IN_PROCESS_ONLY)
        return options_error(options, "--workload", "%s has no server (model_bench runs it)",
                             class->workload);
    /* Others have cells, too, but their replies do not depend on them. */
    if (!(workload_needs(class->known_workload) & WORKLOAD_NEEDS_RING) &&
        options_refuse(options, "--cells", "but with --workload ring") != OPTIONS_GO_ON)
        return EXIT_USAGE;
    int code = names_refuse_unneeded(options, class->known_workload);
    return code == OPTIONS_GO_ON && class->any_reply ? read_status(options, class) : code;
}

static int check_head(const struct options *options, const struct load_class_options *class)
{
    for (size_t i = 0; i < class->headers.count; i++) {
        const char *h = class->headers.items[i];
        const char *colon = strchr(h, ':');
        if (!colon || colon == h || strpbrk(h, "\r\n"))
            return options_error(options, "--header", "\"%s\" is not of the form \"Name: value\"",
                                 h);
    }
    if (strspn(class->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(class->method) ||
        !*class->method)
        return options_error(options, "--method", "\"%s\" is not a method", class->method);
    if (class->path && (*class->path != '/' || strpbrk(class->path, " \t\r\n")))
        return options_error(options, "--path", "\"%s\" is not of the form /PATH", class->path);
    return OPTIONS_GO_ON;
}

static int make_requests(const struct options *options, struct load_class_options *class,
                         const struct target *target)
{
    struct target_request request = {
        .method = class->method,
        .path = class->path,
        .content_type = class->content_type,
        .headers = class->headers.items,
        .header_count = class->headers.count,
    };
    if (class->body_path) {
        int code = read_body(options, class, &request.body_len);
        if (code != OPTIONS_GO_ON)
            return code;
        request.body = class->body ? class->body : (const uint8_t *)"";
    }
    class->documents = class->setup.codec ? class->setup.documents : 1;
    class->bytes = calloc(class->documents, sizeof *class->bytes);
    class->requests = calloc(class->documents, sizeof *class->requests);
    if (!class->bytes || !class->requests)
        return options_error(options, "requests", "out of memory");
    for (size_t i = 0; i < class->documents; i++) {
        if (class->setup.codec) {
            request.content_type = class->setup.codec->content_type;
            request.body = class->setup.bodies[i];
            request.body_len = class->setup.body_lens[i];
        }
        target_request_write(&class->bytes[i], target, &request);
        class->requests[i] = (struct connection_request){
            .data = class->bytes[i].data,
            .len = class->bytes[i].len,
            .head = strcmp(class->method, "HEAD") == 0,
        };
    }
    return OPTIONS_GO_ON;
}

int load_class_resolve(const struct options *options, struct load_class_options *class,
                       const struct target *target)
{
    bool corpus = class->payload || class->codec || class->workload;
    if (!options_given(options, "--method"))
        class->method = corpus || class->body_path ? "POST" : "GET";
    int code = read_check(options, class);
    if (code == OPTIONS_GO_ON)
        default_payload(class);
    if (code == OPTIONS_GO_ON && corpus)
        code = read_payload(options, class);
    if (code == OPTIONS_GO_ON && !class->body_path)
        code = options_refuse(options, "--content-type", "without --body");
    if (code == OPTIONS_GO_ON)
        code = check_head(options, class);
    return code == OPTIONS_GO_ON ? make_requests(options, class, target) : code;
}

/* Splits at blanks, in place; what is in '' or "" is one word. The number of words, or -1: an open
 * quote, or too many. */
static int split(char *line, char *words[WORDS_MAX])
{
    int count = 0;
    for (char *c = line; *(c += strspn(c, " \t"));) {
        if (count + 1 == WORDS_MAX)
            return -1;
        char *to = words[count++] = c;
        char quote = '\0';
        for (; *c && (quote || !strchr(" \t", *c)); c++) {
            if (quote ? *c == quote : *c == '"' || *c == '\'')
                quote = quote ? '\0' : *c;
            else
                *to++ = *c;
        }
        if (quote)
            return -1;
        if (*c)
            c++;
        *to = '\0';
    }
    words[count] = NULL;
    return count;
}

int load_class_read(struct load_class_options *class, const struct target *target, const char *line,
                    const char *where)
{
    struct options_entry entries[] = {
        OPTIONS_NUMBER("--share", "N", &class->share, 1e-9, 1e9,
                       "of the requests, in proportion to the other classes'"),
        OPTIONS_TEXT("--path", "/PATH", &class->path, "instead of the target's"),
        LOAD_CLASS_OPTIONS(class),
        {0},
    };
    char *words[WORDS_MAX];
    class->line = strdup(line);
    int count = class->line ? split(class->line, words) : -1;
    char program[512];
    const struct options options = {program, "a class of requests: NAME [option ...]", entries};
    snprintf(program, sizeof program, "load: %.255s %.200s", where, count > 0 ? words[0] : "''");
    if (count <= 0)
        return options_error(&options, "line", "\"%s\" is not of the form NAME [--option VALUE]...",
                             line);
    class->name = words[0];
    if (strncmp(class->name, "--", 2) == 0)
        return options_error(&options, "line", "begins with the name of the class");
    if (strpbrk(class->name, ",\"\r\n")) /* it stands in --requests' CSV */
        return options_error(&options, "line", "a name holds no commas, quotes or line ends");
    int code = options_parse(&options, count, words);
    return code == OPTIONS_GO_ON ? load_class_resolve(&options, class, target) : code;
}

struct load_class load_class_of(const struct load_class_options *class)
{
    return (struct load_class){
        .name = class->name,
        .share = class->share,
        .requests = class->requests,
        .documents = class->documents,
        .right = class->known_workload && !class->any_reply ? right_reply : right_status,
        .arg = class,
    };
}

void load_class_finish(struct load_class_options *class)
{
    for (size_t i = 0; class->bytes && i < class->documents; i++)
        bytes_finish(&class->bytes[i]);
    free(class->bytes);
    free(class->requests);
    free(class->body);
    free(class->line);
    workload_setup_finish(&class->setup);
}
