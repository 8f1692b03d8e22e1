/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: whose a path is, which route it leads to, what {} matches, HEAD and 405, and queries. */
#include "http/mount.h"
#include "http/target.h"
#include "support/test.h"

#include <string.h>

static int handle(struct request *rq, struct err *e)
{
    (void)rq;
    (void)e;
    return 0;
}

static const struct route routes_a[] = {
    {HTTP_GET, "/a/things", R_READ, BODY_NONE, 0, handle, NULL},
    {HTTP_POST, "/a/things", R_WRITE, BODY_WHOLE, 0, handle, NULL},
    {HTTP_POST, "/a/things/claim", R_WRITE, BODY_WHOLE, 0, handle, NULL},
    {HTTP_GET, "/a/things/{}", R_READ, BODY_NONE, 0, handle, NULL},
    {HTTP_DELETE, "/a/things/{}", R_WRITE, BODY_NONE, 0, handle, NULL},
    {HTTP_GET, "/a/things/{}/ack", R_WRITE, BODY_NONE, 1, handle, NULL},
    {HTTP_PUT, "/a/things/{}/parts/{}", R_WRITE, BODY_STREAM, 0, handle, NULL},
    {HTTP_PATCH, "/a/things/{}/parts/{}", R_WRITE, BODY_WHOLE, 0, handle, NULL},
};
static const struct route routes_b[] = {{HTTP_GET, "/", R_READ, BODY_NONE, 0, handle, NULL}};
static const char *const prefixes_a[] = {"/a", NULL};
static const char *const prefixes_b[] = {"/", NULL};
static const struct api api_a = {.name = "a", .prefixes = prefixes_a, .routes = routes_a, .route_count = 8};
static const struct api api_b = {.name = "b", .prefixes = prefixes_b, .routes = routes_b, .route_count = 1};
static const struct api_mount mounts[] = {{&api_a, ""}, {&api_b, ""}, {0}};

static struct request rq;
static struct err e;

static int clear(void **state)
{
    (void)state;
    arena_free(&rq.arena);
    return 0;
}

static int find_among(const struct api_mount *all, enum http_method method, const char *path)
{
    arena_free(&rq.arena);
    rq = (struct request){.method = method, .raw_path = path};
    return target_find(&rq, all, &e);
}

static int find(enum http_method method, const char *path)
{
    return find_among(mounts, method, path);
}

static void an_api_can_have_its_addresses_as_they_were_sent(void **state)
{
    static const struct api as_sent = {
        .name = "a", .prefixes = prefixes_a, .routes = routes_a, .route_count = 8, .as_sent = true};
    static const struct api_mount all[] = {{&as_sent, ""}, {&api_b, ""}, {0}};
    (void)state;
    must(find_among(all, HTTP_GET, "/a/things/%41%zz%00%ff%"), &e);
    assert_string_equal(rq.places[0], "%41%zz%00%ff%");
    assert_int_equal(err_status(find(HTTP_GET, "/a/things/%41%zz")), 400);
}

static void paths_lead_to_their_routes(void **state)
{
    (void)state;
    must(find(HTTP_GET, "/a/things"), &e);
    assert_ptr_equal(rq.route, &routes_a[0]);
    must(find(HTTP_POST, "/a/things"), &e);
    assert_ptr_equal(rq.route, &routes_a[1]);
    must(find(HTTP_POST, "/a/things/claim"), &e);
    assert_ptr_equal(rq.route, &routes_a[2]);
    must(find(HTTP_GET, "/a/things/claim"), &e);
    assert_ptr_equal(rq.route, &routes_a[3]);
    assert_string_equal(rq.places[0], "claim");
    must(find(HTTP_PUT, "/a/things/x/parts/y"), &e);
    assert_string_equal(rq.places[0], "x");
    assert_string_equal(rq.places[1], "y");
    must(find(HTTP_PATCH, "/a/things/x/parts/y"), &e);
    assert_ptr_equal(rq.route, &routes_a[7]);
    must(find(HTTP_GET, "/"), &e);
    assert_ptr_equal(rq.api, &api_b);
}

static void segments_are_decoded_after_the_split(void **state)
{
    (void)state;
    must(find(HTTP_GET, "/a/things/x%2Fy%20z%C3%A9+"), &e);
    assert_string_equal(rq.places[0], "x/y z\xc3\xa9+");
    must(find(HTTP_GET, "/a/things/.."), &e);
    assert_string_equal(rq.places[0], "..");
    must(find(HTTP_GET, "/a/things/%2e%2e%2f"), &e);
    assert_string_equal(rq.places[0], "../");
}

static void what_is_nowhere_is_not_found(void **state)
{
    static const char *const paths[] = {"/a",
                                        "/a/",
                                        "/a/things/",
                                        "/a//things",
                                        "/a/things//ack",
                                        "/a/things/x/",
                                        "/ab",
                                        "/a/thingsx",
                                        "/a/thing",
                                        "",
                                        "*",
                                        "a/things",
                                        "/a/things/x/parts/",
                                        "/a/things/x/parts/y/z",
                                        "/a/%74hings"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (find(HTTP_GET, paths[i]) != ERR_NOT_FOUND)
            fail_msg("%s: %s", paths[i], e.detail);
        assert_non_null(rq.api);
        assert_null(rq.route);
    }
    must_fail(find(HTTP_GET, "/a/nothing"), ERR_NOT_FOUND);
    assert_ptr_equal(rq.api, &api_a);
    must_fail(find(HTTP_GET, "/ab"), ERR_NOT_FOUND);
    assert_ptr_equal(rq.api, &api_b);
}

static void broken_segments_are_bad_requests(void **state)
{
    static const char *const paths[] = {"/a/things/%",   "/a/things/%2",  "/a/things/%zz", "/a/things/%00",
                                        "/a/things/%ff", "/a/things/%C3", "/a/things/\xff"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_int_equal(err_status(find(HTTP_GET, paths[i])), 400);
}

static void head_goes_where_get_only_reads(void **state)
{
    (void)state;
    must(find(HTTP_HEAD, "/a/things"), &e);
    assert_ptr_equal(rq.route, &routes_a[0]);
    must_fail(find(HTTP_HEAD, "/a/things/x/ack"), ERR_METHOD);
    assert_string_equal(rq.allow, "GET");
}

static void wrong_methods_are_told_the_right_ones(void **state)
{
    (void)state;
    must_fail(find(HTTP_DELETE, "/a/things"), ERR_METHOD);
    assert_string_equal(rq.allow, "GET, HEAD, POST");
    must_fail(find(HTTP_OTHER, "/a/things/x"), ERR_METHOD);
    assert_string_equal(rq.allow, "GET, HEAD, DELETE");
    must_fail(find(HTTP_OPTIONS, "/a/things/x/parts/y"), ERR_METHOD);
    assert_string_equal(rq.allow, "PUT, PATCH");
    must_fail(find(HTTP_PUT, "/a/things/claim"), ERR_METHOD);
    assert_string_equal(rq.allow, "GET, HEAD, POST, DELETE");
}

/* --- several APIs --- */

#define ROUTE(method, path)                                                                                  \
    {                                                                                                        \
        HTTP_##method, path, R_READ, BODY_NONE, 0, handle, NULL                                              \
    }

/* An API of some routes under one or two prefixes; tables of a test are written where they are used. */
#define API(word, slash, first, second, ...)                                                                 \
    (&(const struct api){.name = word,                                                                       \
                         .prefixes = (const char *const[]){first, second, NULL},                             \
                         .routes = (const struct route[]){__VA_ARGS__},                                      \
                         .route_count = sizeof((const struct route[]){__VA_ARGS__}) / sizeof(struct route),  \
                         .trailing_slash = slash})
#define ONE(word, prefix, method, path) API(word, false, prefix, NULL, ROUTE(method, path))

static void nobody_gets_into_anybodys_way(const struct api_mount *all)
{
    if (mount_check(all, &e) < 0)
        fail_msg("%s", e.detail);
}

static void two_get_into_each_others_way(const struct api *one, const struct api *other, const char *said)
{
    const struct api_mount apart[] = {{one, "/one"}, {other, "/other"}, {0}};
    const struct api_mount both[2][3] = {{{one, ""}, {other, ""}, {0}}, {{other, "/x"}, {one, "/x"}, {0}}};
    for (int i = 0; i < 2; i++) {
        must_fail(mount_check(both[i], &e), ERR_BAD_VALUE);
        assert_non_null(strstr(e.detail, one->name));
        assert_non_null(strstr(e.detail, other->name));
        if (!strstr(e.detail, said))
            fail_msg("%s is not in: %s", said, e.detail);
    }
    nobody_gets_into_anybodys_way(apart);
}

static void an_api_can_be_mounted_under_a_prefix(void **state)
{
    static const struct api_mount all[] = {{&api_a, "/far/off"}, {&api_b, ""}, {0}};
    (void)state;
    nobody_gets_into_anybodys_way(all);
    must(find_among(all, HTTP_GET, "/far/off/a/things/x/ack"), &e);
    assert_ptr_equal(rq.route, &routes_a[5]);
    assert_string_equal(rq.places[0], "x");
    assert_string_equal(rq.mount, "/far/off");
    assert_string_equal(rq.raw_path, "/far/off/a/things/x/ack");
    must(find_among(all, HTTP_GET, "/"), &e);
    assert_string_equal(rq.mount, "");
    must_fail(find_among(all, HTTP_PUT, "/far/off/a/things"), ERR_METHOD);
    assert_string_equal(rq.allow, "GET, HEAD, POST");
}

static void unknown_paths_are_answered_by_whose_prefix_they_carry(void **state)
{
    static const struct api_mount all[] = {{&api_a, "/far"}, {&api_b, ""}, {0}};
    static const char *const of_a[] = {"/far", "/far/", "/far/x", "/far/a", "/far/a/x", "/far/a/things/"};
    static const char *const of_b[] = {"/a", "/a/things", "/farther", "/", "", "*", "far", "/x/far"};
    (void)state;
    for (size_t i = 0; i < sizeof of_a / sizeof of_a[0]; i++) {
        must_fail(find_among(all, HTTP_GET, of_a[i]), ERR_NOT_FOUND);
        assert_ptr_equal(rq.api, &api_a);
    }
    for (size_t i = 0; i < sizeof of_b / sizeof of_b[0]; i++) {
        (void)find_among(all, HTTP_GET, of_b[i]);
        assert_ptr_equal(rq.api, &api_b);
    }
}

static void the_longest_prefix_of_whole_segments_wins(void **state)
{
    const struct api *wide = ONE("wide", "/v1", GET, "/v1/{}/wide");
    const struct api *deep = API("deep", false, "/v1/project", "/v1/projects", ROUTE(GET, "/v1/project/{}"));
    const struct api *rest = ONE("rest", "/", GET, "/");
    const struct api_mount all[2][4] = {{{wide, ""}, {deep, ""}, {rest, ""}, {0}},
                                        {{rest, ""}, {deep, ""}, {wide, ""}, {0}}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        must(find_among(all[i], HTTP_GET, "/v1/project/x"), &e);
        assert_ptr_equal(rq.api, deep);
        must(find_among(all[i], HTTP_GET, "/v1/projectx/wide"), &e);
        assert_ptr_equal(rq.api, wide);
        must_fail(find_among(all[i], HTTP_GET, "/v1/projects/wide"), ERR_NOT_FOUND);
        assert_ptr_equal(rq.api, deep);
        must_fail(find_among(all[i], HTTP_GET, "/v1"), ERR_NOT_FOUND);
        assert_ptr_equal(rq.api, wide);
        must_fail(find_among(all[i], HTTP_GET, "/v2/project/x"), ERR_NOT_FOUND);
        assert_ptr_equal(rq.api, rest);
    }
}

static void a_prefix_wins_over_a_place(void **state)
{
    const struct api *guest = ONE("guest", "/x", GET, "/x/{}");
    const struct api *owner = ONE("owner", "/v1", GET, "/v1/y/{}");
    const struct api_mount all[] = {{guest, "/v1"}, {owner, ""}, {0}};
    (void)state;
    nobody_gets_into_anybodys_way(all);
    must(find_among(all, HTTP_GET, "/v1/x/z"), &e);
    assert_ptr_equal(rq.api, guest);
    must(find_among(all, HTTP_GET, "/v1/y/z"), &e);
    assert_ptr_equal(rq.api, owner);
    must_fail(find_among(all, HTTP_GET, "/v1/w"), ERR_NOT_FOUND);
    assert_ptr_equal(rq.api, owner);
}

static void of_equal_prefixes_the_first_says_that_there_is_nothing(void **state)
{
    const struct api *one = API("one", false, "/a", "/shared", ROUTE(GET, "/a"));
    const struct api *other = API("other", false, "/b", "/shared", ROUTE(GET, "/b"));
    const struct api_mount all[2][3] = {{{one, ""}, {other, ""}, {0}}, {{other, ""}, {one, ""}, {0}}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        nobody_gets_into_anybodys_way(all[i]);
        must_fail(find_among(all[i], HTTP_GET, "/shared/x"), ERR_NOT_FOUND);
        assert_ptr_equal(rq.api, all[i][0].api);
    }
}

static void the_same_address_twice_is_refused(void **state)
{
    (void)state;
    two_get_into_each_others_way(ONE("one", "/a", GET, "/a/b"), ONE("other", "/a", GET, "/a/b"),
                                 "/a/b is one's");
    two_get_into_each_others_way(ONE("one", "/a", GET, "/a/{}"), ONE("other", "/a/b", GET, "/a/b"),
                                 "/a/{} is one's");
    two_get_into_each_others_way(ONE("one", "/a", PUT, "/a/{}/c"), ONE("other", "/a", PUT, "/a/b/{}"),
                                 "/a/b/{} is other's");
    two_get_into_each_others_way(ONE("one", "/a", GET, "/a"), ONE("other", "/a", HEAD, "/a"),
                                 "/a is other's");
    two_get_into_each_others_way(API("one", true, "/a", NULL, ROUTE(GET, "/a/b")),
                                 ONE("other", "/a", GET, "/a/b/"), "/a/b/ is other's");
    two_get_into_each_others_way(ONE("one", "/a", GET, "/a/{}/"),
                                 API("other", true, "/a", NULL, ROUTE(GET, "/a/b")), "/a/{}/ is one's");
}

static void different_addresses_are_not(void **state)
{
    const struct api *wide = API("wide", false, "/a", NULL, ROUTE(GET, "/a/{}/x"), ROUTE(PUT, "/a/{}"),
                                 ROUTE(GET, "/a/b/c/d"), ROUTE(GET, "/a/b/"));
    const struct api *deep = API("deep", false, "/a/c", NULL, ROUTE(GET, "/a/c/y"), ROUTE(GET, "/a/c"),
                                 ROUTE(GET, "/a/c/x/{}"), ROUTE(GET, "/a/c/{}/z"));
    const struct api_mount all[] = {{wide, ""}, {deep, ""}, {0}};
    const struct api_mount ended[] = {
        {ONE("wide", "/a", GET, "/a/{}/"), ""}, {ONE("deep", "/a/c", GET, "/a/c/{}"), ""}, {0}};
    (void)state;
    nobody_gets_into_anybodys_way(mounts);
    nobody_gets_into_anybodys_way(all);
    nobody_gets_into_anybodys_way(ended);
}

static void what_cannot_be_reached_is_refused(void **state)
{
    (void)state;
    two_get_into_each_others_way(ONE("one", "/a", GET, "/a/b/{}"), ONE("other", "/a/b", PUT, "/a/b"),
                                 "/a/b/{} of the API one");
    two_get_into_each_others_way(ONE("one", "/a", GET, "/a/b"), ONE("other", "/a", PUT, "/a/b"), "/a/b of");
}

static void a_slash_at_the_end_where_an_api_wants_it(void **state)
{
    const struct route exact = {HTTP_GET, "/a/{}/{}", R_READ, BODY_NONE, 0, handle, .exact = true};
    const struct api *lax = API("lax", true, "/a", NULL, ROUTE(GET, "/a"), ROUTE(POST, "/a/{}"), exact);
    const struct api_mount all[] = {{lax, "/m"}, {&api_b, ""}, {0}};
    (void)state;
    for (const char *const *p = (const char *const[]){"/m/a", "/m/a/", NULL}; *p; p++) {
        must(find_among(all, HTTP_GET, *p), &e);
        assert_ptr_equal(rq.route, &lax->routes[0]);
    }
    must(find_among(all, HTTP_POST, "/m/a/x/"), &e);
    assert_string_equal(rq.places[0], "x");
    must_fail(find_among(all, HTTP_GET, "/m/a/x/"), ERR_METHOD);
    assert_string_equal(rq.allow, "POST");
    must(find_among(all, HTTP_GET, "/m/a/x/y"), &e);
    must_fail(find_among(all, HTTP_GET, "/m/a/x/y/"), ERR_NOT_FOUND);
    must_fail(find_among(all, HTTP_GET, "/m/a//"), ERR_NOT_FOUND);
    must_fail(find_among(all, HTTP_POST, "/m/a/x//"), ERR_NOT_FOUND);
}

static void a_place_for_digits_takes_nothing_else(void **state)
{
    const struct api *api = API("api", true, "/a", NULL, ROUTE(GET, "/a/{#}"), ROUTE(POST, "/a/list"),
                                ROUTE(PUT, "/a/{#}/{}"), ROUTE(DELETE, "/a/{#}/x"));
    const struct api_mount all[] = {{api, ""}, {0}};
    (void)state;
    must(find_among(all, HTTP_GET, "/a/0017/"), &e);
    assert_string_equal(rq.places[0], "0017");
    must(find_among(all, HTTP_PUT, "/a/1/b"), &e);
    assert_string_equal(rq.places[1], "b");
    must_fail(find_among(all, HTTP_POST, "/a/17"), ERR_METHOD);
    assert_string_equal(rq.allow, "GET, HEAD");
    must_fail(find_among(all, HTTP_GET, "/a/list"), ERR_METHOD);
    assert_string_equal(rq.allow, "POST");
    static const char *const none[] = {"/a/x", "/a/1x", "/a/-1", "/a/%31", "/a//", "/a/{#}", "/a/x/x"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        must_fail(find_among(all, HTTP_GET, none[i]), ERR_NOT_FOUND);
}

static void places_for_digits_meet_digits_only(void **state)
{
    const struct api_mount all[] = {
        {ONE("one", "/a", GET, "/a/{#}"), ""}, {ONE("other", "/a/list", GET, "/a/list"), ""}, {0}};
    (void)state;
    nobody_gets_into_anybodys_way(all);
    two_get_into_each_others_way(ONE("one", "/a", GET, "/a/{#}"), ONE("other", "/a/7", GET, "/a/7"),
                                 "/a/{#} is one's");
    two_get_into_each_others_way(ONE("one", "/a", GET, "/a/7/{#}"), ONE("other", "/a/7/8", GET, "/a/{}/8"),
                                 "/a/7/{#} is one's");
    two_get_into_each_others_way(ONE("one", "/a", GET, "/a/{#}"), ONE("other", "/b", GET, "/a/{#}"),
                                 "/a/{#} is");
}

static void queries_are_taken_apart(void **state)
{
    struct query_pair *q;
    (void)state;
    must(target_parse_query(&rq.arena, "a=1&&b=x%26y+z&c&=v&d==", &q, &e), &e);
    static const char *const want[][2] = {{"a", "1"}, {"b", "x&y z"}, {"c", ""}, {"", "v"}, {"d", "="}};
    for (size_t i = 0; i < 5; i++, q = q->next) {
        assert_string_equal(q->key, want[i][0]);
        assert_string_equal(q->value, want[i][1]);
    }
    assert_null(q);
    must(target_parse_query(&rq.arena, NULL, &q, &e), &e);
    assert_null(q);
    must(target_parse_query(&rq.arena, "", &q, &e), &e);
    assert_null(q);
    assert_int_equal(err_status(target_parse_query(&rq.arena, "a=%", &q, &e)), 400);
    assert_int_equal(err_status(target_parse_query(&rq.arena, "a=%00", &q, &e)), 400);
    assert_int_equal(err_status(target_parse_query(&rq.arena, "%ff=a", &q, &e)), 400);
}

static void a_query_has_a_limit(void **state)
{
    char raw[2 * TARGET_PAIRS + 3];
    struct query_pair *q;
    (void)state;
    for (int i = 0; i <= TARGET_PAIRS; i++)
        memcpy(raw + 2 * i, "a&", 3);
    assert_int_equal(err_status(target_parse_query(&rq.arena, raw, &q, &e)), 400);
    raw[2 * TARGET_PAIRS] = '\0';
    must(target_parse_query(&rq.arena, raw, &q, &e), &e);
}

struct read {
    const char *text;
    int64_t number, time;
    bool flag;
};
static const struct param params[] = {
    {"text", PARAM_TEXT, offsetof(struct read, text), 1, 4},
    {"number", PARAM_INT, offsetof(struct read, number), 1, 10},
    {"time", PARAM_TIME, offsetof(struct read, time), 0, 0},
    {"flag", PARAM_BOOL, offsetof(struct read, flag), 0, 0},
};

static int read_query(const char *raw, struct read *to)
{
    rq = (struct request){.arena = rq.arena};
    must(target_parse_query(&rq.arena, raw, &rq.query, &e), &e);
    return request_params(&rq, params, 4, to, &e);
}

static void parameters_by_a_table(void **state)
{
    static const struct {
        const char *query;
        int code;
        const char *where;
    } bad[] = {{"x=1", ERR_UNKNOWN_PARAM, "x"},
               {"text=", ERR_BAD_VALUE, "text"},
               {"text=abcde", ERR_BAD_VALUE, "text"},
               {"number=0", ERR_BAD_VALUE, "number"},
               {"number=11", ERR_BAD_VALUE, "number"},
               {"number=1e1", ERR_BAD_VALUE, "number"},
               {"number=-1", ERR_BAD_VALUE, "number"},
               {"flag=yes", ERR_BAD_VALUE, "flag"},
               {"time=today", ERR_BAD_VALUE, "time"},
               {"number=2&number=2", ERR_BAD_VALUE, "number"},
               {"number=2&number=3", ERR_BAD_VALUE, "number"}};
    struct read to = {.number = 5};
    (void)state;
    must(read_query("text=ab&flag=true&time=1970-01-01T00:00:01Z", &to), &e);
    assert_string_equal(to.text, "ab");
    assert_int_equal(to.number, 5);
    assert_int_equal(to.time, 1000000);
    assert_true(to.flag);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        must_fail(read_query(bad[i].query, &to), bad[i].code);
        assert_int_equal(e.place, ERR_PARAMETER);
        assert_string_equal(e.where, bad[i].where);
    }
    must_fail(request_no_params(&rq, &e), ERR_UNKNOWN_PARAM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(paths_lead_to_their_routes, clear),
        cmocka_unit_test_teardown(an_api_can_have_its_addresses_as_they_were_sent, clear),
        cmocka_unit_test_teardown(segments_are_decoded_after_the_split, clear),
        cmocka_unit_test_teardown(what_is_nowhere_is_not_found, clear),
        cmocka_unit_test_teardown(broken_segments_are_bad_requests, clear),
        cmocka_unit_test_teardown(head_goes_where_get_only_reads, clear),
        cmocka_unit_test_teardown(wrong_methods_are_told_the_right_ones, clear),
        cmocka_unit_test_teardown(an_api_can_be_mounted_under_a_prefix, clear),
        cmocka_unit_test_teardown(unknown_paths_are_answered_by_whose_prefix_they_carry, clear),
        cmocka_unit_test_teardown(the_longest_prefix_of_whole_segments_wins, clear),
        cmocka_unit_test_teardown(a_prefix_wins_over_a_place, clear),
        cmocka_unit_test_teardown(of_equal_prefixes_the_first_says_that_there_is_nothing, clear),
        cmocka_unit_test_teardown(the_same_address_twice_is_refused, clear),
        cmocka_unit_test_teardown(different_addresses_are_not, clear),
        cmocka_unit_test_teardown(what_cannot_be_reached_is_refused, clear),
        cmocka_unit_test_teardown(a_slash_at_the_end_where_an_api_wants_it, clear),
        cmocka_unit_test_teardown(a_place_for_digits_takes_nothing_else, clear),
        cmocka_unit_test_teardown(places_for_digits_meet_digits_only, clear),
        cmocka_unit_test_teardown(queries_are_taken_apart, clear),
        cmocka_unit_test_teardown(a_query_has_a_limit, clear),
        cmocka_unit_test_teardown(parameters_by_a_table, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
