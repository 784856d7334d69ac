/* SPDX-License-Identifier: MIT */
/* libmicrohttpd: sends the body of a POST back. --mode epoll: one thread with epoll; pool: two of
 * them; threads: a thread for each connection. */
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
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
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

/* Without MHD_USE_TURBO: with it epoll answers a tenth fewer, the others as many. */
static unsigned flags_of(const char *mode)
{
    if (strcmp(mode, "threads") == 0)
        return MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD;
    return strcmp(mode, "epoll") == 0 || strcmp(mode, "pool") == 0 ? MHD_USE_EPOLL_INTERNAL_THREAD
                                                                   : 0;
}

int main(int argc, char **argv)
{
    const char *mode = "epoll";
    struct options_entry entries[] = {
        OPTIONS_TEXT("--mode", "MODE", &mode, "epoll, pool or threads"),
        {0},
    };
    struct options options = {"server_mhd", "libmicrohttpd: sends the body back", entries};
    int code = options_parse(&options, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    unsigned flags = flags_of(mode);
    if (!flags)
        return options_error(&options, "--mode", "\"%s\" is none of these", mode);
    process_prepare();
    process_block_stops();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned threads = strcmp(mode, "pool") == 0 ? 2 : 0;
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, handle, NULL, MHD_OPTION_SOCK_ADDR, &address,
        MHD_OPTION_CONNECTION_LIMIT, 16384u, threads ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END,
        threads, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "server_mhd: cannot start\n");
        return EXIT_ENVIRONMENT;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    printf("listening on 127.0.0.1:%u\n", info ? info->port : 0u);
    fflush(stdout);
    process_await_stop();
    MHD_stop_daemon(daemon);
    return EXIT_GOOD;
}
