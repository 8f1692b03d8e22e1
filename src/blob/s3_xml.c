/* SPDX-License-Identifier: Apache-2.0 */
/* See s3_xml.h. */
#include "blob/s3_xml.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 64 };

struct walk {
    XML_Parser parser;
    s3_xml_leaf_fn *leaf;
    s3_xml_close_fn *close;
    void *ctx;
    char names[S3_XML_DEPTH][NAME];
    int depth;
    bool has_children; /* of the element that was opened last */
    char text[S3_XML_TEXT];
    size_t len;
    bool bad;
    char root[NAME];
};

static void give_up(struct walk *w)
{
    w->bad = true;
    (void)XML_StopParser(w->parser, XML_FALSE);
}

static void on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    struct walk *w = ctx;
    (void)attributes;
    if (w->depth == S3_XML_DEPTH || strlen(name) >= NAME) {
        give_up(w);
        return;
    }
    text_copy(w->names[w->depth], NAME, name);
    if (w->depth == 0)
        text_copy(w->root, NAME, name);
    w->depth++;
    w->has_children = false;
    w->len = 0;
}

static void on_end(void *ctx, const XML_Char *name)
{
    struct walk *w = ctx;
    if (w->bad || w->depth == 0)
        return;
    w->depth--;
    w->text[w->len] = '\0';
    if (w->has_children && w->close)
        w->close(w->ctx, name);
    else if (!w->has_children && w->leaf)
        w->leaf(w->ctx, w->depth ? w->names[w->depth - 1] : "", name, w->text);
    w->has_children = true;
    w->len = 0;
}

static void on_text(void *ctx, const XML_Char *text, int len)
{
    struct walk *w = ctx;
    if (w->len + (size_t)len >= sizeof w->text) {
        give_up(w);
        return;
    }
    memcpy(w->text + w->len, text, (size_t)len);
    w->len += (size_t)len;
}

static void on_doctype(void *ctx, const XML_Char *name, const XML_Char *system, const XML_Char *public_,
                       int has_internal)
{
    (void)name;
    (void)system;
    (void)public_;
    (void)has_internal;
    give_up(ctx);
}

bool s3_xml_read(const char *bytes, size_t len, char *ret_root, size_t size, s3_xml_leaf_fn *leaf,
                 s3_xml_close_fn *close, void *ctx)
{
    struct walk *w = mem_alloc(sizeof *w);
    memset(w, 0, sizeof *w);
    w->leaf = leaf;
    w->close = close;
    w->ctx = ctx;
    w->parser = XML_ParserCreate(NULL);
    bool good = w->parser && len <= INT32_MAX;
    if (good) {
        XML_SetUserData(w->parser, w);
        XML_SetElementHandler(w->parser, on_start, on_end);
        XML_SetCharacterDataHandler(w->parser, on_text);
        XML_SetStartDoctypeDeclHandler(w->parser, on_doctype);
        good = XML_Parse(w->parser, bytes, (int)len, XML_TRUE) == XML_STATUS_OK && !w->bad;
        text_copy(ret_root, size, w->root);
    }
    if (w->parser)
        XML_ParserFree(w->parser);
    free(w);
    return good;
}

/* --- errors --- */

static void take_fault(void *ctx, const char *parent, const char *name, const char *text)
{
    struct s3_fault *f = ctx;
    if (strcmp(parent, "Error") != 0)
        return;
    if (strcmp(name, "Code") == 0)
        text_copy(f->code, sizeof f->code, text);
    else if (strcmp(name, "Message") == 0)
        text_copy(f->message, sizeof f->message, text);
}

bool s3_xml_fault(const char *bytes, size_t len, struct s3_fault *ret)
{
    char root[NAME];
    struct s3_fault f = {"", ""};
    if (!s3_xml_read(bytes, len, root, sizeof root, take_fault, NULL, &f) || strcmp(root, "Error") != 0)
        return false;
    *ret = f;
    return true;
}

/* --- one text --- */

struct wanted {
    const char *root, *name;
    char *ret;
    size_t size;
    bool found;
};

static void take_text(void *ctx, const char *parent, const char *name, const char *text)
{
    struct wanted *w = ctx;
    if (strcmp(parent, w->root) != 0 || strcmp(name, w->name) != 0 || strlen(text) >= w->size || !*text)
        return;
    text_copy(w->ret, w->size, text);
    w->found = true;
}

bool s3_xml_text(const char *bytes, size_t len, const char *root, const char *name, char *ret, size_t size)
{
    char have[NAME];
    char *text = mem_alloc(size); /* what comes before a fault further on is none of the caller's */
    struct wanted w = {root, name, text, size, false};
    bool good = s3_xml_read(bytes, len, have, sizeof have, take_text, NULL, &w) && w.found;
    if (good)
        text_copy(ret, size, text);
    free(text);
    return good;
}

/* --- what was removed --- */

struct removals {
    s3_removed_fn *each;
    void *ctx;
    char key[1100], fault[NAME];
};

static void take_removal(void *ctx, const char *parent, const char *name, const char *text)
{
    struct removals *r = ctx;
    (void)parent;
    if (strcmp(name, "Key") == 0)
        text_copy(r->key, sizeof r->key, text);
    else if (strcmp(name, "Code") == 0)
        text_copy(r->fault, sizeof r->fault, text);
}

static void close_removal(void *ctx, const char *name)
{
    struct removals *r = ctx;
    if (strcmp(name, "Deleted") == 0)
        r->each(r->ctx, r->key, NULL);
    else if (strcmp(name, "Error") == 0)
        r->each(r->ctx, r->key, r->fault);
    r->key[0] = r->fault[0] = '\0';
}

bool s3_xml_removed(const char *bytes, size_t len, s3_removed_fn *each, void *ctx)
{
    char root[NAME] = "";
    struct removals r = {.each = each, .ctx = ctx};
    return s3_xml_read(bytes, len, root, sizeof root, take_removal, close_removal, &r) &&
           strcmp(root, "DeleteResult") == 0;
}

/* --- lists --- */

struct listing {
    s3_entry_fn *each;
    void *ctx;
    int rc;
    struct s3_entry entry;
    struct s3_page page;
    bool truncated;
};

/* Keys come encoded as in a query, which is what was asked for. */
static void take_key(char *to, size_t size, const char *text)
{
    struct arena a = {0};
    char *plain;
    size_t len;
    if (text_unpercent(&a, text, strlen(text), true, &plain, &len) && !memchr(plain, '\0', len) && len < size)
        memcpy(to, plain, len + 1);
    else
        *to = '\0';
    arena_free(&a);
}

static void take_of_entry(struct s3_entry *en, const char *name, const char *text)
{
    if (strcmp(name, "Key") == 0)
        take_key(en->key, sizeof en->key, text);
    else if (strcmp(name, "UploadId") == 0)
        text_copy(en->upload, sizeof en->upload, text);
    else if (strcmp(name, "PartNumber") == 0)
        text_copy(en->part, sizeof en->part, text);
    else if (strcmp(name, "ETag") == 0)
        text_copy(en->etag, sizeof en->etag, text);
    else if (strcmp(name, "Size") == 0)
        (void)text_uint(text, strlen(text), &en->size);
    else if (strcmp(name, "LastModified") == 0 || strcmp(name, "Initiated") == 0)
        (void)clock_parse_rfc3339(text, &en->time);
}

static void take_of_list(struct listing *l, const char *name, const char *text)
{
    if (strcmp(name, "IsTruncated") == 0)
        l->truncated = strcmp(text, "true") == 0;
    else if (strcmp(name, "NextContinuationToken") == 0 || strcmp(name, "NextPartNumberMarker") == 0)
        text_copy(l->page.next, sizeof l->page.next, text);
    else if (strcmp(name, "NextKeyMarker") == 0)
        take_key(l->page.next, sizeof l->page.next, text);
    else if (strcmp(name, "NextUploadIdMarker") == 0)
        text_copy(l->page.next_upload, sizeof l->page.next_upload, text);
}

static bool is_entry(const char *name)
{
    return strcmp(name, "Contents") == 0 || strcmp(name, "Upload") == 0 || strcmp(name, "Part") == 0;
}

static void take_leaf(void *ctx, const char *parent, const char *name, const char *text)
{
    struct listing *l = ctx;
    if (is_entry(parent))
        take_of_entry(&l->entry, name, text);
    else
        take_of_list(l, name, text);
}

static void close_element(void *ctx, const char *name)
{
    struct listing *l = ctx;
    if (!is_entry(name))
        return;
    if (l->rc >= 0)
        l->rc = l->each(l->ctx, &l->entry);
    l->entry = (struct s3_entry){.size = 0};
}

int s3_xml_list(const char *bytes, size_t len, s3_entry_fn *each, void *ctx, struct s3_page *ret)
{
    static const char *const roots[] = {"ListBucketResult", "ListMultipartUploadsResult", "ListPartsResult"};
    char root[NAME] = "";
    struct listing *l = mem_alloc(sizeof *l);
    *l = (struct listing){.each = each, .ctx = ctx};
    bool good = s3_xml_read(bytes, len, root, sizeof root, take_leaf, close_element, l);
    bool is_list = false;
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++)
        is_list = is_list || strcmp(root, roots[i]) == 0;
    int rc = l->rc < 0 ? l->rc : good && is_list;
    *ret = l->truncated ? l->page : (struct s3_page){"", ""};
    free(l);
    return rc;
}
