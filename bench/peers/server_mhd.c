/* SPDX-License-Identifier: MIT */
/* libmicrohttpd: sends the body of a POST back, in any of its modes. Without a Date in its replies:
 * to write the time costs, and ours have none. */
#include "options.h"
#include "process.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What has come of a body. */
struct upload {
    size_t len;
    char data[];
};

static enum MHD_Result answer(struct MHD_Connection *connection, struct upload *upload)
{
    /* The response owns the memory, so that nothing is copied. */
    size_t len = upload->len;
    memmove(upload, upload->data, len);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, upload, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(upload);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
    enum MHD_Result queued = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *data_len, void **state)
{
    (void)arg;
    (void)url;
    (void)method;
    (void)version;
    struct upload *upload = *state;
    if (!upload) { /* the head only */
        upload = calloc(1, sizeof *upload);
        *state = upload;
        return upload ? MHD_YES : MHD_NO;
    }
    if (*data_len) {
        struct upload *grown = realloc(upload, sizeof *upload + upload->len + *data_len);
        if (!grown)
            return MHD_NO;
        memcpy(grown->data + grown->len, data, *data_len);
        grown->len += *data_len;
        *data_len = 0;
        *state = grown;
        return MHD_YES;
    }
    *state = NULL;
    return answer(connection, upload);
}

struct mode {
    const char *name;
    unsigned flags;
    unsigned threads; /* of a pool; 0: none */
};

static const struct mode modes[] = {
    {"epoll", MHD_USE_EPOLL_INTERNAL_THREAD, 0},
    {"epoll_turbo", MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO, 0},
    {"epoll_main", MHD_USE_EPOLL, 0}, /* no thread but main()'s */
    {"poll", MHD_USE_POLL_INTERNAL_THREAD, 0},
    {"select", MHD_USE_INTERNAL_POLLING_THREAD, 0},
    {"pool", MHD_USE_EPOLL_INTERNAL_THREAD, 2},
    {"threads", MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, 0},
    {"threads_poll", MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL_INTERNAL_THREAD, 0},
};

static const struct mode *mode_of(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    return NULL;
}

static struct MHD_Daemon *start(const struct mode *mode)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return MHD_start_daemon(mode->flags | MHD_USE_SUPPRESS_DATE_NO_CLOCK, 0, NULL, NULL, handle,
                            NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT,
                            16384u, mode->threads ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END,
                            mode->threads, MHD_OPTION_END);
}

/* Until SIGTERM, which ends a process without threads of the library's at once. */
static void serve(const struct mode *mode, struct MHD_Daemon *daemon)
{
    if (mode->flags & MHD_USE_INTERNAL_POLLING_THREAD)
        process_await_stop();
    else
        while (MHD_run_wait(daemon, -1) == MHD_YES)
            ;
}

int main(int argc, char **argv)
{
    const char *name = "epoll";
    struct options_entry entries[] = {
        OPTIONS_TEXT("--mode", "MODE", &name,
                     "epoll, epoll_turbo, epoll_main, poll, select, pool, threads, threads_poll"),
        {0},
    };
    struct options options = {"server_mhd", "libmicrohttpd: sends the body back", entries};
    int code = options_parse(&options, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    const struct mode *mode = mode_of(name);
    if (!mode)
        return options_error(&options, "--mode", "\"%s\" is none of these", name);
    process_prepare();
    if (mode->flags & MHD_USE_INTERNAL_POLLING_THREAD)
        process_block_stops();
    struct MHD_Daemon *daemon = start(mode);
    if (!daemon) {
        fprintf(stderr, "server_mhd: cannot start\n");
        return EXIT_ENVIRONMENT;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    printf("listening on 127.0.0.1:%u\n", info ? info->port : 0u);
    fflush(stdout);
    serve(mode, daemon);
    MHD_stop_daemon(daemon);
    return EXIT_GOOD;
}
