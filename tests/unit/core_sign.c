/* SPDX-License-Identifier: Apache-2.0 */
/* Signed links: every byte of one counts, they end in time, and rotations keep those that are out. */
#include "base/clock.h"
#include "core/access.h"
#include "core/sign.h"
#include "support/world.h"

#include <string.h>

static struct world w;
static struct err e;
static struct result *r;

static int set_up(void **state)
{
    (void)state;
    world_open(&w);
    r = world_publish(&w, world_job(&w), "a report.csv", 100, false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

struct call {
    const char *format;
    struct sign_link link;
    char token[400], name[200];
    struct result *result;
    const char *found; /* format */
};

static int create(struct session *s, void *ctx, struct err *err)
{
    struct call *c = ctx;
    return sign_create(s, r->id, c->format, "a note", 3600, &c->link, err);
}

static int verify(struct session *s, void *ctx, struct err *err)
{
    struct call *c = ctx;
    return sign_verify(s, c->token, c->name, &c->result, &c->found, err);
}

static int rotate(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return sign_rotate(s, err);
}

static void split(struct call *c)
{
    const char *token = c->link.path + strlen(SIGN_PREFIX);
    const char *slash = strchr(token, '/');
    assert_int_equal(strncmp(c->link.path, SIGN_PREFIX, strlen(SIGN_PREFIX)), 0);
    assert_true((size_t)(slash - token) < sizeof c->token);
    memcpy(c->token, token, (size_t)(slash - token));
    c->token[slash - token] = '\0';
    memcpy(c->name, slash + 1, strlen(slash + 1) + 1);
}

static struct call make(void)
{
    struct call c = {.format = ""};
    must(world_run(&w, create, &c, &e), &e);
    split(&c);
    return c;
}

static void a_link_opens_its_result(void **state)
{
    struct call c = make();
    (void)state;
    assert_string_equal(c.name, "a%20report.csv");
    must(world_run(&w, verify, &c, &e), &e);
    assert_string_equal(c.result->id, r->id);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM link WHERE note = 'a note'"), 1);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM event WHERE type = 'link.created'"), 1);
    w.actor.project = 99; /* whoever has the link needs to be nobody */
    must(world_run(&w, verify, &c, &e), &e);
}

static void no_byte_of_a_link_can_be_changed(void **state)
{
    struct call c = make();
    char *parts[] = {c.token, c.name};
    (void)state;
    for (int part = 0; part < 2; part++)
        for (char *p = parts[part]; *p; p++)
            for (int to = 1; to < 256; to += 5) {
                char was = *p;
                if ((char)to == was)
                    continue;
                *p = (char)to;
                struct session s;
                world_session(&w, w.db, &s);
                struct arena scratch = {0};
                s.arena = &scratch;
                int rc = sign_verify(&s, c.token, c.name, &c.result, &c.found, &e);
                arena_free(&scratch);
                *p = was;
                must_fail(rc, ERR_BAD_SIGNATURE);
            }
    must(world_run(&w, verify, &c, &e), &e);
}

static void a_link_cannot_be_cut_or_lengthened(void **state)
{
    const struct call good = make();
    struct call c = good;
    (void)state;
    for (size_t len = 0; len < strlen(good.token); len++) {
        c = good;
        c.token[len] = '\0';
        must_fail(world_run(&w, verify, &c, &e), ERR_BAD_SIGNATURE);
        memmove(c.token, good.token + len + 1, strlen(good.token + len + 1) + 1);
        must_fail(world_run(&w, verify, &c, &e), ERR_BAD_SIGNATURE);
    }
    c = good;
    memcpy(c.token + strlen(c.token), "A", 2);
    must_fail(world_run(&w, verify, &c, &e), ERR_BAD_SIGNATURE);
    c = good;
    memcpy(c.name, "", 1);
    must_fail(world_run(&w, verify, &c, &e), ERR_BAD_SIGNATURE);
}

static void a_link_ends_in_time_and_with_its_result(void **state)
{
    struct call c = make();
    (void)state;
    w.now += 3600 * CLOCK_SECOND - 1;
    must(world_run(&w, verify, &c, &e), &e);
    w.now += 1;
    must_fail(world_run(&w, verify, &c, &e), ERR_LINK_EXPIRED);
    assert_int_equal(e.at, w.now);
    w.now -= 1;
    world_sql(&w, "UPDATE result SET deleted_at = 1");
    must_fail(world_run(&w, verify, &c, &e), ERR_DELETED);
    world_sql(&w, "UPDATE result SET deleted_at = NULL, due_at = 1");
    must_fail(world_run(&w, verify, &c, &e), ERR_EXPIRED);
    world_sql(&w, "DELETE FROM result");
    must_fail(world_run(&w, verify, &c, &e), ERR_NOT_FOUND);
}

static void rotations_keep_the_links_that_are_out(void **state)
{
    struct call old = make();
    (void)state;
    must(world_run(&w, rotate, NULL, &e), &e);
    struct call fresh = make();
    must(world_run(&w, verify, &old, &e), &e);
    must(world_run(&w, verify, &fresh, &e), &e);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM signing_key"), 2);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM signing_key WHERE retired_at IS NULL"), 1);
    world_sql(&w, "DELETE FROM signing_key WHERE retired_at IS NOT NULL");
    must_fail(world_run(&w, verify, &old, &e), ERR_BAD_SIGNATURE);
    must(world_run(&w, verify, &fresh, &e), &e);
}

/* In a session that remembers: with the key, and without asking the database for it again. */
static struct call make_with(struct access_memory *m)
{
    struct call c = {.format = ""};
    struct session s;
    world_session(&w, w.db, &s);
    s.memory = m;
    s.now = clock_now(); /* what an old view shows is not remembered */
    must(sign_make(&s, r, "", 3600, &c.link, &e), &e);
    split(&c);
    return c;
}

static void the_key_that_signs_is_remembered_until_it_is_forgotten(void **state)
{
    struct access_memory m = {.count = 0};
    struct call c = make_with(&m);
    (void)state;
    assert_true(m.signs);
    int64_t first = m.signing.pk;
    must(world_run(&w, rotate, NULL, &e), &e);
    c = make_with(&m);
    assert_int_equal(m.signing.pk, first);
    must(world_run(&w, verify, &c, &e), &e); /* what the retired key has signed since is still good */
    access_forget(&m);
    assert_false(m.signs);
    c = make_with(&m);
    assert_true(m.signing.pk > first);
    must(world_run(&w, verify, &c, &e), &e);
    access_forget(&m);
}

static void links_that_cannot_be_made(void **state)
{
    struct call c = {.format = "csv"};
    (void)state;
    must_fail(world_run(&w, create, &c, &e), ERR_BAD_VALUE);
    assert_string_equal(e.where, "/format");
    c.format = "";
    w.now = r->due_at;
    must_fail(world_run(&w, create, &c, &e), ERR_EXPIRED);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM link"), 0);
}

static void who_may_not_read_makes_no_link(void **state)
{
    struct call c = {.format = ""};
    (void)state;
    w.actor.scopes = SCOPE_ACK | SCOPE_WRITE | SCOPE_DELETE;
    must_fail(world_run(&w, create, &c, &e), ERR_FORBIDDEN);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM link"), 0);
    w.actor.scopes = SCOPE_READ;
    must(world_run(&w, create, &c, &e), &e);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_link_opens_its_result),
        TEST(no_byte_of_a_link_can_be_changed),
        TEST(a_link_cannot_be_cut_or_lengthened),
        TEST(a_link_ends_in_time_and_with_its_result),
        TEST(rotations_keep_the_links_that_are_out),
        TEST(the_key_that_signs_is_remembered_until_it_is_forgotten),
        TEST(links_that_cannot_be_made),
        TEST(who_may_not_read_makes_no_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
