/* SPDX-License-Identifier: MIT */
#include "downstream_control.h"

#include "downstream_settings.h"
#include "one_request.h"
#include "process.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_S 5 /* with somebody at the control address who does not finish the request */

struct control {
    const struct downstream_config *config;
    struct downstream_outcome *outcome;
    char service_address[300]; /* the same port whenever it comes back */
    int reserved;              /* bound there and never listening: nobody else gets the port */
    struct listener listener;
    int signals;
    pid_t service; /* 0: there is none */
    enum downstream_state state;
    bool stopping;
};

/* Takes the port, for good. Two sockets may be bound to one address if both have SO_REUSEADDR and
 * none listens yet; then one of them may. While only this one is there, the kernel refuses. */
static int reserve(struct control *control)
{
    struct sockaddr_storage address;
    socklen_t len;
    const int on = 1;
    int err = address_parse(control->config->listen, &address, &len);
    if (err != 0)
        return err;
    control->reserved = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (control->reserved < 0)
        return -errno;
    setsockopt(control->reserved, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(control->reserved, (struct sockaddr *)&address, len) != 0)
        return -errno;
    len = sizeof address;
    if (getsockname(control->reserved, (struct sockaddr *)&address, &len) != 0)
        return -errno;
    /* The port lies at the same place in both kinds of address. */
    uint16_t port = ntohs(((struct sockaddr_in *)&address)->sin_port);
    const char *host = control->config->listen;
    snprintf(control->service_address, sizeof control->service_address, "%.*s:%u",
             (int)(strrchr(host, ':') - host), host, port);
    return 0;
}

static void tell_port(uint16_t port, void *arg)
{
    (void)!write(*(int *)arg, &port, sizeof port);
}

/* The service's process: never returns. */
static void be_service(const struct control *control, int ready, pid_t parent)
{
    struct downstream_config config = *control->config;
    config.listen = control->service_address;
    /* A Ctrl-C is for the process that is told things, which then ends this one. */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    close(control->listener.fd);
    close(control->signals);
    int err = downstream_serve(&config, tell_port, &ready);
    if (err != 0)
        tell_port(0, &ready);
    _exit(err != 0);
}

/* Returns when it listens. */
static int start(struct control *control)
{
    int ready[2];
    if (pipe(ready) != 0)
        return -errno;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        close(ready[0]);
        be_service(control, ready[1], parent);
    }
    int err = pid < 0 ? -errno : 0;
    close(ready[1]);
    uint16_t port = 0;
    if (err == 0 && (read(ready[0], &port, sizeof port) != sizeof port || port == 0)) {
        waitpid(pid, NULL, 0);
        err = -EADDRINUSE;
    }
    close(ready[0]);
    control->service = err == 0 ? pid : 0;
    return err;
}

/* Tells the service to end and waits until it has. */
static void end(struct control *control, int how)
{
    if (control->service == 0)
        return;
    kill(control->service, how);
    kill(control->service, SIGCONT); /* if it was stopped */
    waitpid(control->service, NULL, 0);
    control->service = 0;
}

static int change_state(struct control *control, enum downstream_state state)
{
    int err = 0;
    if (state == control->state)
        return 0;
    switch (state) {
    case DOWNSTREAM_UP:
    case DOWNSTREAM_STOPPED:
        if (control->service == 0)
            err = start(control);
        if (err != 0)
            return err;
        kill(control->service, state == DOWNSTREAM_UP ? SIGCONT : SIGSTOP);
        if (state == DOWNSTREAM_STOPPED)
            waitpid(control->service, NULL, WUNTRACED);
        break;
    case DOWNSTREAM_REFUSING:
        end(control, SIGTERM);
        break;
    case DOWNSTREAM_DEAD:
        control->outcome->deaths += control->service != 0;
        end(control, SIGKILL);
        break;
    }
    control->state = state;
    return 0;
}

static struct downstream_status status_of(const struct control *control)
{
    return (struct downstream_status){
        .state = control->state, .deaths = control->outcome->deaths, .service = control->service};
}

/* What was asked for; its answer in out. Returns the status. */
static int obey(struct control *control, const struct http_conn *conn, struct bytes *out)
{
    struct delay_book *book = &control->config->shared->book;
    struct downstream_settings settings = {.plan = book->plans[atomic_load(&book->current)],
                                           .state = control->state};
    char why[512];
    int err = downstream_settings_read(&settings, conn->body, conn->body_len, why, sizeof why);
    if (err != 0) {
        bytes_append(out, why, strlen(why));
        bytes_append(out, "\n", 1);
        return 400;
    }
    if (settings.new_plan)
        err = delay_change(book, &settings.plan);
    if (err == 0)
        err = change_state(control, settings.state);
    if (err != 0) {
        bytes_append(out, strerror(-err), strlen(strerror(-err)));
        bytes_append(out, "\n", 1);
        return 500;
    }
    struct downstream_status status = status_of(control);
    downstream_settings_write(out, book, &status);
    return 200;
}

static void answer(struct http_conn *conn, enum http_step step, void *arg)
{
    struct control *control = arg;
    struct bytes out = {0};
    const char *type = "text/plain";
    int status = 200;
    if (step == HTTP_WORK) {
        status = obey(control, conn, &out);
        type = status == 200 ? "application/json" : type;
    } else if (step == HTTP_METRICS) {
        struct downstream_status now = status_of(control);
        downstream_metrics_write(&out, &control->config->shared->book, &now);
        type = "text/plain; version=0.0.4";
    } else if (step == HTTP_REFUSE) {
        status = conn->status;
    }
    http_conn_reply(conn, status, type, out.data, out.len, true, 0);
    bytes_finish(&out);
}

static void take_signal(struct control *control)
{
    struct signalfd_siginfo info;
    if (read(control->signals, &info, sizeof info) != sizeof info)
        return;
    if (info.ssi_signo != SIGCHLD) {
        control->stopping = true;
        return;
    }
    /* Those that were told to end are waited for where they are told. */
    if (control->service != 0 && waitpid(control->service, NULL, WNOHANG) == control->service) {
        control->service = 0;
        control->outcome->crashed = control->stopping = true;
    }
}

static int loop(struct control *control)
{
    struct pollfd polled[] = {{.fd = control->listener.fd, .events = POLLIN},
                              {.fd = control->signals, .events = POLLIN}};
    while (!control->stopping) {
        if (poll(polled, 2, -1) < 0 && errno != EINTR)
            return -errno;
        if (polled[1].revents)
            take_signal(control);
        else if (polled[0].revents)
            one_request_serve(&control->listener, PATIENCE_S, answer, control);
    }
    return 0;
}

/* A second SIGTERM or SIGINT while the service drains ends it at once. */
static void drain(struct control *control)
{
    if (control->service == 0)
        return;
    kill(control->service, SIGTERM);
    kill(control->service, SIGCONT);
    while (waitpid(control->service, NULL, WNOHANG) == 0) {
        struct signalfd_siginfo info;
        if (read(control->signals, &info, sizeof info) == sizeof info && info.ssi_signo != SIGCHLD)
            kill(control->service, SIGKILL);
    }
    control->service = 0;
}

int downstream_control(const struct downstream_config *config, const char **where,
                       struct downstream_outcome *outcome)
{
    struct control control = {
        .config = config, .outcome = outcome, .reserved = -1, .listener = {-1, -1, 0}};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    *where = config->listen;
    control.signals = signalfd(-1, &set, SFD_CLOEXEC);
    int err = control.signals < 0 ? -errno : reserve(&control);
    if (err == 0) {
        *where = config->control;
        err = listener_open(&control.listener, config->control);
    }
    if (err == 0) {
        *where = config->listen;
        err = start(&control);
    }
    if (err == 0) {
        downstream_say("listening", control.service_address,
                       (uint16_t)atoi(strrchr(control.service_address, ':') + 1));
        downstream_say("control", config->control, control.listener.port);
        err = loop(&control);
        drain(&control);
    }
    listener_close(&control.listener);
    if (control.reserved >= 0)
        close(control.reserved);
    if (control.signals >= 0)
        close(control.signals);
    return err;
}
