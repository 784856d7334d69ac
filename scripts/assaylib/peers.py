# SPDX-License-Identifier: MIT
"""`assay peers`: our models beside the best of each kind, in processes of their own, in random order.

What is compared and what is to be reached is declared here. peer_run.py runs it, one process after
the other (peer_programs.py), and peer_table.py judges. The raw data has the shape of a run's: a family
is one kind of work, each of its members a process per round; so plan, store, discard and makeup serve both.
"""

from __future__ import annotations

from typing import Any

from .peer_kinds import METRICS as METRICS
from .peer_kinds import Bar, Kind, Peer
from .peer_servers import BODY, NGINX_HEADERS, REPLY_BYTES
from .store import PEERS_TIER as TIER

ROUNDS, ROUNDS_MAX = 10, 1000
STEAL_PERCENT_MAX = 2.0
OTHERS_PERCENT_MAX = 10.0
EXACT_ROUNDS = 2  # of what hardly varies: the second shows that it does not
MORE_TIME = 1.3  # of the planned time, for rounds that make up for discarded ones

#: Debian's package of each peer, and of each tool without which a family cannot be measured.
PACKAGES = {
    "libuv": "libuv1-dev",
    "glib": "libglib2.0-dev",
    "tbb": "libtbb-dev",
    "caf": "libcaf-dev",
    "erlang": "erlang-base",
    "nginx": "nginx-light",
    "mhd": "libmicrohttpd-dev",
    "wrk": "wrk",
    "h2load": "nghttp2-client",
    "strace": "strace",
    "valgrind": "valgrind",
}


def _pools(*arguments: str) -> dict[str, Peer]:
    every = {
        "model": ("pool_model", "", "thread_pool through post(): door, queue, one turn, done()"),
        "queue": ("pool_queue", "", "parts/queue alone"),
        "ring": ("pool_ring", "own", "a ring under a mutex and two condition variables"),
        "ring_adaptive": ("pool_ring_adaptive", "own", "the same; its mutex spins for a moment before it sleeps, as our lock does"),
        "libuv": ("pool_libuv", "libuv", "uv_queue_work"),
        "glib": ("pool_glib", "glib", "g_thread_pool_push"),
        "tbb": ("pool_tbb", "tbb", "task_arena::enqueue"),
    }
    return {
        name: Peer(("{peers}/" + program, "--workers", "2", *arguments, "--json", "{json}"), needs, about)
        for name, (program, needs, about) in every.items()
    }


_HELPED = {
    name: Peer(
        ("{peers}/" + program, "--workers", "2", "--tasks", "300000", "--work", "{work}", "--json", "{json}"),
        needs,
        about,
    )
    for name, program, needs, about in (
        ("queue_helped", "pool_queue_helped", "", "parts/queue; the submitter closes it and works too"),
        ("tbb_group", "pool_tbb_group", "tbb", "task_group::run, then wait"),
    )
}


def _paced() -> dict[str, Peer]:
    arguments = ("--tasks", "5000", "--rate", "10000")
    members = _pools(*arguments)
    spins = (*members["model"].argv[:3], "--spin-us", "100", *members["model"].argv[3:])
    members["model_spins"] = Peer(spins, "", "model, idle workers look for work for 100 µs before they sleep")
    return members


_YIELDS = "to wait, the submitter yields for 50 µs, then sleeps until half is done"
_BOUNDED = (
    f"ours have 1,024 under way at most ({_YIELDS}); a ring holds 1,024 by itself (its submitter sleeps at once,"
    " until one is taken); the others take all at once"
)
_WINDOW = (
    f"the same with at most 1,024 submitted and not yet run, whatever the pool: {_YIELDS} (libuv's runs its loop"
    " meanwhile, and sleeps in it until some is)"
)
_FLOOD = ("--tasks", "300000", "--window")
_SAME = "two workers, one submitter, not pinned; a checked sum"


def _generators(*arguments: str, only: tuple[str, ...]) -> dict[str, Peer]:
    every = {
        "load": ("", "ours: exact samples, latency from the planned time"),
        "wrk": ("wrk", ""),
        "wrk2": ("wrk2", "not in Debian: github.com/giltene/wrk2, in the PATH as wrk2 when Meson configures"),
        "h2load": ("h2load", "h2load --h1"),
    }
    own = ("--bare", "{bench}/bare", "--load", "{bench}/load", "--json", "{json}")
    return {
        name: Peer(("{peers}/generator_" + name, *arguments, *own), *every[name]) for name in only
    }


def _open_generators(*arguments: str) -> dict[str, Peer]:
    members = _generators(*arguments, only=("load", "wrk2"))
    program, *rest = members["load"].argv
    slack = Peer((program, "--slack-us", "1000", *rest), "", "load, which may send up to 1 ms late, as wrk2's timers do")
    return {"load": members["load"], "load_slack": slack, "wrk2": members["wrk2"]}


_CLOSED = ("load", "wrk", "h2load")
_BARE = "a server that does next to nothing (bench/bare.c) on one CPU, the generator on another; 64 connections"
_EXACT = ("instructions_per_request", "system_calls_per_request")


_ACTOR = (
    "actor, in process, with its batch limit. Its mailboxes have no bound either: bounded are one-way messages under"
    " way, those to all actors together (33,000), and requests inside; a request that is forwarded stays the one that it"
    " was, calls are not counted. One-way messages of one turn to one cell go in chains of 64"
)


def _actors(workload: str, messages: int, threads: int) -> dict[str, Peer]:
    common = ("--workload", workload, "--messages", str(messages), "--threads", str(threads), "--json", "{json}")
    erlang = ("erl", "+S", f"{threads}:{threads}", "-noinput", "-pa", "{peers}", "-run", "actors_erlang", "main")
    return {
        "model": Peer(("{peers}/actor_model", *common), "", _ACTOR),
        "caf": Peer(("{peers}/actor_caf", *common), "caf", "event-based actors; mailboxes unbounded"),
        "erlang": Peer((*erlang, workload, str(messages), "{json}"), "erlang", "processes; mailboxes unbounded"),
    }


def _kinds_of_actors() -> tuple[Kind, ...]:
    return tuple(
        Kind(f"actor/{name}{threads}", f"{title}, {count}", f"{work}; {count}, not pinned; what arrives last is checked: in counting how many or their sum, in spawning the sum",
             _actors(name, messages, threads), seconds, ("messages_hz",),
             shown=("busiest_worker_share", "wakeups_per_message", "syscalls_per_message"))
        for name, title, work, messages, seconds in (
            ("pingpong", "Ping-pong", "400,000 messages between two actors, both ways counted", 400_000, 0.6),
            ("count", "Counting", "a million one-way messages from one actor to another, which counts them; 1,000 are sent when the 1,000 before have been counted", 1_000_000, 0.6),
            ("ring", "Ring of 100", "a token passes half a million times to the next of 100 actors", 500_000, 0.6),
            ("spawn", "Spawning", "50,000 actors made, 1,000 at a time, each is sent a message, answers and ends (counted: actors); not the same work: the others answer by a message each, ours leaves its answer with the call and counts down, and the last of the 1,000 mails the maker; ours lives for that one message, and only its maker knows it, the others' could be told to anybody", 50_000, 0.8),
        )
        for threads, count in ((1, "one worker"), (2, "two workers"))
    )  # fmt: skip


def _serve(model: str, workload: str, *arguments: str) -> tuple[str, ...]:
    return ("{bench}/serve", "--model", model, "--workload", workload, "--listen", "127.0.0.1:0", "--threads", "1", *arguments)


_NGINX = ("nginx", "-p", "{folder}", "-c", "{folder}/nginx.conf", "-e", "stderr")
_WEB = {
    "event_loop": Peer(_serve("event_loop", "echo"), "", "one loop, workload echo, the same POST"),
    "nginx": Peer(
        _NGINX,
        "nginx",
        f"return 200, one worker, the same POST; its replies have Server, Date and Connection, too, {len(NGINX_HEADERS)}"
        " bytes, and a body that is shorter by as many",
    ),
    "nginx_get": Peer(_NGINX, "nginx", "return 200, one worker, a GET without a body: its cheapest request"),
}
_MHD = {
    "thread_pool": Peer(_serve("thread_pool", "echo"), "", "one worker and the poller"),
    "actor": Peer(_serve("actor", "echo"), "", "one worker"),
    **{
        f"mhd_{mode}": Peer(("{peers}/server_mhd", "--mode", mode), "mhd", about)
        for mode, about in (
            ("epoll", "one internal thread with epoll"),
            ("epoll_turbo", "one internal thread with epoll, and MHD_USE_TURBO"),
            ("epoll_main", "epoll without a thread of the library's: main() runs it (MHD_run_wait)"),
            ("poll", "one internal thread with poll"),
            ("select", "one internal thread with select"),
            ("pool", "a pool of two threads with epoll"),
            ("threads", "a thread for each connection, which waits in select"),
            ("threads_poll", "a thread for each connection, which waits in poll"),
        )
    },
}
_MHD_MODES = tuple(name for name in _MHD if name.startswith("mhd_"))
_POST = f"a POST of {len(BODY)} bytes; whole replies of {REPLY_BYTES} bytes, or the process has no figure"
_SAME_REPLIES = {"reply_bytes": REPLY_BYTES}
_ECHO = f"{_POST}; 64 keep-alive connections in a closed loop; server on the first CPU, client on the last"
_COUNTED = {"bursts": [10, 60]}
_BY_HAND = {
    "thread_pool": ("blocking", "pool"),
    "thread_per_connection": ("blocking",),
    "event_loop": ("callbacks",),
    "actor": ("messages",),
}


#: Why a bar is missed: models/README.md has the figures.
_LIMITS = {
    "ack": "; of so small a payload all shows that is done besides: a pool gives a connection to a worker and takes it"
    " back (two locks, one epoll_ctl; 2 %), which nobody does who has a thread for each; event_loop and actor run beside"
    " a thread that waits for SIGTERM, so that glibc makes their system calls cancellable (nearly 2 %), and callbacks and"
    " messages by hand alone; event_loop takes 5 % for each connection's share of a round, the door, the way to a turn"
    " and back, counters; actor has a run queue besides that others can steal from, and looks at clock and epoll every"
    " 100 µs, that is for each request while callgrind takes so much longer (2 %)",
}


def _turns(payload: str) -> Kind:
    arguments = ("--payload", payload, "--codec", "protobuf_c")
    return Kind(
        f"turns/rpc_{payload}",
        f"What the turn interface costs: rpc of {payload}",
        f"decode, read every field, encode ({payload}, protobuf-c), with our HTTP part and codec; 64 connections ask at"
        f" a time; counted under callgrind, from two processes that were asked differently often{_LIMITS.get(payload, '')}",
        {
            **{
                model: Peer(_serve(model, "rpc", *arguments), "", "the model, through turns")
                for model in ("thread_pool", "thread_per_connection", "event_loop", "actor")
            },
            "blocking": Peer(("{peers}/rpc_blocking", *arguments), "hand", "by hand: a thread per connection, straight-line"),
            "pool": Peer(("{peers}/rpc_pool", *arguments), "hand", "by hand: a poller and a worker"),
            "callbacks": Peer(("{peers}/rpc_epoll", *arguments), "hand", "by hand: callbacks of one epoll loop"),
            "messages": Peer(("{peers}/rpc_messages", *arguments), "hand", "by hand: connections with mailboxes"),
        },
        7.0,
        ("instructions_per_request",),
        how="counted",
        tools=("valgrind",),
        exact=True,
        load={**_COUNTED, "payload": payload, "codec": "protobuf_c", "pairs": _BY_HAND},
    )


_COUNTING = ("thread_pool", "thread_per_connection", "event_loop", "actor")


def _counters() -> Kind:
    uncounted = {
        f"{model}_uncounted": Peer(
            ("{peers}/serve_uncounted", *_serve(model, "echo")[1:]), "uncounted", f"{model} without its counters"
        )
        for model in _COUNTING
    }
    return Kind(
        "counters/echo",
        "What the counters of the models cost",
        f"{_POST}; 64 connections ask at a time; counted under callgrind, from two processes"
        " that were asked differently often; the same source with and without what model_stats alone needs",
        {**{model: Peer(_serve(model, "echo"), "", "as it comes") for model in _COUNTING}, **uncounted},
        7.0,
        ("instructions_per_request",),
        how="counted",
        tools=("valgrind",),
        exact=True,
        load={**_COUNTED, **_SAME_REPLIES, "pairs": {model: (f"{model}_uncounted",) for model in _COUNTING}},
    )


def _counters_in_process() -> Kind:
    arguments = ("--workers", "1", "--window", "1024", "--tasks", "{count}")
    return Kind(
        "counters/in_process",
        "What the counters of thread_pool cost in process",
        "empty tasks, one worker, 1,024 under way at most; counted under callgrind, from two processes that run"
        " differently many; the same source with and without what model_stats alone needs",
        {
            "tasks": Peer(("{peers}/pool_model", *arguments), "", "as it comes"),
            "tasks_uncounted": Peer(("{peers}/pool_model_uncounted", *arguments), "uncounted", "without its counters"),
        },
        2.0,
        ("instructions_per_task",),
        how="program_counted",
        tools=("valgrind",),
        exact=True,
        load={"counts": [5000, 25000]},
    )


#: Of actor's workloads in process: what is counted, and how many of them, fewer and more.
_COUNTED_ACTORS = {
    "ring": ("a token passes to the next of 100 actors", (20_000, 220_000)),
    "count": ("one-way messages from one actor to another, which counts them", (20_000, 420_000)),
    "spawn": ("actors made, 1,000 at a time, each is sent a message, answers and ends", (2_000, 52_000)),
}


def _counters_of_actor(workload: str) -> Kind:
    work, counts = _COUNTED_ACTORS[workload]
    arguments = ("--workload", workload, "--threads", "1", "--messages", "{count}")
    return Kind(
        f"counters/actor_{workload}",
        f"What the counters of actor cost in process: {workload}",
        f"{work}; one worker; counted under callgrind, from two processes that run differently many; the same source"
        " with and without what model_stats alone needs. How often a worker looks at the clock and at epoll depends on"
        " the time, so that this varies by some per cent",
        {
            "actor": Peer(("{peers}/actor_model", *arguments), "", "as it comes"),
            "actor_uncounted": Peer(("{peers}/actor_model_uncounted", *arguments), "uncounted", "without its counters"),
        },
        4.0,
        ("instructions_per_message",),
        how="program_counted",
        tools=("valgrind",),
        load={"counts": list(counts)},
    )


KINDS: tuple[Kind, ...] = (
    Kind("pool/empty", "Empty tasks, as fast as they can be submitted", f"300,000 empty tasks; {_BOUNDED}; {_SAME}",
         _pools(*_FLOOD, "0", "--limit", "1024"), 0.4, ("tasks_hz",)),
    Kind("pool/empty_all", "Empty tasks, all under way", "the same where every pool takes all;"
         " what limits ours: two locked operations more for each task than the ring's (the door's), and two cache lines of"
         " its request that come from memory (300,000 requests are 115 MB; cachegrind: 1.9 last-level misses, where the"
         f" ring has none); {_SAME}",
         _pools(*_FLOOD, "0"), 0.4, ("tasks_hz",)),
    Kind("pool/empty_window", "Empty tasks, 1,024 under way", f"{_WINDOW}; {_SAME}",
         _pools(*_FLOOD, "1024"), 0.4, ("tasks_hz",)),
    Kind("pool/work", "Tasks of 1 µs, as fast as they can be submitted",
         f"300,000 tasks of a microsecond each (a calibrated xorshift); {_BOUNDED}; {_SAME}",
         _pools(*_FLOOD, "0", "--limit", "1024", "--work", "{work}"), 0.5, ("tasks_hz",)),
    Kind("pool/work_window", "Tasks of 1 µs, 1,024 under way", f"{_WINDOW}; {_SAME}",
         _pools(*_FLOOD, "1024", "--work", "{work}"), 0.5, ("tasks_hz",)),
    Kind("pool/helped", "Tasks of 1 µs, the submitter works too", "300,000 tasks of a microsecond each; two threads, of which the submitter is one",
         _HELPED, 0.5, ("tasks_hz",)),
    Kind("pool/paced", "From submit to run", f"10,000 empty tasks a second for half a second, from a submitter that spins; {_SAME}",
         _paced(), 0.6, ("wait_p50_ns", "wait_p99_ns", "workers_cpu_share")),
    Kind("load/closed", "Load generators, closed loop", f"as many requests as can be sent in 2 s to {_BARE}",
         _generators(only=_CLOSED), 2.4, ("requests_hz", "generator_cpu_ns")),
    Kind("load/open", "Load generators, open loop", f"10,000 requests a second for 3 s to {_BARE}",
         _open_generators("--rate", "10000", "--seconds", "3"), 3.4, ("generator_cpu_ns",)),
    Kind("load/open_fast", "Load generators, open loop, fast", f"50,000 requests a second for 3 s to {_BARE}",
         _open_generators("--rate", "50000", "--seconds", "3"), 3.4, ("generator_cpu_ns",)),
    Kind("load/closed_exact", "Load generators, closed loop, counted", f"callgrind and strace: {_BARE}",
         _generators("--exact", only=_CLOSED), 14.0, _EXACT, exact=True),
    Kind("load/open_exact", "Load generators, open loop, counted", f"1,000 requests a second under callgrind and strace: {_BARE}",
         _open_generators("--exact", "--rate", "1000"), 14.0, _EXACT, exact=True),
    *_kinds_of_actors(),
    Kind("server/nginx", "event_loop and nginx", _ECHO,
         _WEB, 2.6, ("requests_hz", "cpu_ns_per_request", "p50_ns", "p99_ns"), ("reply_bytes",), how="loaded",
         load={"seconds": 2, **_SAME_REPLIES}),
    Kind("server/mhd", "thread_pool, actor and libmicrohttpd",
         f"{_ECHO}; libmicrohttpd without Date in all its modes: what is to be reached holds against each, so against the best",
         _MHD, 2.6, ("requests_hz", "p99_ns", "cpu_ns_per_request"), ("reply_bytes",), how="loaded",
         load={"seconds": 2, **_SAME_REPLIES}),
    Kind("server/instructions", "Instructions per request", f"{_POST}; 64 connections ask at a time; counted"
         " under callgrind, from two processes that were asked differently often",
         _WEB, 6.0, ("instructions_per_request",), ("reply_bytes",), how="counted", tools=("valgrind",), exact=True,
         load={**_COUNTED, **_SAME_REPLIES}),
    Kind("server/syscalls", "System calls per request", "the same, counted by strace",
         _WEB, 3.0, ("system_calls_per_request",), how="counted", tools=("strace",), exact=True,
         load={**_COUNTED, **_SAME_REPLIES}),
    Kind("server/idle", "Memory of idle connections", "10,000 keep-alive connections that have asked once: what the resident set has grown by",
         {name: peer for name, peer in _WEB.items() if name != "nginx_get"}, 3.0, ("rss_bytes_per_connection",), how="idle",
         exact=True, load={"connections": 10000, **_SAME_REPLIES}),
    _turns("order"),
    _turns("ack"),
    _counters(),
    _counters_in_process(),
    *map(_counters_of_actor, _COUNTED_ACTORS),
)  # fmt: skip

_OTHERS = ("libuv", "glib", "ring", "ring_adaptive")
#: What is to be reached (CONTRIBUTING: a model is nobody's strawman).
BARS: tuple[Bar, ...] = (
    Bar("pool/empty", "tasks_hz", "model", _OTHERS, at_least=1.0),
    Bar("pool/empty_all", "tasks_hz", "model", _OTHERS, at_least=1.0),
    Bar("pool/empty_window", "tasks_hz", "model", _OTHERS, at_least=1.0),
    Bar("pool/work", "tasks_hz", "model", ("tbb",), at_least=1.0),
    Bar("pool/work_window", "tasks_hz", "model", ("tbb",), at_least=1.0),
    Bar("pool/helped", "tasks_hz", "queue_helped", ("tbb_group",), at_least=1.0),
    Bar("pool/paced", "wait_p50_ns", "model", _OTHERS, at_most=1.05),
    Bar("load/closed", "requests_hz", "load", ("wrk", "h2load"), at_least=1.0),
    Bar("load/closed", "generator_cpu_ns", "load", ("wrk",), at_most=1.0),
    # As late as wrk2 may be (it wakes once a millisecond), and by default. Whoever is to send on time wakes for
    # each request, and on a virtual machine a wake-up is most of what a request costs the generator.
    *(
        Bar(f"load/{rate}", "generator_cpu_ns", ours, ("wrk2",), at_most=1.0)
        for rate in ("open", "open_fast")
        for ours in ("load_slack", "load")
    ),
    Bar("load/closed_exact", "instructions_per_request", "load", ("wrk", "h2load"), at_most=1.0),
    Bar("load/closed_exact", "system_calls_per_request", "load", ("wrk", "h2load"), at_most=1.0),
    Bar("load/open_exact", "instructions_per_request", "load", ("wrk2",), at_most=1.0),
    Bar("load/open_exact", "system_calls_per_request", "load", ("wrk2",), at_most=1.0),
    Bar("pool/paced", "wait_p50_ns", "model_spins", ("tbb",), at_most=1.0),
    Bar("pool/paced", "workers_cpu_share", "model_spins", ("tbb",), at_most=1.0),
    *(
        Bar(f"actor/{name}{threads}", "messages_hz", "model", (peer,), at_least=times)
        for name in ("pingpong", "count", "ring", "spawn")
        for threads in (1, 2)
        for peer, times in (("caf", 5.0), ("erlang", 3.0))
    ),
    Bar("server/nginx", "requests_hz", "event_loop", ("nginx", "nginx_get"), at_least=1.0),
    Bar("server/nginx", "cpu_ns_per_request", "event_loop", ("nginx", "nginx_get"), at_most=0.85),
    Bar("server/instructions", "instructions_per_request", "event_loop", ("nginx", "nginx_get"), at_most=1.0),
    Bar("server/syscalls", "system_calls_per_request", "event_loop", ("nginx", "nginx_get"), at_most=1.0),
    Bar("server/idle", "rss_bytes_per_connection", "event_loop", (), at_most=1000.0),
    *(
        bar
        for ours in ("thread_pool", "actor")
        for bar in (
            Bar("server/mhd", "requests_hz", ours, _MHD_MODES, at_least=0.9),
            Bar("server/mhd", "p99_ns", ours, _MHD_MODES, at_most=1.0, beyond_doubt=True),
        )
    ),
    # By hand at most 5 % fewer instructions than through turns.
    *(
        Bar(f"turns/rpc_{payload}", "instructions_per_request", ours, by_hand, at_most=1 / 0.95)
        for payload in ("order", "ack")
        for ours, by_hand in _BY_HAND.items()
    ),
    *(
        Bar("counters/echo", "instructions_per_request", model, (f"{model}_uncounted",), at_most=1.01)
        for model in _COUNTING
    ),
    Bar("counters/in_process", "instructions_per_task", "tasks", ("tasks_uncounted",), at_most=1.01),
    *(
        Bar(f"counters/actor_{workload}", "instructions_per_message", "actor", ("actor_uncounted",), at_most=1.01)
        for workload in _COUNTED_ACTORS
    ),
)


def declared_rule() -> dict[str, Any]:
    """For run.json, as discard.declared() for runs; every member is a process of its own there, too."""
    return {
        "steal_percent_max": {"service": STEAL_PERCENT_MAX},
        "others_percent_max": OTHERS_PERCENT_MAX,
        "text": f"a process does not count if the host took more than {STEAL_PERCENT_MAX:g} % of the"
        f" CPU time meanwhile or other programs more than {OTHERS_PERCENT_MAX:g} %; a pair counts if"
        " both its processes of that round do. What hardly varies (counts of instructions, system"
        " calls, bytes) counts in any case",
    }


STOPPING_RULE = (
    "all planned rounds; then one more round at a time for the family that lacks most, until as many"
    f" count as were planned or {MORE_TIME:g} × the planned time is over. The discard rule alone says"
    " what counts; nobody looks at results in between"
)
