/* SPDX-License-Identifier: Apache-2.0 */
/* What APIs stand on besides jobs and results: documents, users and their passwords, texts that are signed.
 */
#include "core/access.h"
#include "core/batch.h"
#include "core/document.h"
#include "core/event.h"
#include "core/sign.h"
#include "support/world.h"

#include <string.h>

#define OF(kind_, parent_) ((struct document_filter){.kind = (kind_), .parent = (parent_)})

static struct world w;
static struct err e;

static int set_up(void **state)
{
    (void)state;
    world_open(&w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

#define IN_SESSION(name)                                                                                     \
    static int in_##name(struct session *s, void *ctx, struct err *err);                                     \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        must(world_run(&w, in_##name, NULL, &e), &e);                                                        \
    }                                                                                                        \
    static int in_##name(struct session *s, void *ctx, struct err *err)

IN_SESSION(documents_are_found_by_id_pk_and_name)
{
    struct document *made, *found;
    (void)ctx;
    must(document_create(s, "test.node", "first", NULL, "{\"a\":1}", &made, err), err);
    must(document_get(s, "test.node", made->id, &found, err), err);
    assert_string_equal(found->body, "{\"a\":1}");
    must(document_by_pk(s, "test.node", made->pk, &found, err), err);
    assert_string_equal(found->id, made->id);
    must(document_by_name(s, "test.node", "first", &found, err), err);
    assert_int_equal(found->pk, made->pk);
    must_fail(document_get(s, "test.other", made->id, &found, err), ERR_NOT_FOUND);
    must_fail(document_by_pk(s, "test.node", -1, &found, err), ERR_NOT_FOUND);
    must_fail(document_create(s, "test.node", "first", NULL, "{}", &made, err), ERR_TAKEN);
    must(document_create(s, "test.other", "first", NULL, "{}", &made, err), err);
    return 0;
}

IN_SESSION(documents_of_another_project_are_not_there)
{
    struct document *made, *found;
    int64_t count;
    (void)ctx;
    must(document_create(s, "test.node", "mine", NULL, "{}", &made, err), err);
    must(store_project_create(s->db, "another", s->now, &s->actor.project, err), err);
    must_fail(document_get(s, "test.node", made->id, &found, err), ERR_NOT_FOUND);
    must_fail(document_by_pk(s, "test.node", made->pk, &found, err), ERR_NOT_FOUND);
    must_fail(document_by_name(s, "test.node", "mine", &found, err), ERR_NOT_FOUND);
    must(document_count(s, &OF("test.node", NULL), &count, err), err);
    assert_int_equal(count, 0);
    return 0;
}

IN_SESSION(documents_are_listed_by_parent_oldest_first_and_change)
{
    struct document *made, *list;
    struct page page = {.limit = 2};
    int64_t count;
    char body[DOCUMENT_LONGEST + 2];
    (void)ctx;
    for (int i = 0; i < 5; i++)
        must(document_create(s, "test.node", NULL, i % 2 ? "odd" : "even", "{}", &made, err), err);
    must(document_list(s, &OF("test.node", "even"), &page, &list, err), err);
    assert_true(list->pk < list->next->pk && !list->next->next);
    page.before = list->next->pk;
    must(document_list(s, &OF("test.node", "even"), &page, &list, err), err);
    assert_int_equal(list->pk, made->pk);
    assert_null(list->next);
    must(document_count(s, &OF("test.node", NULL), &count, err), err);
    assert_int_equal(count, 5);
    must(document_skip(s, "test.node", NULL, 0, &page.before, err), err);
    assert_int_equal(page.before, 0);
    must(document_skip(s, "test.node", NULL, 4, &page.before, err), err);
    must(document_list(s, &OF("test.node", NULL), &page, &list, err), err);
    assert_int_equal(list->pk, made->pk);
    must(document_skip(s, "test.node", "odd", 3, &page.before, err), err);
    must(document_list(s, &OF("test.node", "odd"), &page, &list, err), err);
    assert_null(list);
    must(document_skip(s, "test.node", "even", 2, &page.before, err), err);
    must(document_list(s, &OF("test.node", "even"), &page, &list, err), err);
    assert_int_equal(list->pk, made->pk);
    must(document_change(s, list, "{\"b\":2}", err), err);
    must(document_get(s, "test.node", list->id, &made, err), err);
    assert_string_equal(made->body, "{\"b\":2}");
    must(document_remove(s, list, err), err);
    must_fail(document_remove(s, list, err), ERR_NOT_FOUND);
    memset(body, ' ', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    must_fail(document_create(s, "test.node", NULL, NULL, body, &made, err), ERR_TOO_LARGE);
    return 0;
}

IN_SESSION(users_have_passwords_and_may_become_the_actor)
{
    const char *stored;
    int64_t pk;
    (void)ctx;
    must(access_create_user(s, "ada", "secret", true, err), err);
    must(access_user(s, "ada", &pk, &stored, err), err);
    assert_true(access_password_matches(stored, "secret"));
    assert_false(access_password_matches(stored, "secreT"));
    must(access_become(s, pk, "a token", err), err);
    assert_string_equal(s->actor.name, "ada");
    assert_true(s->actor.staff);
    assert_null(s->actor.public_id);
    must(access_user(s, "nobody", &pk, &stored, err), err);
    assert_null(stored);
    assert_false(access_password_matches(stored, "secret"));
    must_fail(access_become(s, 12345, "a token", err), ERR_UNAUTHORIZED);
    return 0;
}

IN_SESSION(a_signed_text_is_good_for_one_purpose)
{
    const char *first, *again, *other;
    int64_t key = 0;
    (void)ctx;
    must(sign_text(s, "test token", "hello", 5, &key, &first, err), err);
    assert_true(key > 0);
    must(sign_text(s, "test token", "hello", 5, &key, &again, err), err);
    must(sign_text(s, "other token", "hello", 5, &key, &other, err), err);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    must(sign_rotate(s, err), err);
    must(sign_text(s, "test token", "hello", 5, &key, &again, err), err);
    assert_string_equal(first, again);
    key = 999;
    must_fail(sign_text(s, "test token", "hello", 5, &key, &again, err), ERR_BAD_SIGNATURE);
    return 0;
}

static int find_by_pk(struct session *s, void *ctx, struct err *err)
{
    const struct result *r = ctx;
    struct result *same;
    struct job *j;
    must(job_get(s, r->job_id, &j, err), err);
    assert_string_equal(job_primary(j)->id, r->id);
    must(job_by_pk(s, j->pk, &j, err), err);
    assert_string_equal(j->id, r->job_id);
    must_fail(job_by_pk(s, j->pk + 1, &j, err), ERR_NOT_FOUND);
    must(result_by_pk(s, r->pk, &same, err), err);
    assert_string_equal(same->id, r->id);
    must(store_project_create(s->db, "another", s->now, &s->actor.project, err), err);
    must_fail(result_by_pk(s, r->pk, &same, err), ERR_NOT_FOUND);
    must_fail(job_by_pk(s, j->pk, &j, err), ERR_NOT_FOUND);
    return 0;
}

static void jobs_and_results_are_found_by_pk(void **state)
{
    const char *job = world_job(&w);
    (void)state;
    assert_null(job_primary(world_get_job(&w, job)));
    must(world_run(&w, find_by_pk, world_publish(&w, job, "first", 10, false), &e), &e);
}

IN_SESSION(jobs_can_be_listed_from_old_to_new)
{
    struct job_filter f = {.oldest_first = true};
    struct page page = {.limit = 2};
    struct job *jobs;
    bool cut;
    (void)ctx;
    for (int i = 0; i < 3; i++) {
        struct job_new n = {.kind = "k", .priority_weight = 5};
        must(job_create(s, &n, &jobs, err), err);
    }
    int64_t last = jobs->pk;
    must(job_list(s, &f, &page, &jobs, &cut, err), err);
    assert_true(jobs->pk < jobs->next->pk && !jobs->next->next);
    page.before = jobs->next->pk;
    must(job_list(s, &f, &page, &jobs, &cut, err), err);
    assert_int_equal(jobs->pk, last);
    assert_null(jobs->next);
    return 0;
}

static int count_batch(void *ctx, const struct batch *b, struct err *err)
{
    const char **last = ctx;
    (void)err;
    *last = arena_strdup(&w.arena, b->id);
    return 0;
}

static struct job *job_in(struct session *s, const char *batch, struct err *err)
{
    struct job_new n = {.kind = "k", .batch = batch, .priority_weight = 5};
    struct job *j;
    must(job_create(s, &n, &j, err), err);
    return j;
}

IN_SESSION(lists_can_be_limited_to_what_has_a_label)
{
    const struct label red = {"test.colour", "red"}, blue = {"test.colour", "blue"},
                       big = {"test.size", "big"};
    const struct label both[] = {red, big};
    struct batch_filter f = {.oldest_first = true, .labels = {both, 2}};
    struct job_filter jobs = {.oldest_first = true, .labels = {&red, 1}};
    struct page page = {.limit = 10};
    struct batch *first, *second;
    struct job *j;
    const char *found = NULL;
    int64_t count;
    bool cut;
    (void)ctx;
    must(batch_create(s, "first", "", &first, err), err);
    must(batch_create(s, "second", "", &second, err), err);
    must(document_label(s, first->id, &red, err), err);
    must(document_label(s, second->id, &red, err), err);
    must(document_label(s, second->id, &big, err), err);
    must_fail(document_label(s, first->id, &blue, err), ERR_TAKEN);
    must(batch_select(s, &f, &page, count_batch, &found, err), err);
    assert_string_equal(found, second->id);
    must(batch_count(s, &f, &count, err), err);
    assert_int_equal(count, 1);
    f.labels.count = 1;
    must(batch_count(s, &f, &count, err), err);
    assert_int_equal(count, 2);
    job_in(s, NULL, err);
    const char *wanted = job_in(s, first->id, err)->id;
    must(job_list(s, &jobs, &page, &j, &cut, err), err);
    assert_string_equal(j->id, wanted);
    assert_null(j->next);
    must(job_count(s, &jobs, &count, err), err);
    assert_int_equal(count, 1);
    jobs.labels.all = &blue;
    must(job_count(s, &jobs, &count, err), err);
    assert_int_equal(count, 0);
    return 0;
}

static int publish_labelled(struct session *s, void *ctx, struct err *err)
{
    const struct label red = {"test.colour", "red"};
    struct result_filter f = {.labels = {&red, 1}, .state = ctx};
    struct page page = {.limit = 10};
    struct result *r;
    int64_t count;
    must(result_list(s, &f, &page, &r, err), err);
    must(result_count(s, &f, &count, err), err);
    assert_int_equal(count, r != NULL);
    return r ? 1 : 0;
}

static int label_a_batch(struct session *s, void *ctx, struct err *err)
{
    const struct label red = {"test.colour", "red"};
    struct batch *b;
    must(batch_create(s, "first", "", &b, err), err);
    must(document_label(s, b->id, &red, err), err);
    *(const char **)ctx = arena_strdup(&w.arena, job_in(s, b->id, err)->id);
    return 0;
}

static void results_have_the_labels_of_their_batch(void **state)
{
    char any[] = "any", expired[] = "expired";
    const char *job = NULL;
    (void)state;
    must(world_run(&w, label_a_batch, &job, &e), &e);
    world_publish(&w, world_job(&w), "other", 10, false);
    assert_int_equal(world_run(&w, publish_labelled, NULL, &e), 0);
    world_publish(&w, job, "wanted", 10, false);
    assert_int_equal(world_run(&w, publish_labelled, NULL, &e), 1);
    assert_int_equal(world_run(&w, publish_labelled, any, &e), 1);
    assert_int_equal(world_run(&w, publish_labelled, expired, &e), 0);
}

IN_SESSION(failed_jobs_are_listed_with_cancelled_ones_and_pages_can_end)
{
    static const enum job_verb ends[] = {JOB_FINISH, JOB_FAIL, JOB_CANCEL};
    struct job_filter f = {.status = "failed", .or_status = "cancelled", .oldest_first = true};
    struct page page = {.limit = 10};
    struct job *j, *list;
    int64_t count;
    bool cut;
    (void)ctx;
    for (int i = 0; i < 3; i++) {
        struct job_move m = {.verb = ends[i], .error = "{}"};
        j = job_in(s, NULL, err);
        must(job_move(s, j->id, &m, &list, err), err);
    }
    must(job_list(s, &f, &page, &list, &cut, err), err);
    assert_int_equal(list->next->pk, j->pk);
    assert_null(list->next->next);
    must(job_count(s, &f, &count, err), err);
    assert_int_equal(count, 2);
    page.until = j->pk;
    must(job_list(s, &f, &page, &list, &cut, err), err);
    assert_null(list->next);
    return 0;
}

IN_SESSION(events_are_read_by_type_and_only_of_the_project)
{
    static const char *const types[] = {"batch.created", NULL};
    struct event_filter f = {.types = types};
    struct page page = {.limit = 10};
    struct batch *b;
    struct event *list, *one;
    int64_t count;
    (void)ctx;
    job_in(s, NULL, err);
    must(batch_create(s, "first", "", &b, err), err);
    must(batch_create(s, "second", "", &b, err), err);
    must(event_list(s, &f, &page, &list, err), err);
    assert_string_equal(list->type, "batch.created");
    assert_string_equal(list->next->object, b->id);
    assert_null(list->next->next);
    must(event_get(s, &f, list->seq, &one, err), err);
    assert_string_equal(one->object, list->object);
    f.newest_first = true;
    must(event_list(s, &f, &page, &list, err), err);
    assert_string_equal(list->object, b->id);
    f.newest_first = false;
    must(store_project_create(s->db, "another", s->now, &s->actor.project, err), err);
    must_fail(event_get(s, &f, one->seq, &one, err), ERR_NOT_FOUND);
    must(event_count(s, &f, &count, err), err);
    assert_int_equal(count, 0);
    return 0;
}

static int keep_key(void *ctx, const struct principal *p, struct err *err)
{
    (void)err;
    *(const char **)ctx = arena_strdup(&w.arena, p->public_id);
    return 0;
}

IN_SESSION(a_key_gets_another_secret)
{
    char old[ACCESS_KEY_SIZE], fresh[ACCESS_KEY_SIZE];
    struct page page = {.limit = 1};
    const char *id = NULL;
    struct principal *p;
    int64_t count;
    (void)ctx;
    must(access_create_key(s, "mine", SCOPE_READ, 0, old, err), err);
    must(access_keys(s, true, &page, keep_key, &id, err), err);
    assert_memory_equal(id, old + 3, strlen(id));
    must(access_count_keys(s, &count, err), err);
    assert_int_equal(count, 2); /* and that of the world's actor */
    must(access_rotate_key(s, id, fresh, &p, err), err);
    assert_string_equal(p->name, "mine");
    must_fail(access_authenticate(s, old, err), ERR_UNAUTHORIZED);
    must(access_authenticate(s, fresh, err), err);
    must(store_principal_revoke(s->db, id, s->now, err) < 0, err);
    must_fail(access_rotate_key(s, id, fresh, &p, err), ERR_WRONG_STATE);
    must(store_project_create(s->db, "another", s->now, &s->actor.project, err), err);
    must_fail(access_key(s, id, &p, err), ERR_NOT_FOUND);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(documents_are_found_by_id_pk_and_name),
        TEST(documents_of_another_project_are_not_there),
        TEST(documents_are_listed_by_parent_oldest_first_and_change),
        TEST(users_have_passwords_and_may_become_the_actor),
        TEST(a_signed_text_is_good_for_one_purpose),
        TEST(jobs_and_results_are_found_by_pk),
        TEST(jobs_can_be_listed_from_old_to_new),
        TEST(lists_can_be_limited_to_what_has_a_label),
        TEST(results_have_the_labels_of_their_batch),
        TEST(failed_jobs_are_listed_with_cancelled_ones_and_pages_can_end),
        TEST(events_are_read_by_type_and_only_of_the_project),
        TEST(a_key_gets_another_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
