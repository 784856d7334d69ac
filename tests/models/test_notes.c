/* SPDX-License-Identifier: MIT */
/* Notes go round between workers: none is lost, none is given twice, none is made in vain. */
#include "parts/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SENDER, RECEIVER, WORKERS, MANY = 5 * NOTES_LOT };

static int compare(const void *a, const void *b)
{
    const struct note *const *x = a, *const *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Takes so many, marks them, and sees that they are all different and ready to be sent. */
static void take(struct notes *notes, unsigned worker, struct note **taken, int count)
{
    for (int i = 0; i < count; i++) {
        taken[i] = notes_take(notes, worker);
        assert_int_equal(taken[i]->mail.kind, MAIL_NOTE);
        memset(taken[i]->body, i, sizeof taken[i]->body);
    }
    for (int i = 0; i < count; i++)
        assert_int_equal(taken[i]->body[NOTE_BODY - 1], i % 256);
    qsort(taken, (size_t)count, sizeof(struct note *), compare);
    for (int i = 1; i < count; i++)
        assert_ptr_not_equal(taken[i - 1], taken[i]);
}

static void same_ones_come_back(void **state)
{
    (void)state;
    struct notes notes = {0};
    struct note *first[MANY], *again[MANY];
    assert_int_equal(notes_init(&notes, WORKERS), 0);
    take(&notes, SENDER, first, MANY);
    for (int i = 0; i < MANY; i++)
        notes_give(&notes, SENDER, first[i]);
    take(&notes, SENDER, again, MANY);
    assert_memory_equal(first, again, sizeof first);
    notes_finish(&notes);
}

/* One worker sends, the other ends what was sent: whole lots go back through the depot. */
static void from_worker_to_worker(void **state)
{
    (void)state;
    struct notes notes = {0};
    struct note *first[MANY], *taken[MANY];
    assert_int_equal(notes_init(&notes, WORKERS), 0);
    take(&notes, SENDER, first, MANY);
    memcpy(taken, first, sizeof taken);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < MANY; i++)
            notes_give(&notes, RECEIVER, taken[i]);
        /* But for what the receiver keeps for itself: two lots at most. */
        take(&notes, SENDER, taken, MANY - 2 * NOTES_LOT);
        for (int i = 0; i < MANY - 2 * NOTES_LOT; i++)
            assert_non_null(bsearch(&taken[i], first, MANY, sizeof *first, compare));
        take(&notes, RECEIVER, taken + MANY - 2 * NOTES_LOT, 2 * NOTES_LOT);
    }
    notes_finish(&notes);
}

static void nothing_to_finish(void **state)
{
    (void)state;
    struct notes notes = {0};
    notes_finish(&notes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_ones_come_back),
        cmocka_unit_test(from_worker_to_worker),
        cmocka_unit_test(nothing_to_finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
