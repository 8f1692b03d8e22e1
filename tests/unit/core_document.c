/* SPDX-License-Identifier: Apache-2.0 */
/* What APIs stand on besides jobs and results: documents, users and their passwords, texts that are signed.
 */
#include "core/access.h"
#include "core/document.h"
#include "core/sign.h"
#include "support/world.h"

#include <string.h>

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
    must(document_count(s, "test.node", NULL, &count, err), err);
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
    must(document_list(s, "test.node", "even", &page, &list, err), err);
    assert_true(list->pk < list->next->pk && !list->next->next);
    page.before = list->next->pk;
    must(document_list(s, "test.node", "even", &page, &list, err), err);
    assert_int_equal(list->pk, made->pk);
    assert_null(list->next);
    must(document_count(s, "test.node", NULL, &count, err), err);
    assert_int_equal(count, 5);
    must(document_skip(s, "test.node", NULL, 0, &page.before, err), err);
    assert_int_equal(page.before, 0);
    must(document_skip(s, "test.node", NULL, 4, &page.before, err), err);
    must(document_list(s, "test.node", NULL, &page, &list, err), err);
    assert_int_equal(list->pk, made->pk);
    must(document_skip(s, "test.node", "odd", 3, &page.before, err), err);
    must(document_list(s, "test.node", "odd", &page, &list, err), err);
    assert_null(list);
    must(document_skip(s, "test.node", "even", 2, &page.before, err), err);
    must(document_list(s, "test.node", "even", &page, &list, err), err);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
