/* SPDX-License-Identifier: Apache-2.0 */
/* Tables as JSON Schema (2020-12, as OpenAPI 3.1 has it), and examples made of those of their members. */
#include "api/describe.h"

#include "base/arena.h"

#include <string.h>

#define EXAMPLE_ID "01939a5e-7c2b-7d41-9f0a-3b6c5d4e2f10"

static const struct {
    const char *type, *format, *example;
} kinds[] = {
    [SHAPE_TEXT] = {"string", NULL, "\"text\""},
    [SHAPE_CHARS] = {"string", NULL, "\"text\""},
    [SHAPE_UUID] = {"string", "uuid", "\"" EXAMPLE_ID "\""},
    [SHAPE_URL] = {"string", "uri", "\"https://results.example/\""},
    [SHAPE_TIME] = {"string", "date-time", "\"2026-11-21T23:59:24.400901Z\""},
    [SHAPE_INT] = {"integer", "int64", "1"},
    [SHAPE_COUNT] = {"integer", "int64", "1"},
    [SHAPE_REAL] = {"number", NULL, "0.5"},
    [SHAPE_BOOL] = {"boolean", NULL, "false"},
    [SHAPE_WORD] = {"string", NULL, NULL},
    [SHAPE_JSON] = {NULL, NULL, "{}"},
    [SHAPE_OBJECT] = {"object", NULL, "{}"},
};

/* --- schemas --- */

static void put_type(struct json_out *j, const char *type, bool can_be_null)
{
    json_key(j, "type");
    if (can_be_null)
        json_begin_array(j);
    json_string(j, type);
    if (can_be_null) {
        json_string(j, "null");
        json_end_array(j);
    }
}

static void put_words(struct json_out *j, const char *const *words, int count, bool can_be_null)
{
    json_key(j, "enum");
    json_begin_array(j);
    for (int i = 0; i < count; i++)
        json_string(j, words[i]);
    if (can_be_null)
        json_null(j);
    json_end_array(j);
}

static void put_about(struct json_out *j, const char *about)
{
    if (about)
        json_put_string(j, "description", about);
}

static void put_reference(struct json_out *j, const char *name)
{
    json_put_string(j, "$ref", arena_printf(j->buf.arena, "#/components/schemas/%s", name));
}

static void put_properties(struct json_out *j, const struct shape *s);

static void put_one_of(struct json_out *j, const struct shape *const *shapes, bool can_be_null)
{
    json_key(j, "anyOf");
    json_begin_array(j);
    for (; *shapes; shapes++)
        describe_schema_of(j, *shapes, ANSWER_ONE);
    if (can_be_null) {
        json_begin_object(j);
        put_type(j, "null", false);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_object(struct json_out *j, const struct member *m)
{
    if (m->either) {
        put_one_of(j, m->either, m->can_be_null);
    } else if (m->of && m->of->name && m->can_be_null) {
        put_one_of(j, (const struct shape *const[]){m->of, NULL}, true);
    } else if (m->of && m->of->name) {
        put_reference(j, m->of->name);
    } else {
        put_type(j, "object", m->can_be_null);
        if (m->of)
            put_properties(j, m->of);
    }
}

static void put_value(struct json_out *j, const struct member *m)
{
    if (m->kind == SHAPE_OBJECT) {
        put_object(j, m);
        return;
    }
    if (kinds[m->kind].type)
        put_type(j, kinds[m->kind].type, m->can_be_null);
    if (kinds[m->kind].format)
        json_put_string(j, "format", kinds[m->kind].format);
    if (m->kind == SHAPE_COUNT)
        json_put_int(j, "minimum", 0);
    if (m->word_count)
        put_words(j, m->words, m->word_count, m->can_be_null);
}

static void put_member_schema(struct json_out *j, const struct member *m)
{
    struct member item = *m;
    json_begin_object(j);
    put_about(j, m->about);
    if (!m->is_list) {
        put_value(j, m);
    } else {
        put_type(j, "array", m->can_be_null);
        item.can_be_null = false;
        json_key(j, "items");
        json_begin_object(j);
        put_value(j, &item);
        json_end_object(j);
    }
    json_end_object(j);
}

static void put_required(struct json_out *j, const struct shape *s)
{
    json_key(j, "required");
    json_begin_array(j);
    for (size_t i = 0; i < s->count; i++)
        if (!s->members[i].can_be_absent)
            json_string(j, s->members[i].name);
    json_end_array(j);
}

static void put_properties(struct json_out *j, const struct shape *s)
{
    json_key(j, "properties");
    json_begin_object(j);
    for (size_t i = 0; i < s->count; i++) {
        json_key(j, s->members[i].name);
        put_member_schema(j, &s->members[i]);
    }
    json_end_object(j);
    put_required(j, s);
    if (s->is_open)
        json_put_bool(j, "additionalProperties", true);
    if (s->others) {
        json_key(j, "additionalProperties");
        describe_schema_of(j, s->others, ANSWER_ONE);
    }
}

void describe_schema(struct json_out *j, const struct shape *s)
{
    json_begin_object(j);
    put_type(j, "object", false);
    put_about(j, s->about);
    put_properties(j, s);
    json_end_object(j);
}

static void put_list(struct json_out *j, const struct shape *s)
{
    json_begin_object(j);
    put_type(j, "array", false);
    json_key(j, "items");
    describe_schema_of(j, s, ANSWER_ONE);
    json_end_object(j);
}

static void put_page(struct json_out *j, const struct shape *s)
{
    static const struct member next = {
        "next", SHAPE_TEXT, 0, "The `cursor` of the next page; null on the last one.", .can_be_null = true};
    json_begin_object(j);
    put_type(j, "object", false);
    json_key(j, "properties");
    json_begin_object(j);
    json_key(j, "data");
    put_list(j, s);
    json_key(j, "next");
    put_member_schema(j, &next);
    json_end_object(j);
    json_key(j, "required");
    json_begin_array(j);
    json_string(j, "data");
    json_string(j, "next");
    json_end_array(j);
    json_end_object(j);
}

void describe_schema_of(struct json_out *j, const struct shape *s, enum answer_form form)
{
    if (form == ANSWER_LIST) {
        put_list(j, s);
    } else if (form == ANSWER_PAGE) {
        put_page(j, s);
    } else if (!s->name) {
        describe_schema(j, s);
    } else {
        json_begin_object(j);
        put_reference(j, s->name);
        json_end_object(j);
    }
}

/* --- what is sent --- */

static void put_bounds(struct json_out *j, const char *least, const char *most, int64_t smallest,
                       int64_t largest)
{
    if (smallest)
        json_put_int(j, least, smallest);
    if (largest && largest < INT64_MAX)
        json_put_int(j, most, largest);
}

/* Bounds of texts are bytes, of which a character is at least one. */
void describe_param_schema(struct json_out *j, const struct param *p)
{
    json_begin_object(j);
    if (p->is_list) {
        put_type(j, "array", false);
        json_key(j, "items");
        json_begin_object(j);
    }
    switch (p->kind) {
    case PARAM_TEXT:
        put_type(j, "string", false);
        if (p->word_count)
            put_words(j, p->words, p->word_count, false);
        else
            put_bounds(j, "minLength", "maxLength", p->smallest, p->largest);
        break;
    case PARAM_INT:
        put_type(j, "integer", false);
        put_bounds(j, "minimum", "maximum", p->smallest, p->largest);
        break;
    case PARAM_BOOL:
        put_type(j, "boolean", false);
        break;
    case PARAM_TIME:
        put_type(j, "string", false);
        json_put_string(j, "format", "date-time");
        break;
    }
    if (p->is_list)
        json_end_object(j);
    json_end_object(j);
}

static void put_strings(struct json_out *j, const struct json_field *f)
{
    put_type(j, "array", false);
    put_bounds(j, "minItems", "maxItems", f->smallest, f->largest);
    json_key(j, "items");
    json_begin_object(j);
    put_type(j, "string", false);
    json_end_object(j);
}

static void put_field_members(struct json_out *j, const struct json_field *fields, size_t count,
                              bool is_open);

static void put_text_or_object(struct json_out *j, const struct json_field *f, bool is_open)
{
    json_key(j, "anyOf");
    json_begin_array(j);
    json_begin_object(j);
    put_type(j, "string", false);
    json_end_object(j);
    describe_body_schema(j, f->members, f->member_count, is_open);
    json_end_array(j);
}

/* Words with blanks between them; NULL: none. */
static void put_types(struct json_out *j, const char *types)
{
    if (!types)
        return;
    json_key(j, "type");
    json_begin_array(j);
    for (size_t len; (len = strcspn(types, " ")) > 0; types += len + (types[len] == ' '))
        json_string_len(j, types, len);
    json_end_array(j);
}

static void put_field(struct json_out *j, const struct json_field *f, bool is_open)
{
    json_begin_object(j);
    put_about(j, f->about);
    switch (f->kind) {
    case JSON_TO_STRING:
        put_type(j, "string", false);
        if (f->word_count)
            put_words(j, f->words, f->word_count, false);
        else
            put_bounds(j, "minLength", "maxLength", f->smallest, f->largest);
        break;
    case JSON_TO_INT:
        put_type(j, "integer", false);
        put_bounds(j, "minimum", "maximum", f->smallest, f->largest);
        break;
    case JSON_TO_REAL:
        put_type(j, "number", false);
        json_put_int(j, "minimum", f->smallest);
        json_put_int(j, "maximum", f->largest);
        break;
    case JSON_TO_BOOL:
        put_type(j, "boolean", false);
        break;
    case JSON_TO_STRINGS:
        put_strings(j, f);
        break;
    case JSON_TO_OBJECT:
        put_type(j, "object", false);
        if (f->members)
            put_field_members(j, f->members, f->member_count, is_open);
        break;
    case JSON_TO_VALUE:
        if (f->members)
            put_text_or_object(j, f, is_open);
        else
            put_types(j, f->types);
        break;
    }
    json_end_object(j);
}

static void put_field_members(struct json_out *j, const struct json_field *fields, size_t count, bool is_open)
{
    json_key(j, "properties");
    json_begin_object(j);
    for (size_t i = 0; i < count; i++) {
        json_key(j, fields[i].name);
        put_field(j, &fields[i], is_open);
    }
    json_end_object(j);
    json_key(j, "required");
    json_begin_array(j);
    for (size_t i = 0; i < count; i++)
        if (fields[i].required)
            json_string(j, fields[i].name);
    json_end_array(j);
    json_put_bool(j, "additionalProperties", is_open);
}

void describe_body_schema(struct json_out *j, const struct json_field *fields, size_t count, bool is_open)
{
    json_begin_object(j);
    put_type(j, "object", false);
    put_field_members(j, fields, count, is_open);
    json_end_object(j);
}

/* --- examples --- */

static void put_example(struct json_out *j, const struct member *m)
{
    const char *text = m->example ? m->example : kinds[m->kind].example;
    bool whole = m->example && m->is_list;
    if (m->is_list && !whole)
        json_begin_array(j);
    const struct shape *of = m->either ? m->either[0] : m->of;
    if (!m->example && m->kind == SHAPE_OBJECT && of)
        describe_example(j, of, ANSWER_ONE);
    else if (!m->example && m->word_count)
        json_string(j, m->words[0]);
    else
        json_raw(j, text, strlen(text));
    if (m->is_list && !whole)
        json_end_array(j);
}

static void put_example_object(struct json_out *j, const struct shape *s)
{
    json_begin_object(j);
    for (size_t i = 0; i < s->count; i++) {
        json_key(j, s->members[i].name);
        put_example(j, &s->members[i]);
    }
    json_end_object(j);
}

void describe_example(struct json_out *j, const struct shape *s, enum answer_form form)
{
    if (form == ANSWER_PAGE) {
        json_begin_object(j);
        json_key(j, "data");
    }
    if (form != ANSWER_ONE)
        json_begin_array(j);
    put_example_object(j, s);
    if (form != ANSWER_ONE)
        json_end_array(j);
    if (form == ANSWER_PAGE) {
        json_key(j, "next");
        json_null(j);
        json_end_object(j);
    }
}
