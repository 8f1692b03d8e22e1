/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FilterSpec: what the lists take as their body. Every object is strict, and nothing nests deeper than
 * or > and > field, so neither does this. Values become what their column is compared with; what cannot is
 * an error, where the original fails.
 *
 * No thread and no I/O: fuzzed as it is.
 */
#include "api/ufdl.h"
#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct arena *arena;
    const struct ufdl_field *fields;
    size_t field_count;
    int nodes;
};

/* --- strict objects --- */

enum {
    STRING = 1 << JSON_STRING,
    NUMBER = 1 << JSON_NUMBER,
    BOOLEAN = 1 << JSON_BOOL,
    ARRAY = 1 << JSON_ARRAY
};

struct member {
    const char *name;
    unsigned types;
    bool required;
    const struct json **to;
};

static int bad(struct err *e, const char *where, const char *what)
{
    return err_at(e, ERR_BAD_VALUE, ERR_POINTER, where, "%s", what);
}

static int bad_member(struct err *e, const char *name, const char *what)
{
    char where[64];
    (void)snprintf(where, sizeof where, "/%s", name);
    return bad(e, where, what);
}

static const struct member *find_member(const struct member *m, size_t count, const struct json *v)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(m[i].name) == v->key_len && memcmp(m[i].name, v->key, v->key_len) == 0)
            return &m[i];
    return NULL;
}

static const char *right_type(unsigned types)
{
    if (types == ARRAY)
        return "must be an array";
    if (types == BOOLEAN)
        return "must be true or false";
    if (types == STRING)
        return "must be a string without NUL characters";
    return types & BOOLEAN ? "must be a string without NUL characters, a number or a boolean"
                           : "must be a string without NUL characters or a number";
}

static int take(const struct json *object, const struct member *m, size_t count, struct err *e)
{
    if (object->type != JSON_OBJECT)
        return bad(e, "", "must be an object");
    for (const struct json *v = object->first; v; v = v->next) {
        const struct member *found = find_member(m, count, v);
        if (!found)
            return bad(e, "", "has a member that is not known here");
        if (!(found->types & 1U << v->type) ||
            (v->type == JSON_STRING && memchr(v->string, '\0', v->string_len)))
            return bad_member(e, found->name, right_type(found->types));
        *found->to = v;
    }
    for (size_t i = 0; i < count; i++)
        if (m[i].required && !*m[i].to)
            return bad_member(e, m[i].name, "is required");
    return 0;
}

static bool truth(const struct json *v, bool otherwise)
{
    return v ? v->truth : otherwise;
}

/* --- fields --- */

/* `a__b` as `a.b`, and `id` as `pk`. */
static const char *plain_path(struct arena *a, const struct json *v)
{
    char *path = arena_alloc(a, v->string_len + 1);
    char *to = path;
    for (const char *from = v->string; *from; from++) {
        bool twice = from[0] == '_' && from[1] == '_';
        *to++ = (char)(twice ? '.' : *from);
        from += twice;
    }
    *to = '\0';
    size_t len = (size_t)(to - path);
    if (len >= 2 && strcmp(to - 2, "id") == 0 && (len == 2 || to[-3] == '.'))
        memcpy(to - 2, "pk", 2);
    return path;
}

static int find_column(const struct parser *p, const struct json *field, const struct filter_column **ret,
                       struct err *e)
{
    const char *path = plain_path(p->arena, field);
    size_t len = strlen(path);
    if (len > 3 && strcmp(path + len - 3, ".pk") == 0) /* a relation is its pk */
        path = arena_copy(p->arena, path, len - 3);
    for (size_t i = 0; i < p->field_count; i++)
        if (strcmp(p->fields[i].path, path) == 0) {
            *ret = p->fields[i].column;
            return 0;
        }
    return bad(e, "/field", "there is no such field");
}

/* --- values --- */

static int bad_value(struct err *e, const char *what)
{
    return bad(e, "/value", what);
}

static void set_text(struct filter_node *n, const char *text, size_t len)
{
    n->value = filter_text(text, len);
}

/* As the original's language writes it: a number as it was sent. */
static void text_value(struct filter_node *n, const struct json *v)
{
    if (v->type == JSON_STRING)
        set_text(n, v->string, v->string_len);
    else if (v->type == JSON_NUMBER)
        set_text(n, v->raw, v->raw_len);
    else
        set_text(n, v->truth ? "True" : "False", v->truth ? 4 : 5);
}

static void never(struct filter_node *n)
{
    *n = (struct filter_node){.op = FILTER_OR, .invert = n->invert, .next = n->next};
}

static void always(struct filter_node *n)
{
    *n = (struct filter_node){.op = FILTER_AND, .invert = n->invert, .next = n->next};
}

/* A number that no integer is: the nearest one on the side that counts. */
static void between_integers(struct filter_node *n, double v)
{
    bool upwards = n->op == FILTER_LESS || n->op == FILTER_AT_LEAST;
    double nearest = upwards ? ceil(v) : floor(v);
    if (n->op == FILTER_EQUAL && nearest != v)
        never(n);
    else if (nearest >= -9223372036854775808.0 && nearest < 9223372036854775808.0)
        n->value = filter_int((int64_t)nearest);
    else if (n->op != FILTER_EQUAL && (n->op == FILTER_LESS || n->op == FILTER_AT_MOST) == (v > 0))
        always(n);
    else
        never(n);
}

static bool whole_number(const char *text, int64_t *ret)
{
    char *end;
    size_t sign = *text == '-' || *text == '+';
    if (text[sign] < '0' || text[sign] > '9')
        return false;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return errno == 0 && !*end;
}

static int integer_value(struct parser *p, struct filter_node *n, const struct json *v, struct err *e)
{
    int64_t whole = v->truth;
    const char *text = v->type == JSON_STRING ? v->string : arena_copy(p->arena, v->raw, v->raw_len);
    if (v->type == JSON_BOOL || whole_number(text, &whole))
        n->value = filter_int(whole);
    else if (v->type == JSON_NUMBER)
        between_integers(n, strtod(text, NULL));
    else
        return bad_value(e, "this field is compared with whole numbers of 64 bits");
    return 0;
}

/* 2020-01-01, or with a time, with seconds or without, with a zone or without, which means UTC. */
static bool moment(struct parser *p, const char *text, int64_t *ret)
{
    size_t len = strlen(text);
    if (len < 10 || len > 40)
        return false;
    const char *clock = len == 10 ? "00:00:00" : text + 11;
    size_t digits = strspn(clock, "0123456789:.");
    const char *zone = clock[digits] ? clock + digits : "Z";
    return (len == 10 || text[10] == 'T' || text[10] == 't' || text[10] == ' ') &&
           clock_parse_rfc3339(arena_printf(p->arena, "%.10sT%.*s%s%s", text, (int)digits, clock,
                                            digits == 5 ? ":00" : "", zone),
                               ret);
}

static int time_value(struct parser *p, struct filter_node *n, const struct json *v, struct err *e)
{
    int64_t at;
    if (v->type != JSON_STRING || !moment(p, v->string, &at))
        return bad_value(e, "this field is compared with times like 2020-01-01 or 2030-01-01T00:00:00Z");
    n->value = filter_int(at);
    return 0;
}

static int bool_value(struct filter_node *n, const struct json *v, struct err *e)
{
    static const char *const words[][4] = {{"false", "False", "f", "0"}, {"true", "True", "t", "1"}};
    const char *text = v->type == JSON_STRING ? v->string : NULL;
    if (v->type == JSON_NUMBER && v->raw_len == 1)
        text = *v->raw == '1' ? "1" : *v->raw == '0' ? "0" : "";
    if (v->type == JSON_BOOL)
        text = v->truth ? "true" : "false";
    for (int truth = 0; text && truth < 2; truth++)
        for (size_t i = 0; i < API_COUNT(words[0]); i++)
            if (strcmp(words[truth][i], text) == 0) {
                n->value = filter_int(truth);
                return 0;
            }
    return bad_value(e, "this field is compared with true or false");
}

static int set_value(struct parser *p, struct filter_node *n, const struct json *v, struct err *e)
{
    if (n->column->type != FILTER_TEXT)
        n->fold = false;
    switch (n->column->type) {
    case FILTER_TEXT:
        text_value(n, v);
        return 0;
    case FILTER_INT:
        return integer_value(p, n, v, e);
    case FILTER_TIME:
        return time_value(p, n, v, e);
    case FILTER_BOOL:
        break;
    }
    return bool_value(n, v, e);
}

/* --- expressions --- */

/* What the four shapes of a field expression have between them. */
struct sent {
    const struct json *type, *field, *value, *fold, *invert, *operator, * sub_string, *sub_expressions;
};

static int begin_field(struct parser *p, const struct sent *in, enum filter_op op, struct filter_node *n,
                       struct err *e)
{
    n->op = op;
    n->invert = truth(in->invert, false);
    n->fold = truth(in->fold, false);
    if (in->field->string_len == 0)
        return bad(e, "/field", "must not be empty");
    return find_column(p, in->field, &n->column, e);
}

static int read_exact(struct parser *p, const struct json *v, struct filter_node *n, struct err *e)
{
    struct sent in = {0};
    const struct member members[] = {{"type", STRING, true, &in.type},
                                     {"field", STRING, true, &in.field},
                                     {"value", STRING | NUMBER | BOOLEAN, true, &in.value},
                                     {"case_insensitive", BOOLEAN, false, &in.fold},
                                     {"invert", BOOLEAN, false, &in.invert}};
    int rc = take(v, members, API_COUNT(members), e);
    if (rc == 0)
        rc = begin_field(p, &in, FILTER_EQUAL, n, e);
    return rc < 0 ? rc : set_value(p, n, in.value, e);
}

static int read_contains(struct parser *p, const struct json *v, struct filter_node *n, struct err *e)
{
    struct sent in = {0};
    const struct member members[] = {{"type", STRING, true, &in.type},
                                     {"field", STRING, true, &in.field},
                                     {"sub_string", STRING, true, &in.sub_string},
                                     {"case_insensitive", BOOLEAN, false, &in.fold},
                                     {"invert", BOOLEAN, false, &in.invert}};
    int rc = take(v, members, API_COUNT(members), e);
    if (rc == 0)
        rc = begin_field(p, &in, FILTER_CONTAINS, n, e);
    if (rc < 0)
        return rc;
    if (in.sub_string->string_len == 0)
        return bad(e, "/sub_string", "must not be empty");
    if (n->column->type != FILTER_TEXT && n->column->type != FILTER_INT)
        return bad(e, "/field", "this field holds no text");
    text_value(n, in.sub_string);
    return 0;
}

static int read_is_null(struct parser *p, const struct json *v, struct filter_node *n, struct err *e)
{
    struct sent in = {0};
    const struct member members[] = {{"type", STRING, true, &in.type},
                                     {"field", STRING, true, &in.field},
                                     {"invert", BOOLEAN, false, &in.invert}};
    int rc = take(v, members, API_COUNT(members), e);
    return rc < 0 ? rc : begin_field(p, &in, FILTER_IS_NULL, n, e);
}

static int read_compare(struct parser *p, const struct json *v, struct filter_node *n, struct err *e)
{
    static const struct {
        const char *word;
        enum filter_op op;
    } operators[] = {
        {"<", FILTER_LESS}, {"<=", FILTER_AT_MOST}, {">", FILTER_GREATER}, {">=", FILTER_AT_LEAST}};
    struct sent in = {0};
    const struct member members[] = {{"type", STRING, true, &in.type}, {"field", STRING, true, &in.field},
                                     {"operator", STRING, true, &in.operator},
                                      {"value", STRING | NUMBER, true, &in.value},
                                      {"invert", BOOLEAN, false, &in.invert}};
    int rc = take(v, members, API_COUNT(members), e);
    for (size_t i = 0; rc == 0 && i < API_COUNT(operators); i++)
        if (strcmp(operators[i].word, in.operator->string) == 0) {
            rc = begin_field(p, &in, operators[i].op, n, e);
            return rc < 0 ? rc : set_value(p, n, in.value, e);
        }
    return rc < 0 ? rc : bad(e, "/operator", "must be one of <, >, <=, >=");
}

enum level { IN_AND, IN_OR, AT_TOP }; /* an or stands only at the top, an and not in an and */

static int read_expression(struct parser *p, const struct json *v, enum level level, struct filter_node **ret,
                           struct err *e);

static int read_list(struct parser *p, const struct json *list, enum level level, const char *name,
                     struct filter_node **ret, struct err *e)
{
    char where[64];
    int i = 0;
    for (const struct json *v = list->first; v; v = v->next, i++) {
        int rc = read_expression(p, v, level, ret, e);
        if (rc < 0) {
            (void)snprintf(where, sizeof where, "/%s/%d", name, i);
            err_prefix(e, where);
            return rc;
        }
        ret = &(*ret)->next;
    }
    return 0;
}

static int read_junction(struct parser *p, const struct json *v, enum filter_op op, struct filter_node *n,
                         struct err *e)
{
    static const char list[] = "sub_expressions";
    struct sent in = {0};
    const struct member members[] = {{"type", STRING, true, &in.type},
                                     {list, ARRAY, true, &in.sub_expressions},
                                     {"invert", BOOLEAN, false, &in.invert}};
    int rc = take(v, members, API_COUNT(members), e);
    if (rc < 0)
        return rc;
    if (!in.sub_expressions->first || !in.sub_expressions->first->next)
        return bad_member(e, list, "must have two expressions or more");
    n->op = op;
    n->invert = truth(in.invert, false);
    return read_list(p, in.sub_expressions, op == FILTER_OR ? IN_OR : IN_AND, list, &n->first, e);
}

static int read_by_type(struct parser *p, const struct json *v, const char *type, enum level level,
                        struct filter_node *n, struct err *e)
{
    if (strcmp(type, "exact") == 0)
        return read_exact(p, v, n, e);
    if (strcmp(type, "contains") == 0)
        return read_contains(p, v, n, e);
    if (strcmp(type, "isnull") == 0)
        return read_is_null(p, v, n, e);
    if (strcmp(type, "compare") == 0)
        return read_compare(p, v, n, e);
    if (strcmp(type, "and") == 0 && level != IN_AND)
        return read_junction(p, v, FILTER_AND, n, e);
    if (strcmp(type, "or") == 0 && level == AT_TOP)
        return read_junction(p, v, FILTER_OR, n, e);
    return bad(e, "/type",
               level == AT_TOP  ? "must be one of exact, contains, isnull, compare, and, or"
               : level == IN_OR ? "must be one of exact, contains, isnull, compare, and"
                                : "must be one of exact, contains, isnull, compare");
}

static int read_expression(struct parser *p, const struct json *v, enum level level, struct filter_node **ret,
                           struct err *e)
{
    const struct json *type = json_member(v, "type");
    if (++p->nodes > FILTER_NODES)
        return bad(e, "", "is one expression more than a filter may have");
    if (v->type != JSON_OBJECT)
        return bad(e, "", "must be an object");
    if (!type || type->type != JSON_STRING)
        return bad(e, "/type", "is required, and a string");
    struct filter_node *n = arena_alloc(p->arena, sizeof *n);
    int rc = read_by_type(p, v, type->string, level, n, e);
    *ret = n;
    return rc;
}

/* --- order --- */

static int read_order(struct parser *p, const struct json *v, struct filter_order **ret, struct err *e)
{
    const struct json *field = NULL;
    const struct json *ascending = NULL;
    const struct json *nulls_first = NULL;
    const struct member members[] = {{"field", STRING, true, &field},
                                     {"ascending", BOOLEAN, false, &ascending},
                                     {"nulls_first", BOOLEAN, false, &nulls_first}};
    struct filter_order *o = arena_alloc(p->arena, sizeof *o);
    int rc = take(v, members, API_COUNT(members), e);
    if (rc == 0)
        rc = find_column(p, field, &o->column, e);
    o->descending = !truth(ascending, true);
    o->nulls_first = truth(nulls_first, false);
    *ret = o;
    return rc;
}

static int read_orders(struct parser *p, const struct json *list, const struct filter_order **ret,
                       struct err *e)
{
    struct filter_order *first = NULL;
    struct filter_order **link = &first;
    char where[32];
    int i = 0;
    for (const struct json *v = list->first; v; v = v->next, i++) {
        int rc = i < FILTER_ORDERS ? read_order(p, v, link, e)
                                   : bad(e, "", "is one field more than an order may have");
        if (rc < 0) {
            (void)snprintf(where, sizeof where, "/order_by/%d", i);
            err_prefix(e, where);
            return rc;
        }
        link = &(*link)->next;
    }
    *ret = first;
    return 0;
}

/* --- the whole --- */

static int read_spec(struct parser *p, const struct json *body, struct filter *ret, struct err *e)
{
    const struct json *expressions = NULL;
    const struct json *order_by = NULL;
    const struct json *inactive = NULL;
    const struct member members[] = {{"expressions", ARRAY, false, &expressions},
                                     {"order_by", ARRAY, false, &order_by},
                                     {"include_inactive", BOOLEAN, false, &inactive}};
    struct filter_node *first = NULL;
    int rc = take(body, members, API_COUNT(members), e);
    if (rc == 0 && expressions)
        rc = read_list(p, expressions, AT_TOP, "expressions", &first, e);
    if (rc == 0 && order_by)
        rc = read_orders(p, order_by, &ret->order, e);
    ret->first = first;
    ret->deleted = truth(inactive, false);
    return rc;
}

int ufdl_filter_parse(struct arena *a, const struct json *body, const struct ufdl_field *fields, size_t count,
                      struct filter *ret, struct err *e)
{
    struct parser p = {.arena = a, .fields = fields, .field_count = count};
    struct err why;
    *ret = (struct filter){.first = NULL};
    if (!body || (body->type == JSON_ARRAY && !body->first))
        return 0;
    int rc = read_spec(&p, body, ret, &why);
    if (rc < 0)
        return err_set(e, ERR_BAD_VALUE, "Unable to parse JSON: %s: %s", *why.where ? why.where : "/",
                       why.detail);
    return 0;
}
