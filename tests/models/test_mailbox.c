/* SPDX-License-Identifier: MIT */
#include "parts/mailbox.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_order_and_rest(void **state)
{
    (void)state;
    struct mailbox box;
    struct mail mail[3];
    mailbox_init(&box);
    for (int round = 0; round < 3; round++) {
        assert_true(mailbox_push(&box, &mail[0])); /* it was resting */
        assert_false(mailbox_push(&box, &mail[1]));
        assert_false(mailbox_rest(&box)); /* there is mail */
        assert_ptr_equal(mailbox_pop(&box), &mail[0]);
        assert_false(mailbox_push(&box, &mail[2]));
        assert_false(mailbox_push(&box, &mail[0])); /* popped mail may be sent again at once */
        assert_ptr_equal(mailbox_pop(&box), &mail[1]);
        assert_ptr_equal(mailbox_pop(&box), &mail[2]);
        assert_ptr_equal(mailbox_pop(&box), &mail[0]);
        assert_false(mailbox_push(&box, &mail[1])); /* empty, but its reader has not gone yet */
        assert_ptr_equal(mailbox_pop(&box), &mail[1]);
        assert_null(mailbox_pop(&box));
        assert_true(mailbox_rest(&box));
    }
}

/* A sender stopped between the two halves of its push, with the list in each of its states. */
static void test_half_linked(void **state)
{
    (void)state;
    struct mailbox box;
    struct mail mail[3];
    mailbox_init(&box);

    /* Resting: the sender is responsible, but whoever looks already finds nothing, nor may rest. */
    uintptr_t before = mailbox_push_begin(&box, &mail[0]);
    assert_null(mailbox_pop(&box));
    assert_false(mailbox_rest(&box));
    assert_false(mailbox_push(&box, &mail[1])); /* behind the gap, out of reach */
    assert_null(mailbox_pop(&box));
    assert_false(mailbox_rest(&box));
    assert_true(mailbox_push_end(&mail[0], before));
    assert_ptr_equal(mailbox_pop(&box), &mail[0]);
    assert_ptr_equal(mailbox_pop(&box), &mail[1]);

    /* Empty and not resting. */
    before = mailbox_push_begin(&box, &mail[0]);
    assert_null(mailbox_pop(&box));
    assert_false(mailbox_rest(&box));
    assert_false(mailbox_push_end(&mail[0], before));

    /* The gap behind a mail that can be reached: not even that one may leave, for the sender is
     * going to write to it. */
    before = mailbox_push_begin(&box, &mail[1]);
    assert_null(mailbox_pop(&box));
    assert_false(mailbox_rest(&box));
    assert_false(mailbox_push_end(&mail[1], before));
    assert_ptr_equal(mailbox_pop(&box), &mail[0]);
    assert_ptr_equal(mailbox_pop(&box), &mail[1]);
    assert_null(mailbox_pop(&box));
    assert_true(mailbox_rest(&box));
}

/* Many senders; readers that take turns: whoever made it not resting passes it to a pool of two. */
enum { SENDERS = 4, READERS = 2, PER_SENDER = 20000 };

struct letter {
    struct mail mail; /* first: a mail is its letter */
    unsigned sender;
    unsigned number;
};

struct post_office {
    struct mailbox box;
    sem_t scheduled; /* a stand-in for the run queue */
    /* Plain on purpose: only the responsible reader touches them, and the thread sanitizer says if
     * responsibility were handed over without order. */
    unsigned next[SENDERS];
    unsigned received;
    unsigned wrong;
    atomic_bool done; /* stops the readers; release, after all was received */
};

struct sender {
    struct post_office *office;
    struct letter *letters;
    unsigned id;
    pthread_t thread;
};

static void *send_all(void *arg)
{
    struct sender *sender = arg;
    for (unsigned i = 0; i < PER_SENDER; i++) {
        sender->letters[i].sender = sender->id;
        sender->letters[i].number = i;
        if (mailbox_push(&sender->office->box, &sender->letters[i].mail))
            sem_post(&sender->office->scheduled);
        if (i % 64 == 0)
            sched_yield(); /* lets the box run empty now and then */
    }
    return NULL;
}

static void *read_when_scheduled(void *arg)
{
    struct post_office *office = arg;
    for (;;) {
        sem_wait(&office->scheduled);
        if (atomic_load(&office->done))
            return NULL;
        struct mail *mail;
        for (int batch = 0; batch < 100 && (mail = mailbox_pop(&office->box)); batch++) {
            struct letter *letter = (struct letter *)mail;
            office->wrong += letter->number != office->next[letter->sender]++;
            office->received++;
        }
        bool last = office->received == SENDERS * PER_SENDER;
        if (!mailbox_rest(&office->box)) {
            sem_post(&office->scheduled);
        } else if (last) {
            atomic_store(&office->done, true);
            for (int i = 0; i < READERS; i++)
                sem_post(&office->scheduled);
        }
    }
}

static void test_many_senders(void **state)
{
    (void)state;
    static struct post_office office;
    struct sender senders[SENDERS];
    pthread_t readers[READERS];
    mailbox_init(&office.box);
    sem_init(&office.scheduled, 0, 0);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_when_scheduled, &office), 0);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.office = &office, .id = i};
        senders[i].letters = calloc(PER_SENDER, sizeof(struct letter));
        assert_non_null(senders[i].letters);
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(office.received, SENDERS * PER_SENDER);
    assert_int_equal(office.wrong, 0); /* the order of each sender is kept */
    for (int i = 0; i < SENDERS; i++)
        free(senders[i].letters);
    sem_destroy(&office.scheduled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_rest),
        cmocka_unit_test(test_half_linked),
        cmocka_unit_test(test_many_senders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
