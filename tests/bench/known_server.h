/* SPDX-License-Identifier: MIT */
/*
 * A server whose times are known, runs of load against it through the simulated network, and what
 * must come of them: computed without any of load's code.
 */
#ifndef ASSAY_KNOWN_SERVER_H
#define ASSAY_KNOWN_SERVER_H

#include "load_run.h"
#include "simulated.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

#define QUANTILES 4
extern const uint32_t ppms[QUANTILES]; /* p50, p90, p99, p99.9 */

/* The server: how long a request takes, and when it answers nobody. */
enum service_kind { SERVICE_FIXED, SERVICE_EXPONENTIAL, SERVICE_LOGNORMAL };
struct server {
    enum service_kind kind;
    uint64_t ns;               /* the time, its mean or its median */
    double sigma;              /* lognormal */
    bool drawn;                /* by chance; else evenly over the distribution */
    uint64_t every_ns, for_ns; /* no answer in [k * every, k * every + for), k = 1, 2 … */
};

/* What is asked where nothing else is said: a class of one document, which takes any 200. */
extern const struct load_class known_class;

/* The time that so large a share of requests stays below, without stalls. */
double service_quantile(const struct server *server, double share);

/* A run of load against that server; config's missing parts are set. */
void run(const struct server *server, struct load_config config, size_t connection_count,
         struct load_result *result);

/*
 * Kiefer and Wolfowitz's recursion of a queue with several servers, first come first served: what
 * each request of the plan must have seen if there are only so many connections. Written without
 * any of load's code.
 */
void queued(const struct server *server, const struct load_config *config, size_t servers,
            struct statistics *latency);

/* Within 1 %. */
void assert_near(const char *what, uint32_t ppm, double reported, double computed);
void assert_all_answered(const struct load_result *result);

#endif
