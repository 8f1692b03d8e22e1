/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs as objects of a bucket; see s3.h. What is neither a put nor a get, and the store itself. */
#include "blob/s3.h"

#include "base/clock.h"
#include "base/pool.h"
#include "base/text.h"
#include "blob/s3_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARTS = 256, NEGLECT = 5 };

const char *s3_object_name(struct arena *a, const struct s3 *s, const char *key)
{
    return s->name ? arena_strdup(a, key) : arena_printf(a, "%s%.2s/%s", s->place.prefix, key + 24, key);
}

static int s3_room(struct blob_store *store, int64_t *ret_free, struct err *e)
{
    (void)store;
    (void)e;
    *ret_free = INT64_MAX; /* a bucket has no end, or says so when it is asked to take more */
    return 0;
}

static int s3_fd(struct blob *b)
{
    (void)b;
    return -1;
}

/* --- lists --- */

int s3_list_page(struct s3_call *c, s3_entry_fn *each, void *ctx, struct s3_page *page, struct err *e)
{
    const struct s3_page before = *page;
    s3_call_run(c);
    if (!c->good)
        return s3_call_error(c, e);
    int rc = s3_xml_list(c->answer.bytes ? c->answer.bytes : "", c->answer.len, each, ctx, page);
    if (rc == 0)
        return s3_fail(c->s3, e, ERR_STORAGE, "a list is answered with something else");
    if (rc > 0 && *page->next && strcmp(page->next, before.next) == 0 &&
        strcmp(page->next_upload, before.next_upload) == 0)
        return s3_fail(c->s3, e, ERR_STORAGE, "a list goes on where it has gone on already");
    return rc < 0 ? rc : *page->next != '\0';
}

struct visit {
    const struct s3 *s3;
    blob_each_fn *each;
    void *ctx;
    struct err *e;
    int ended; /* by what `each` returned */
};

enum { ENDED = -1000 }; /* no code of an error: ends reading a page */

/* Below PREFIXxx/ there are but keys that belong there. */
static int visit_object(void *ctx, const struct s3_entry *entry)
{
    struct visit *v = ctx;
    size_t len = strlen(v->s3->place.prefix) + 3;
    if (strlen(entry->key) <= len)
        return 0;
    const char *key = entry->key + len;
    bool ours = id_valid(key) && memcmp(entry->key + len - 3, key + 24, 2) == 0;
    struct blob_entry found = {.key = key, .size = entry->size, .since = entry->time, .stray = !ours};
    v->ended = v->each(v->ctx, &found, v->e);
    return v->ended ? ENDED : 0;
}

/* Keys of a part are in the order of their bytes, as a bucket lists them. */
static int s3_list(struct blob_store *store, int part, const char *after, blob_each_fn *each, void *ctx,
                   struct err *e)
{
    struct s3 *s = (struct s3 *)store;
    struct visit v = {s, each, ctx, e, 0};
    struct s3_page page = {"", ""};
    int rc = 1;
    while (rc > 0) {
        struct s3_call c;
        s3_call_init(&c, s, "GET", "");
        s3_call_query(&c, "list-type", "2");
        s3_call_query(&c, "encoding-type", "url");
        const char *folder = arena_printf(&c.arena, "%s%02x/", s->place.prefix, (unsigned)part);
        s3_call_query(&c, "prefix", folder);
        if (*page.next)
            s3_call_query(&c, "continuation-token", page.next);
        else if (*after)
            s3_call_query(&c, "start-after", arena_printf(&c.arena, "%s%s", folder, after));
        rc = s3_list_page(&c, visit_object, &v, &page, e);
        s3_call_free(&c);
    }
    return v.ended ? v.ended : rc;
}

/* --- uploads of parts that nobody goes on with --- */

struct tidying {
    struct s3 *s3;
    int64_t before, count;
    struct err *e;
};

static int note_newest(void *ctx, const struct s3_entry *part)
{
    int64_t *newest = ctx;
    if (part->time > *newest)
        *newest = part->time;
    return 0;
}

/* When its last part came; a negative code if that cannot be found out. */
static int64_t newest_part(struct s3 *s, const struct s3_entry *upload, struct err *e)
{
    struct s3_page page = {"", ""};
    int64_t newest = upload->time;
    int rc = 1;
    while (rc > 0) {
        struct s3_call c;
        s3_call_init(&c, s, "GET", upload->key);
        s3_call_query(&c, "uploadId", upload->upload);
        if (*page.next)
            s3_call_query(&c, "part-number-marker", page.next);
        rc = s3_list_page(&c, note_newest, &newest, &page, e);
        s3_call_free(&c);
    }
    return rc < 0 ? rc : newest;
}

static int abort_stale(void *ctx, const struct s3_entry *upload)
{
    struct tidying *t = ctx;
    struct s3_call c;
    size_t len = strlen(t->s3->place.prefix);
    if (strncmp(upload->key, t->s3->place.prefix, len) != 0 || strlen(upload->key) != len + 3 + ID_LEN ||
        !id_valid(upload->key + len + 3) || upload->time > t->before || s3_put_is_ours(t->s3, upload->upload))
        return 0;
    int64_t newest = newest_part(t->s3, upload, t->e);
    if (newest == ERR_NOT_FOUND || newest > t->before)
        return 0;
    if (newest < 0)
        return (int)newest;
    s3_call_init(&c, t->s3, "DELETE", upload->key);
    s3_call_query(&c, "uploadId", upload->upload);
    s3_call_run(&c);
    int rc = c.good ? 0 : s3_call_error(&c, t->e);
    t->count += rc == 0;
    s3_call_free(&c);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

static int s3_tidy(struct blob_store *store, int64_t before, int64_t *ret_count, struct err *e)
{
    struct s3 *s = (struct s3 *)store;
    struct tidying t = {s, before, 0, e};
    struct s3_page page = {"", ""};
    int rc = 1;
    while (rc > 0) {
        struct s3_call c;
        s3_call_init(&c, s, "GET", "");
        s3_call_query(&c, "uploads", "");
        s3_call_query(&c, "encoding-type", "url");
        s3_call_query(&c, "prefix", s->place.prefix);
        if (*page.next)
            s3_call_query(&c, "key-marker", page.next);
        if (*page.next_upload)
            s3_call_query(&c, "upload-id-marker", page.next_upload);
        rc = s3_list_page(&c, abort_stale, &t, &page, e);
        s3_call_free(&c);
    }
    *ret_count = t.count;
    return rc;
}

/* --- addresses for others --- */

static int s3_link(struct blob_store *store, struct arena *a, const struct blob_link *l, const char **ret,
                   struct err *e)
{
    struct s3 *s = (struct s3 *)store;
    struct sigv4_keys keys;
    int64_t expires;
    int64_t now = clock_now();
    int64_t seconds = l->seconds < SIGV4_LONGEST ? l->seconds : SIGV4_LONGEST;
    struct sigv4_field query[3];
    size_t n = 0;
    s3_keys_get(s->keys, a, &keys, &expires);
    if (expires && (expires - now) / CLOCK_SECOND < seconds)
        seconds = (expires - now) / CLOCK_SECOND;
    if (seconds < 1)
        return s3_fail(s, e, ERR_STORAGE, "its keys have expired");
    if (l->disposition)
        query[n++] = (struct sigv4_field){"response-content-disposition", l->disposition};
    if (l->encoding)
        query[n++] = (struct sigv4_field){"response-content-encoding", l->encoding};
    if (l->media_type)
        query[n++] = (struct sigv4_field){"response-content-type", l->media_type};
    struct sigv4_request rq = {.keys = &keys,
                               .region = s->place.region,
                               .service = "s3",
                               .method = "GET",
                               .host = s->place.host,
                               .path = s3_place_path(a, &s->place, s3_object_name(a, s, l->key)),
                               .query = query,
                               .query_count = n,
                               .now = now};
    *ret = arena_printf(a, "%s%s?%s", s->place.origin, sigv4_path(a, &rq), sigv4_presign(a, &rq, seconds));
    return 0;
}

/* --- the engine --- */

static int open_scratch(struct s3_engine *g, struct err *e)
{
    const char *path = g->options.scratch;
    if (!*path)
        return 0;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_set(e, ERR_STORAGE, "cannot make the folder %.200s: %s", path, strerror(errno));
    g->scratch = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (g->scratch < 0)
        return err_set(e, ERR_STORAGE, "cannot open the folder %.200s: %s", path, strerror(errno));
    return 0;
}

int s3_engine_new(const struct s3_options *o, struct s3_engine **ret, struct err *e)
{
    struct s3_engine *g = mem_alloc(sizeof *g);
    *g = (struct s3_engine){.options = *o, .scratch = -1};
    int rc = open_scratch(g, e);
    if (rc < 0) {
        free(g);
        return rc;
    }
    g->transfers = transfers_new(&(struct transfer_options){.threads = o->threads,
                                                            .connections = o->connections,
                                                            .silence = o->silence,
                                                            .neglect = NEGLECT,
                                                            .lowest_rate = o->lowest_rate,
                                                            .rate_time = o->rate_time,
                                                            .answer_time = o->answer_time,
                                                            .any_address = o->any_address,
                                                            .ctx = o->ctx});
    g->hashers = pool_new(o->threads, "hasher");
    *ret = g;
    return 0;
}

void s3_engine_give_up(struct s3_engine *g)
{
    transfers_give_up(g->transfers);
}

static void await_calls(struct s3_engine *g)
{
    while (atomic_load(&g->calls) > 0) /* what aborts an upload still goes out */
        (void)usleep(1000);
}

void s3_engine_free(struct s3_engine *g)
{
    if (!g)
        return;
    await_calls(g);
    pool_free(g->hashers);
    transfers_free(g->transfers);
    if (g->scratch >= 0)
        (void)close(g->scratch);
    free(g);
}

/* --- the store --- */

static struct s3 *make(struct s3_engine *g, const char *name)
{
    struct s3 *s = mem_alloc(sizeof *s);
    *s = (struct s3){
        .store = {.ops = &s3_ops, .caps = BLOB_LISTS_COMPLETELY | BLOB_CAN_LINK}, .engine = g, .holders = 1};
    s->name = name ? arena_strdup(&s->arena, name) : NULL;
    if (pthread_mutex_init(&s->mutex, NULL))
        abort();
    return s;
}

struct s3 *s3_hold(struct s3 *s)
{
    atomic_fetch_add(&s->holders, 1);
    return s;
}

/* The last holder of our own store is who opened it; of others it may be a call that ends. */
void s3_release(struct s3 *s)
{
    if (atomic_fetch_sub(&s->holders, 1) > 1)
        return;
    s3_keys_close(s->keys);
    (void)pthread_mutex_destroy(&s->mutex);
    if (!s->name)
        s3_engine_free(s->engine);
    arena_free(&s->arena);
    free(s);
}

static void s3_give_up(struct blob_store *store)
{
    s3_engine_give_up(((struct s3 *)store)->engine);
}

static void s3_close(struct blob_store *store)
{
    struct s3 *s = (struct s3 *)store;
    if (!s->name)
        await_calls(s->engine);
    s3_release(s);
}

static int pass_over(void *ctx, const struct s3_entry *entry)
{
    (void)ctx;
    (void)entry;
    return 0;
}

/* Where keys, names and the network are right. What is wrong is said in full: the operator reads it. */
static int look(struct s3 *s, struct err *e)
{
    struct s3_call c;
    struct s3_page page = {"", ""};
    struct err why = {.code = 0};
    s3_call_init(&c, s, "GET", "");
    s3_call_query(&c, "list-type", "2");
    s3_call_query(&c, "max-keys", "1");
    s3_call_query(&c, "prefix", s->place.prefix);
    int rc = s3_list_page(&c, pass_over, NULL, &page, &why);
    s3_call_free(&c);
    if (rc < 0)
        return err_set(e, ERR_STORAGE, "cannot use the bucket %.80s at %.120s: %.200s", s->place.bucket,
                       s->place.origin, *why.log ? why.log : why.detail);
    return 0;
}

int s3_open(const struct s3_options *o, struct blob_store **ret, struct err *e)
{
    struct s3_engine *g = NULL;
    int rc = s3_engine_new(o, &g, e);
    if (rc < 0)
        return rc;
    struct s3 *s = make(g, NULL);
    rc = s3_place_parse(&s->arena, o->url, &s->place, e);
    if (rc == 0)
        rc = s3_keys_open(o->credentials, &s->keys, e);
    if (rc == 0)
        rc = look(s, e);
    if (rc < 0) {
        s3_close(&s->store);
        return rc;
    }
    *ret = &s->store;
    return 0;
}

int s3_attach(struct s3_engine *g, const struct s3_bucket *b, struct blob_store **ret, struct err *e)
{
    struct s3 *s = make(g, b->name);
    s->holder = b->holder;
    int rc = s3_place_parse(&s->arena, b->url, &s->place, e);
    if (rc == 0)
        rc = s3_keys_set(b->access_key_id, b->secret_access_key, &s->keys, e);
    if (rc < 0) {
        s3_release(s);
        return rc;
    }
    *ret = &s->store;
    return 0;
}

const char *s3_prefix(struct blob_store *store)
{
    return ((const struct s3 *)store)->place.prefix;
}

/* RFC 9110 section 8.8.3. What a header field or a database would not take is as good as none. */
static bool is_etag(const char *etag)
{
    for (const char *at = etag; *at; at++)
        if (*at < 0x21 || *at > 0x7e)
            return false;
    return true;
}

void s3_bare_etag(const char *etag, char *ret, size_t size)
{
    size_t len = strlen(etag);
    *ret = '\0';
    if (!is_etag(etag))
        return;
    bool quoted = len >= 2 && *etag == '"' && etag[len - 1] == '"';
    text_copy(ret, size, etag + quoted);
    if (quoted && len - 2 < size)
        ret[len - 2] = '\0';
}

const struct blob_ops s3_ops = {
    .name = "s3",
    .parts = PARTS,
    .close = s3_close,
    .put_open = s3_put_open,
    .put_write = s3_put_write,
    .put_read = s3_put_read,
    .put_commit = s3_put_commit,
    .put_close = s3_put_close,
    .open = s3_get_open,
    .expect = s3_get_expect,
    .read = s3_get_read,
    .read_some = s3_get_read_some,
    .wait = s3_get_wait,
    .window = s3_get_window,
    .cancel = s3_get_cancel,
    .fd = s3_fd,
    .close_blob = s3_get_close,
    .remove = s3_remove,
    .remove_many = s3_remove_many,
    .owner = s3_owner,
    .own = s3_own,
    .list = s3_list,
    .room = s3_room,
    .tidy = s3_tidy,
    .link = s3_link,
    .give_up = s3_give_up,
};
