/* SPDX-License-Identifier: Apache-2.0 */
/* An API as a page: the same tables as describe.c, in HTML without scripts. */
#include "api/describe.h"

#include "core/access.h"

#include <string.h>

/* --- text --- */

static void put_plain(struct buf *b, const char *text)
{
    buf_add_escaped(b, text, strlen(text));
}

/* Of Markdown only `code`: more the sentences do not use. */
static void put_prose(struct buf *b, const char *text)
{
    bool code = false;
    for (size_t len; text && *text; text += len + (text[len] == '`')) {
        len = strcspn(text, "`");
        buf_add_escaped(b, text, len);
        if (text[len])
            buf_puts(b, (code = !code) ? "<code>" : "</code>");
    }
}

static void put_paragraph(struct buf *b, const char *text)
{
    if (!text)
        return;
    buf_puts(b, "<p>");
    put_prose(b, text);
    buf_puts(b, "</p>\n");
}

static void put_cells(struct buf *b, const char *code, const char *kind, const char *about)
{
    buf_puts(b, "<tr><th scope=\"row\"><code>");
    put_plain(b, code);
    buf_puts(b, "</code></th><td>");
    put_prose(b, kind);
    buf_puts(b, "</td><td>");
    put_prose(b, about);
    buf_puts(b, "</td></tr>\n");
}

static void begin_table(struct buf *b, const char *caption)
{
    buf_printf(b, "<table><caption>%s</caption>\n", caption);
}

static void end_table(struct buf *b)
{
    buf_puts(b, "</table>\n");
}

/* Links are relative, so that the server may be mounted below a path: `here` leads to the folder of the
 * pages. */
static void begin_page(struct buf *b, const char *title, const char *here)
{
    buf_puts(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    put_plain(b, title);
    buf_printf(b, "</title>\n<link rel=\"stylesheet\" href=\"%sstyle.css\">\n</head>\n<body>\n<main>\n<h1>",
               here);
    put_plain(b, title);
    buf_puts(b, "</h1>\n");
}

static void end_page(struct buf *b)
{
    buf_puts(b, "</main>\n</body>\n</html>\n");
}

/* --- what is sent --- */

static const char *choice(struct arena *a, const char *const *words, int count)
{
    struct buf b = {.arena = a};
    for (int i = 0; i < count; i++)
        buf_printf(&b, "%s`%s`", i ? " · " : "", words[i]);
    return buf_str(&b);
}

static const char *kind_of_param(struct arena *a, const struct param *p)
{
    static const char *const kinds[] = {
        [PARAM_TEXT] = "text", [PARAM_INT] = "number", [PARAM_BOOL] = "true or false", [PARAM_TIME] = "time"};
    const char *kind = p->word_count ? choice(a, p->words, p->word_count) : kinds[p->kind];
    const char *example = p->example ? arena_printf(a, ", like `%s`", p->example) : "";
    return arena_printf(a, "%s%s%s%s", kind, p->is_list ? ", repeatable" : "",
                        p->required ? ", required" : "", example);
}

static const char *kind_of_field(struct arena *a, const struct json_field *f)
{
    static const char *const kinds[] = {
        [JSON_TO_STRING] = "text",        [JSON_TO_INT] = "number", [JSON_TO_REAL] = "number",
        [JSON_TO_BOOL] = "true or false", [JSON_TO_VALUE] = "any",  [JSON_TO_OBJECT] = "object",
        [JSON_TO_STRINGS] = "texts",
    };
    const char *kind = f->word_count                                 ? choice(a, f->words, f->word_count)
                       : f->kind == JSON_TO_VALUE && f->member_count ? "text or object"
                       : f->types                                    ? f->types
                                                                     : kinds[f->kind];
    return arena_printf(a, "%s%s", kind, f->required ? ", required" : "");
}

static void put_params_of(struct buf *b, const char *caption, const struct param *params, size_t count)
{
    if (!count)
        return;
    begin_table(b, caption);
    for (size_t i = 0; i < count; i++)
        put_cells(b, params[i].name, kind_of_param(b->arena, &params[i]), params[i].about);
    end_table(b);
}

static void put_params(struct buf *b, const struct operation *o)
{
    struct param params[DESCRIBE_PARAMS];
    put_params_of(b, "Parameters", params, describe_params(o, params));
    put_params_of(b, "Header fields", o->headers, o->header_count);
}

static void put_fields(struct buf *b, const struct json_field *fields, size_t count, const char *before)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = arena_printf(b->arena, "%s%s", before, fields[i].name);
        put_cells(b, name, kind_of_field(b->arena, &fields[i]), fields[i].about);
        put_fields(b, fields[i].members, fields[i].member_count, arena_printf(b->arena, "%s.", name));
    }
}

/* --- objects --- */

static const char *any_of(struct arena *a, const struct shape *const *shapes)
{
    struct buf b = {.arena = a};
    for (int i = 0; shapes[i]; i++)
        buf_printf(&b, "%s%s", i ? " or " : "", shapes[i]->name);
    return buf_str(&b);
}

static const char *kind_of_member(struct arena *a, const struct member *m)
{
    static const char *const kinds[] = {
        [SHAPE_TEXT] = "text",    [SHAPE_CHARS] = "text",  [SHAPE_UUID] = "id",
        [SHAPE_URL] = "address",  [SHAPE_TIME] = "time",   [SHAPE_INT] = "number",
        [SHAPE_COUNT] = "number", [SHAPE_REAL] = "number", [SHAPE_BOOL] = "true or false",
        [SHAPE_WORD] = "word",    [SHAPE_JSON] = "any",    [SHAPE_OBJECT] = "object",
    };
    const char *kind = m->word_count          ? choice(a, m->words, m->word_count)
                       : m->either            ? any_of(a, m->either)
                       : m->of && m->of->name ? m->of->name
                                              : kinds[m->kind];
    return arena_printf(a, "%s%s%s%s", m->is_list ? "list of " : "", kind, m->can_be_null ? " or null" : "",
                        m->can_be_absent ? ", may be absent" : "");
}

static void put_shape_members(struct buf *b, const struct shape *s, const char *before)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct member *m = &s->members[i];
        const char *name = arena_printf(b->arena, "%s%s", before, m->name);
        put_cells(b, name, kind_of_member(b->arena, m), m->about);
        if (m->of && !m->of->name)
            put_shape_members(b, m->of, arena_printf(b->arena, "%s.", name));
    }
}

static void put_request_body(struct buf *b, const struct operation *o)
{
    if (!o->field_count && !o->body)
        return;
    begin_table(b, o->body_media ? "Form" : o->body_optional ? "Body, which may be absent" : "Body");
    put_fields(b, o->fields, o->field_count, "");
    if (o->body)
        put_shape_members(b, o->body, "");
    end_table(b);
    if (o->body_example && !o->body_media) {
        buf_puts(b, "<pre tabindex=\"0\"><code>");
        put_plain(b, o->body_example);
        buf_puts(b, "</code></pre>\n");
    }
}

static void put_shape(struct buf *b, const struct shape *s)
{
    buf_printf(b, "<section id=\"%s\">\n<h3>%s</h3>\n", s->name, s->name);
    put_paragraph(b, s->about);
    begin_table(b, "Members");
    put_shape_members(b, s, "");
    if (s->others)
        put_cells(b, "…", s->others->name ? s->others->name : "object", "under any name");
    end_table(b);
    buf_puts(b, "</section>\n");
}

/* --- what is answered --- */

static const char *what_is_answered(struct arena *a, const struct answer *answer)
{
    static const char *const forms[] = {
        [ANSWER_ONE] = "", [ANSWER_LIST] = "list of ", [ANSWER_PAGE] = "page of "};
    if (answer->shape && answer->shape->name)
        return arena_printf(a, "%s%s", forms[answer->form], answer->shape->name);
    return answer->media_type ? answer->media_type : answer->shape ? "object" : "";
}

static void put_answers(struct buf *b, const struct api *api, const struct route *r)
{
    int refusals[DESCRIBE_REFUSALS];
    size_t count = describe_refusals(api, r, refusals);
    begin_table(b, "Answers");
    for (size_t i = 0; i < API_COUNT(r->operation->answers) && r->operation->answers[i].status; i++) {
        const struct answer *a = &r->operation->answers[i];
        put_cells(b, arena_printf(b->arena, "%d", a->status), what_is_answered(b->arena, a), a->about);
    }
    for (size_t i = 0; i < count; i++)
        put_cells(b, arena_printf(b->arena, "%d", refusals[i]), "", describe_refusal(api, refusals[i]));
    end_table(b);
}

/* --- operations --- */

static void put_operation(struct buf *b, const struct api *api, const char *mount, const struct route *r)
{
    const struct operation *o = r->operation;
    buf_printf(b, "<section id=\"%s\">\n<h3>", o->id);
    put_prose(b, o->summary);
    buf_printf(b, "</h3>\n<p class=\"call\"><code><b>%s</b> ", http_method_names[r->method]);
    put_plain(b, mount);
    put_plain(b, describe_path(b->arena, r));
    buf_puts(b, "</code></p>\n");
    put_paragraph(b, o->about);
    if (r->need & SCOPE_ALL)
        put_paragraph(b, arena_printf(b->arena, "Needs the scope `%s`.",
                                      access_format_scopes(b->arena, r->need & SCOPE_ALL)));
    put_params(b, o);
    put_request_body(b, o);
    put_answers(b, api, r);
    buf_puts(b, "</section>\n");
}

static bool is_first_of_group(const struct api *api, size_t i)
{
    const struct operation *o = api->routes[i].operation;
    for (size_t k = 0; o && k < i; k++)
        if (api->routes[k].operation && strcmp(api->routes[k].operation->group, o->group) == 0)
            return false;
    return o;
}

typedef void each_fn(struct buf *b, const struct api *api, const char *mount, const struct route *r);

static void for_group(struct buf *b, const struct api *api, const char *mount, const char *group,
                      each_fn *each)
{
    for (size_t i = 0; i < api->route_count; i++)
        if (api->routes[i].operation && strcmp(api->routes[i].operation->group, group) == 0)
            each(b, api, mount, &api->routes[i]);
}

static void put_entry(struct buf *b, const struct api *api, const char *mount, const struct route *r)
{
    (void)api;
    (void)mount;
    buf_printf(b, "<li><a href=\"#%s\">", r->operation->id);
    put_prose(b, r->operation->summary);
    buf_puts(b, "</a></li>\n");
}

static void put_contents(struct buf *b, const struct api *api, const char *mount)
{
    buf_puts(b, "<nav aria-label=\"Contents\">\n");
    for (size_t i = 0; i < api->route_count; i++) {
        if (!is_first_of_group(api, i))
            continue;
        buf_printf(b, "<h2>%s</h2>\n<ul>\n", api->routes[i].operation->group);
        for_group(b, api, mount, api->routes[i].operation->group, put_entry);
        buf_puts(b, "</ul>\n");
    }
    buf_puts(b, "</nav>\n");
}

void describe_page(struct buf *b, const struct api *api, const char *mount)
{
    const struct shape *shapes[DESCRIBE_SHAPES];
    const struct api whole = describe_whole(b->arena, api);
    size_t count = describe_shapes(&whole, shapes);
    begin_page(b, api->description->title, "");
    put_paragraph(b, api->description->about);
    buf_printf(b,
               "<p>The same for programs: <a href=\"../openapi/%s.json\">OpenAPI 3.1</a>. "
               "<a href=\"../docs\">All APIs of this server</a>.</p>\n",
               api->name);
    put_contents(b, &whole, mount);
    for (size_t i = 0; i < whole.route_count; i++) {
        if (!is_first_of_group(&whole, i))
            continue;
        buf_printf(b, "<h2>%s</h2>\n", whole.routes[i].operation->group);
        for_group(b, &whole, mount, whole.routes[i].operation->group, put_operation);
    }
    buf_puts(b, "<h2>objects</h2>\n");
    for (size_t i = 0; i < count; i++)
        put_shape(b, shapes[i]);
    end_page(b);
}

void describe_index(struct buf *b, const struct api_mount *mounts)
{
    begin_page(b, "APIs of this server", "docs/");
    buf_puts(b, "<ul>\n");
    for (const struct api_mount *m = mounts; m->api; m++) {
        if (!m->api->description)
            continue;
        buf_printf(b, "<li><a href=\"docs/%s\">", m->api->name);
        put_plain(b, m->api->description->title);
        buf_puts(b, "</a>: ");
        put_prose(b, m->api->description->about);
        buf_printf(b, " (<a href=\"openapi/%s.json\">OpenAPI</a>)</li>\n", m->api->name);
    }
    buf_puts(b, "</ul>\n");
    end_page(b);
}

void describe_style(struct buf *b)
{
    buf_puts(b,
             ":root{color-scheme:light dark;--ground:#fff;--ink:#1b1f24}\n"
             ":root{--line:#d0d4da;--soft:#f4f5f7;--link:#0b57d0}\n"
             "@media(prefers-color-scheme:dark){:root{--ground:#14171a;--ink:#e6e8eb;\n"
             "--line:#3a4048;--soft:#1d2126;--link:#8ab4f8}}\n"
             "html{background:var(--ground);color:var(--ink)}\n"
             "body{font:1rem/1.5 system-ui,sans-serif;margin:0}\n"
             "main{max-width:62rem;margin:0 auto;padding:1rem}\n"
             "a{color:var(--link)}\n"
             "h2{margin-top:2.5rem;text-transform:capitalize}\n"
             "nav ul{columns:18rem;padding-left:1.2rem}\nnav h2{margin:1rem 0 0;font-size:1rem}\n"
             "section{border-top:1px solid var(--line);padding:.5rem 0 1rem}\n"
             "table{border-collapse:collapse;width:100%;margin:.5rem 0;font-size:.95rem}\n"
             "caption{text-align:left;font-weight:600}\n"
             "th,td{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;"
             "border-bottom:1px solid var(--line);overflow-wrap:anywhere}\n"
             "th{font-weight:400;width:22%}\ntd:nth-child(2){width:22%}\n"
             "pre,.call{background:var(--soft);padding:.5rem .7rem;overflow:auto;overflow-wrap:anywhere}\n");
}
