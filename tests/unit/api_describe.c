/* SPDX-License-Identifier: Apache-2.0 */
/* What every API that describes itself has to have: an operation for each route, with names, sentences and
 * examples that its own tables take. */
#include "api/describe.h"
#include "api/ufdl.h"
#include "support/test.h"

#include <string.h>

enum { LARGEST_STRUCT = 4096, DEEPEST = 32 };

static const struct api *const apis[] = {&api_native,      &api_playment,   &api_ricloud,
                                         &api_nostradamus, &api_datafiniti, &api_ufdl};

/* Such a route needs no operation: whoever calls it is refused. */
static bool is_refused(const struct api *api, const struct route *r)
{
    return api->description == api_ufdl.description && r->need & UFDL_NOBODY;
}

static int faults;

static void complain(const struct api *api, const struct route *r, const char *what, const char *which)
{
    print_error("%s: %s %s: %s %s\n", api->name, http_method_names[r->method], r->path, what, which);
    faults++;
}

typedef void check_fn(const struct api *api, const struct route *r);

static void check_all(check_fn *check)
{
    struct arena memory = {0};
    faults = 0;
    for (size_t a = 0; a < API_COUNT(apis); a++) {
        const struct api whole = describe_whole(&memory, apis[a]);
        for (size_t i = 0; i < whole.route_count; i++)
            check(&whole, &whole.routes[i]);
    }
    arena_free(&memory);
    assert_int_equal(faults, 0);
}

static void check_operation(const struct api *api, const struct route *r)
{
    const struct operation *o = r->operation;
    if (!o) {
        if (!is_refused(api, r))
            complain(api, r, "has no operation", "");
        return;
    }
    if (!o->id || !o->group || !o->summary)
        complain(api, r, "has no id, group or summary", "");
    else if (strchr(o->summary, '.'))
        complain(api, r, "has a summary with a full stop:", o->summary);
    if (!o->answers[0].status)
        complain(api, r, "has no answer", "");
    for (size_t i = 0; i < API_COUNT(o->answers) && o->answers[i].status; i++)
        if (!o->answers[i].about)
            complain(api, r, "has an answer that is not explained", "");
    for (size_t i = 0; i < API_COUNT(o->refusals) && o->refusals[i]; i++)
        if (strcmp(describe_refusal(api, o->refusals[i]), "Refused.") == 0)
            complain(api, r, "has a refusal that the API does not explain", "");
}

static void every_route_has_an_operation(void **state)
{
    (void)state;
    check_all(check_operation);
}

static void check_id(const struct api *api, const struct route *r)
{
    for (const struct route *before = api->routes; r->operation && before < r; before++)
        if (before->operation && strcmp(before->operation->id, r->operation->id) == 0)
            complain(api, r, "has the id of another:", r->operation->id);
}

static void ids_are_unique(void **state)
{
    (void)state;
    check_all(check_id);
}

static void check_places(const struct api *api, const struct route *r)
{
    int count = 0;
    for (const char *p = strchr(r->path, '{'); p; p = strchr(p + 1, '{'))
        count++;
    for (int i = 0; r->operation && i < REQUEST_PLACES; i++) {
        const char *name = r->operation->places[i];
        if (!name != (i >= count))
            complain(api, r, "does not name each of its places", "");
        else if (name && !r->operation->place_examples[i])
            complain(api, r, "has no example for", name);
    }
}

static void every_place_has_a_name(void **state)
{
    (void)state;
    check_all(check_places);
}

static void check_fields(const struct api *api, const struct route *r, const struct json_field *fields,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!fields[i].about)
            complain(api, r, "has a member that is not explained:", fields[i].name);
        check_fields(api, r, fields[i].members, fields[i].member_count);
    }
}

static void check_params(const struct api *api, const struct route *r, const struct param *params,
                         size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!params[i].about)
            complain(api, r, "has a parameter that is not explained:", params[i].name);
}

/* A member may be of a named shape, which is looked at more than once: there are few. */
static void check_shape(const struct api *api, const struct route *r, const struct shape *s)
{
    const struct json *unused;
    struct arena a = {0};
    struct err e;
    for (size_t i = 0; i < s->count; i++) {
        const struct member *m = &s->members[i];
        if (!m->about)
            complain(api, r, "has a member that is not explained:", m->name);
        if (m->example && json_parse(&a, m->example, strlen(m->example), DEEPEST, &unused, &e) < 0)
            complain(api, r, "has a member whose example is no JSON:", m->name);
        if (m->of)
            check_shape(api, r, m->of);
        for (size_t k = 0; m->either && m->either[k]; k++)
            check_shape(api, r, m->either[k]);
    }
    arena_free(&a);
}

static void check_input(const struct api *api, const struct route *r)
{
    const struct operation *o = r->operation;
    if (!o)
        return;
    check_fields(api, r, o->fields, o->field_count);
    check_params(api, r, o->params, o->param_count);
    check_params(api, r, o->headers, o->header_count);
    if (o->body)
        check_shape(api, r, o->body);
}

static void all_that_is_sent_is_explained(void **state)
{
    (void)state;
    check_all(check_input);
}

static void check_output(const struct api *api, const struct route *r)
{
    for (size_t i = 0; r->operation && i < API_COUNT(r->operation->answers); i++)
        if (r->operation->answers[i].shape)
            check_shape(api, r, r->operation->answers[i].shape);
}

static void all_that_is_answered_is_explained(void **state)
{
    (void)state;
    check_all(check_output);
}

/* By the very table that requests are read by, into nothing. */
static void check_example(const struct api *api, const struct route *r)
{
    static _Alignas(max_align_t) char to[LARGEST_STRUCT];
    const struct operation *o = r->operation;
    const struct json *body;
    struct arena a = {0};
    struct err e;
    if (!o || !o->field_count)
        return;
    if (!o->body_example && o->body_optional)
        return;
    if (!o->body_example)
        complain(api, r, "has no example of its body", "");
    else if (json_parse(&a, o->body_example, strlen(o->body_example), DEEPEST, &body, &e) < 0 ||
             json_read(body, o->fields, o->field_count, to, &e) < 0)
        complain(api, r, "does not take its own example:", e.detail);
    arena_free(&a);
}

static void examples_of_bodies_are_taken(void **state)
{
    (void)state;
    check_all(check_example);
}

static void names_of_shapes_are_unique(void **state)
{
    (void)state;
    for (size_t a = 0; a < API_COUNT(apis); a++) {
        const struct shape *shapes[DESCRIBE_SHAPES];
        size_t count = apis[a]->description ? describe_shapes(apis[a], shapes) : 0;
        assert_in_range(count, 0, DESCRIBE_SHAPES - 1);
        for (size_t i = 0; i < count; i++)
            for (size_t k = 0; k < i; k++)
                assert_string_not_equal(shapes[i]->name, shapes[k]->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_has_an_operation),
        cmocka_unit_test(ids_are_unique),
        cmocka_unit_test(every_place_has_a_name),
        cmocka_unit_test(all_that_is_sent_is_explained),
        cmocka_unit_test(all_that_is_answered_is_explained),
        cmocka_unit_test(examples_of_bodies_are_taken),
        cmocka_unit_test(names_of_shapes_are_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
