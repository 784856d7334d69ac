/* SPDX-License-Identifier: MIT */
#include "rpc.h"

#include "names.h"
#include "options.h"
#include "process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int rpc_open(struct rpc *rpc, const char *program, const char *summary, int argc, char **argv)
{
    const char *payload_name = "order", *codec_name = "protobuf_c", *listen = "127.0.0.1:0";
    struct options_entry entries[] = {
        OPTIONS_TEXT("--payload", "NAME", &payload_name, "type of the messages"),
        OPTIONS_TEXT("--codec", "NAME", &codec_name, "their encoding"),
        OPTIONS_TEXT("--listen", "HOST:PORT", &listen, "port 0: any that is free"),
        {0},
    };
    struct options options = {program, summary, entries};
    int code = options_parse(&options, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    const struct payload *payload = names_payload(&options, payload_name);
    const struct codec *codec = payload ? names_codec(&options, codec_name) : NULL;
    if (!codec)
        return EXIT_USAGE;
    process_prepare();
    char why[256] = "";
    int err = workload_setup_init(&rpc->setup, payload, codec, why, sizeof why);
    if (err != 0)
        return options_error(&options, "--payload", "%s", *why ? why : strerror(-err));
    err = listener_open(&rpc->listener, listen);
    if (err != 0)
        return options_error(&options, "--listen", "%s: %s", listen, strerror(-err));
    printf("listening on 127.0.0.1:%u\n", rpc->listener.port);
    fflush(stdout);
    return OPTIONS_GO_ON;
}

static void end(int number)
{
    (void)number;
    _exit(EXIT_GOOD);
}

int rpc_run(void (*serve)(void))
{
    if (signal(SIGTERM, end) == SIG_ERR)
        return EXIT_ENVIRONMENT;
    serve();
    return EXIT_FAILED;
}

/* As the workload `rpc` does it. */
static int run(const struct rpc *rpc, struct rpc_scratch *scratch, const uint8_t *in, size_t len)
{
    ProtobufCMessage *message;
    scratch->out.len = 0;
    if (coding_decode(&scratch->coding, &rpc->setup, in, len, &message) != 0)
        return 400;
    if (coding_encode(&rpc->setup, message, len, &scratch->out) != 0)
        return 500;
    return 200;
}

int rpc_answer(const struct rpc *rpc, struct rpc_scratch *scratch, struct http_conn *conn,
               enum http_step step, int flags)
{
    scratch->out.len = 0;
    int status = 200;
    if (step == HTTP_WORK)
        status = run(rpc, scratch, conn->body, conn->body_len);
    else if (step == HTTP_REFUSE)
        status = conn->status;
    const char *type = scratch->out.len ? rpc->setup.codec->content_type : NULL;
    return http_conn_reply(conn, status, type, scratch->out.data, scratch->out.len, false, flags);
}
