/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets: how long they are good, whatever the clock and the settings do, and what ends them with their key.
 */
#include "core/ticket.h"

#include "base/clock.h"
#include "core/access.h"
#include "core/sign.h"
#include "support/world.h"

#include <string.h>

enum { TTL = 3600 };

static struct world w;
static struct err e;
static char key[ACCESS_KEY_SIZE];
static struct ticket ticket;

static int make_key(struct session *s, void *ctx, struct err *err)
{
    const int64_t *seconds = ctx;
    int rc = sign_ensure(s, err);
    return rc < 0 ? rc : access_create_key(s, "page", SCOPE_READ | SCOPE_ACK, *seconds, key, err);
}

static int issue(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    int rc = access_authenticate(s, key, err);
    if (rc == 0)
        rc = ticket_issue(s, &ticket, err);
    ticket.text = rc < 0 ? NULL : arena_strdup(&w.arena, ticket.text);
    return rc;
}

static void open_world(int64_t seconds)
{
    world_open(&w);
    w.settings.session_ttl = TTL;
    must(world_run(&w, make_key, &seconds, &e), &e);
    must(world_run(&w, issue, NULL, &e), &e);
}

static int set_up(void **state)
{
    (void)state;
    open_world(0);
    return 0;
}

static int set_up_short(void **state)
{
    (void)state;
    open_world(60);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static int redeem(struct session *s, void *ctx, struct err *err)
{
    struct ticket t;
    int rc = ticket_redeem(s, ctx ? ctx : ticket.text, &t, err);
    if (rc == 0) {
        assert_string_equal(s->actor.name, "page");
        assert_int_equal(s->actor.scopes, SCOPE_READ | SCOPE_ACK);
        assert_int_equal(t.expires_at, ticket.expires_at);
    }
    return rc;
}

static bool is_good(void)
{
    int rc = world_run(&w, redeem, NULL, &e);
    assert_true(rc == 0 || rc == ERR_UNAUTHORIZED);
    return rc == 0;
}

static int rotate(struct session *s, void *ctx, struct err *err)
{
    struct principal *p;
    (void)ctx;
    return access_rotate_key(s, access_public_id(s->arena, key), key, &p, err);
}

static int revoke(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return access_revoke_key(s, access_public_id(s->arena, key), err);
}

static int rotate_signing(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return sign_rotate(s, err);
}

static void a_ticket_is_good_until_its_end(void **state)
{
    int64_t begin = w.now;
    (void)state;
    assert_int_equal(ticket.expires_at, (begin / CLOCK_SECOND + TTL) * CLOCK_SECOND);
    assert_true(is_good());
    w.now = ticket.expires_at - 1;
    assert_true(is_good());
    w.now = ticket.expires_at;
    assert_false(is_good());
}

static void it_lives_no_longer_than_its_key(void **state)
{
    (void)state;
    assert_int_equal(ticket.expires_at, (w.now / CLOCK_SECOND + 60) * CLOCK_SECOND);
    w.now = ticket.expires_at;
    assert_false(is_good());
}

static void a_shorter_lifetime_counts_for_those_there_are(void **state)
{
    (void)state;
    w.settings.session_ttl = TTL / 2;
    assert_false(is_good());
    w.settings.session_ttl = TTL;
    assert_true(is_good());
}

static void a_clock_that_was_set_back_revives_none_for_long(void **state)
{
    (void)state;
    w.now -= 30 * CLOCK_SECOND; /* machines differ by some */
    assert_true(is_good());
    w.now -= TTL * CLOCK_SECOND;
    assert_false(is_good());
}

static void it_ends_with_its_key(void **state)
{
    (void)state;
    must(world_run(&w, rotate, NULL, &e), &e);
    assert_false(is_good());
    must(world_run(&w, issue, NULL, &e), &e); /* by the new secret */
    assert_true(is_good());
    must(world_run(&w, revoke, NULL, &e), &e);
    assert_false(is_good());
}

static void a_new_signing_key_leaves_it(void **state)
{
    (void)state;
    must(world_run(&w, rotate_signing, NULL, &e), &e);
    assert_true(is_good());
}

/* A character for another at each place, and a character more. */
static void no_changed_byte_is_taken(void **state)
{
    char *changed = arena_printf(&w.arena, "%sx", ticket.text);
    size_t len = strlen(ticket.text);
    (void)state;
    assert_int_equal(world_run(&w, redeem, changed, &e), ERR_UNAUTHORIZED);
    changed[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        changed[i] = (char)(ticket.text[i] ^ 1);
        assert_int_equal(world_run(&w, redeem, changed, &e), ERR_UNAUTHORIZED);
        changed[i] = ticket.text[i];
    }
    must(world_run(&w, redeem, changed, &e), &e);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_ticket_is_good_until_its_end),
        cmocka_unit_test_setup_teardown(it_lives_no_longer_than_its_key, set_up_short, tear_down),
        TEST(a_shorter_lifetime_counts_for_those_there_are),
        TEST(a_clock_that_was_set_back_revives_none_for_long),
        TEST(it_ends_with_its_key),
        TEST(a_new_signing_key_leaves_it),
        TEST(no_changed_byte_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
