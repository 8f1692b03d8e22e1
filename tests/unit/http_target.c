/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: which route a path leads to, what {} matches, HEAD and 405, and queries. */
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
static const struct api *const apis[] = {&api_a, &api_b, NULL};

static struct request rq;
static struct err e;

static int clear(void **state)
{
    (void)state;
    arena_free(&rq.arena);
    return 0;
}

static int find(enum http_method method, const char *path)
{
    arena_free(&rq.arena);
    rq = (struct request){.method = method, .raw_path = path};
    return target_find(&rq, apis, &e);
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
        cmocka_unit_test_teardown(segments_are_decoded_after_the_split, clear),
        cmocka_unit_test_teardown(what_is_nowhere_is_not_found, clear),
        cmocka_unit_test_teardown(broken_segments_are_bad_requests, clear),
        cmocka_unit_test_teardown(head_goes_where_get_only_reads, clear),
        cmocka_unit_test_teardown(wrong_methods_are_told_the_right_ones, clear),
        cmocka_unit_test_teardown(queries_are_taken_apart, clear),
        cmocka_unit_test_teardown(a_query_has_a_limit, clear),
        cmocka_unit_test_teardown(parameters_by_a_table, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
