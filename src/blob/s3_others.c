/* SPDX-License-Identifier: Apache-2.0 */
/* What is done only with buckets of others: looking through one in order, and finding out what it lets us do;
 * see s3.h. */
#include "base/id.h"
#include "base/text.h"
#include "blob/s3_inside.h"

#include <stdio.h>
#include <string.h>

/* --- all objects --- */

struct visit {
    struct s3 *s3;
    s3_object_fn *each;
    void *ctx;
    struct err *e;
    char last[1100];
};

static int visit_object(void *ctx, const struct s3_entry *entry)
{
    struct visit *v = ctx;
    char etag[sizeof entry->etag];
    if (*v->last && strcmp(entry->key, v->last) <= 0)
        return s3_fail(v->s3, v->e, ERR_STORAGE, "its list is not in the order of keys");
    text_copy(v->last, sizeof v->last, entry->key);
    s3_bare_etag(entry->etag, etag, sizeof etag);
    struct s3_object o = {.key = entry->key, .size = entry->size, .etag = etag, .since = entry->time};
    return v->each(v->ctx, &o, v->e);
}

static void ask_for_list(struct s3_call *c, struct s3 *s)
{
    s3_call_init(c, s, "GET", "");
    s3_call_query(c, "list-type", "2");
    s3_call_query(c, "encoding-type", "url");
    s3_call_query(c, "prefix", s->place.prefix);
}

int s3_each(struct blob_store *store, s3_object_fn *each, void *ctx, struct err *e)
{
    struct s3 *s = (struct s3 *)store;
    struct visit v = {.s3 = s, .each = each, .ctx = ctx, .e = e};
    struct s3_page page = {"", ""};
    int rc = 1;
    while (rc > 0) {
        struct s3_call c;
        ask_for_list(&c, s);
        if (*page.next)
            s3_call_query(&c, "continuation-token", page.next);
        rc = s3_list_page(&c, visit_object, &v, &page, e);
        s3_call_free(&c);
    }
    return rc;
}

int s3_stat(struct blob_store *store, const char *key, int64_t *ret_size, char *ret_etag, size_t size,
            struct err *e)
{
    struct s3_call c;
    s3_call_object(&c, (struct s3 *)store, "HEAD", key);
    s3_call_run(&c);
    int rc = c.good ? 1 : s3_call_error(&c, e);
    if (c.good) {
        *ret_size = c.content_length;
        s3_bare_etag(c.etag, ret_etag, size);
    }
    s3_call_free(&c);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* --- a try --- */

enum { TOKEN = 24 };

static const char *judge(const struct s3_call *c)
{
    if (s3_call_is_refused(c))
        return "address-not-allowed";
    if (c->transfer.outcome != TRANSFER_ANSWERED)
        return "connection-failed";
    switch (c->transfer.status) {
    case 401:
    case 403:
        return "access-denied";
    case 404:
        return "no-such-bucket";
    default:
        return "unexpected-answer";
    }
}

/* 1 if it went well. */
static bool finish(struct s3_call *c, struct s3_probe *ret)
{
    struct err e;
    c->tries = 1;
    c->seconds = S3_PROBE_SECONDS;
    s3_call_run(c);
    ret->done++;
    if (!c->good) {
        (void)s3_call_error(c, &e);
        ret->word = judge(c);
        text_copy(ret->sentence, sizeof ret->sentence, e.detail);
        text_copy(ret->log, sizeof ret->log, e.log);
    }
    return c->good;
}

static bool try_list(struct s3 *s, struct s3_probe *ret)
{
    struct s3_call c;
    ask_for_list(&c, s);
    s3_call_query(&c, "max-keys", "1");
    bool good = finish(&c, ret);
    s3_call_free(&c);
    return good;
}

static bool try_write(struct s3 *s, const char *key, const char *text, struct s3_probe *ret)
{
    struct s3_call c;
    s3_call_object(&c, s, "PUT", key);
    c.transfer.body = text;
    c.transfer.body_size = (int64_t)strlen(text);
    s3_add_md5(&c, text, strlen(text));
    bool good = finish(&c, ret);
    s3_call_free(&c);
    return good;
}

static bool try_read(struct s3 *s, const char *key, const char *text, struct s3_probe *ret)
{
    struct s3_call c;
    s3_call_object(&c, s, "GET", key);
    bool good = finish(&c, ret);
    if (good && (c.answer.len != strlen(text) || memcmp(c.answer.bytes, text, c.answer.len) != 0)) {
        good = false;
        ret->word = "wrong-bytes";
        text_copy(ret->sentence, sizeof ret->sentence, "what was written comes back as something else");
    }
    s3_call_free(&c);
    return good;
}

static bool try_remove(struct s3 *s, const char *key, struct s3_probe *ret)
{
    struct s3_call c;
    s3_call_object(&c, s, "DELETE", key);
    bool good = finish(&c, ret);
    s3_call_free(&c);
    return good;
}

void s3_try(struct blob_store *store, struct s3_probe *ret)
{
    struct s3 *s = (struct s3 *)store;
    char token[TOKEN + 1];
    struct arena a = {0};
    *ret = (struct s3_probe){.done = 0};
    id_token(token, TOKEN);
    const char *key = arena_printf(&a, "%sresultd-test-%s", s->place.prefix, token);
    if (try_list(s, ret) && try_write(s, key, token, ret) && try_read(s, key, token, ret))
        (void)try_remove(s, key, ret);
    arena_free(&a);
}
