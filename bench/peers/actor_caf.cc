/* SPDX-License-Identifier: MIT */
/*
 * CAF, the C++ Actor Framework: event-based actors on its work-stealing scheduler.
 *   pingpong   two actors, each answers the other's message with one: --messages in all
 *   count      one actor sends --messages to another, which adds them up, WINDOW under way at most
 *   ring       a token passes --messages times from one of 100 actors to the next
 *   spawn      one actor makes --messages others, BROOD at a time, each answers one and ends
 * Mailboxes are unbounded: CAF 0.17 has no others. So in `count` the two agree on how many may be
 * under way; that and BROOD are as in actor_model.c.
 */
#include <caf/all.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

using namespace caf;

static const int64_t WINDOW = 1000, BROOD = 1000;

/* A message to whoever sent the last one. To return it instead, as a response, takes CAF a seventh
 * more instructions. */
static void answer(event_based_actor *self, int64_t number)
{
    self->send(actor_cast<actor>(self->current_sender()), number);
}

/* That the last number has come goes to whoever measures. */
static behavior player(event_based_actor *self, actor observer)
{
    return {[=](int64_t left) {
        if (left == 0)
            self->send(observer, int64_t{1});
        else
            answer(self, left - 1);
    }};
}

static behavior counter(event_based_actor *self, actor observer, int64_t messages)
{
    auto sum = std::make_shared<int64_t>(0);
    auto count = std::make_shared<int64_t>(0);
    return {[=](int64_t number) {
        *sum += number;
        if (++*count == messages)
            self->send(observer, int64_t{*sum == messages * (messages - 1) / 2});
        else if (*count % WINDOW == 0)
            answer(self, *count);
    }};
}

/* Told how many have been counted, sends what comes next. */
static behavior sender(event_based_actor *self, actor to, int64_t messages)
{
    return {[=](int64_t counted) {
        for (int64_t i = counted; i < counted + WINDOW && i < messages; i++)
            self->send(to, i);
    }};
}

struct link_state {
    actor next;
};

static behavior link_of_ring(stateful_actor<link_state> *self, actor observer)
{
    return {[=](actor next) { self->state.next = next; },
            [=](int64_t left) {
                if (left == 0)
                    self->send(observer, int64_t{1});
                else
                    self->send(self->state.next, left - 1);
            }};
}

static behavior child(event_based_actor *self)
{
    return {[=](int64_t number) {
        answer(self, number + 1);
        self->quit();
    }};
}

static void breed(event_based_actor *self, int64_t from, int64_t messages)
{
    for (int64_t i = from; i < from + BROOD && i < messages; i++)
        self->send(self->spawn(child), i);
}

static behavior parent(event_based_actor *self, actor observer, int64_t messages)
{
    auto sum = std::make_shared<int64_t>(0);
    auto count = std::make_shared<int64_t>(0);
    auto begun = std::make_shared<bool>(false);
    return {[=](int64_t number) {
        if (!*begun) {
            *begun = true;
            breed(self, 0, messages);
            return;
        }
        *sum += number;
        if (++*count == messages)
            self->send(observer, int64_t{*sum == messages * (messages + 1) / 2});
        else if (*count % BROOD == 0)
            breed(self, *count, messages);
    }};
}

static void begin(actor_system &system, const std::string &work, int64_t messages, actor observer,
                  std::vector<actor> &ring)
{
    if (work == "pingpong") {
        auto ping = system.spawn(player, observer), pong = system.spawn(player, observer);
        send_as(ping, pong, messages - 1);
    } else if (work == "count") {
        anon_send(system.spawn(sender, system.spawn(counter, observer, messages), messages),
                  int64_t{0});
    } else if (work == "ring") {
        anon_send(ring[0], messages - 1);
    } else {
        anon_send(system.spawn(parent, observer, messages), int64_t{0});
    }
}

int main(int argc, char **argv)
{
    std::string work, json;
    int64_t messages = 0;
    size_t threads = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string option = argv[i];
        if (option == "--workload")
            work = argv[i + 1];
        else if (option == "--messages")
            messages = std::atoll(argv[i + 1]);
        else if (option == "--threads")
            threads = static_cast<size_t>(std::atoll(argv[i + 1]));
        else if (option == "--json")
            json = argv[i + 1];
    }
    if (messages < 1 || threads < 1 || json.empty() ||
        (work != "pingpong" && work != "count" && work != "ring" && work != "spawn")) {
        std::fprintf(stderr, "usage: actor_caf --workload pingpong|count|ring|spawn --messages N"
                             " --threads N --json FILE\n");
        return 2;
    }
    actor_system_config config;
    config.set("scheduler.max-threads", threads);
    actor_system system{config};
    int64_t right = 0;
    double seconds;
    {
        scoped_actor self{system};
        actor observer = actor_cast<actor>(self);
        std::vector<actor> ring;
        for (int i = 0; i < 100 && work == "ring"; i++)
            ring.push_back(system.spawn(link_of_ring, observer));
        for (size_t i = 0; i < ring.size(); i++)
            anon_send(ring[i], ring[(i + 1) % ring.size()]);
        auto began = std::chrono::steady_clock::now();
        begin(system, work, messages, observer, ring);
        self->receive([&](int64_t value) { right = value; });
        seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        for (auto &each : ring)
            anon_send_exit(each, exit_reason::user_shutdown);
    }
    if (right != 1) {
        std::fprintf(stderr, "actor_caf: %s: the sum is wrong\n", work.c_str());
        return 1;
    }
    FILE *file = std::fopen(json.c_str(), "w");
    if (!file)
        return 1;
    std::fprintf(file, "{\"version\": \"%d.%d.%d\", \"messages\": %lld, \"messages_hz\": %.1f}\n",
                 CAF_MAJOR_VERSION, CAF_MINOR_VERSION, CAF_PATCH_VERSION,
                 static_cast<long long>(messages), static_cast<double>(messages) / seconds);
    std::fclose(file);
    std::fflush(nullptr);
    std::_Exit(0); /* actors that wait for ever are not worth a clean end */
}
