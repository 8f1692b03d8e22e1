/* SPDX-License-Identifier: Apache-2.0 */
/* See buckets.h. The mutex covers making the engine and its threads, once. */
#include "core/buckets.h"

#include "base/log.h"
#include "base/text.h"
#include "core/secret.h"
#include "core/storage.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct buckets {
    struct core *core;
    char *scratch;
    pthread_mutex_t mutex;
    struct s3_engine *engine; /* mutex; NULL: not needed so far */
    struct pool *workers;     /* mutex; NULL: not needed so far */
    bool gave_up;             /* mutex */
};

struct buckets *buckets_new(struct core *core, const char *scratch)
{
    struct buckets *b = mem_alloc(sizeof *b);
    *b = (struct buckets){.core = core, .scratch = mem_strdup(scratch)};
    if (pthread_mutex_init(&b->mutex, NULL))
        abort();
    return b;
}

void buckets_give_up(struct buckets *b)
{
    (void)pthread_mutex_lock(&b->mutex);
    b->gave_up = true;
    if (b->engine)
        s3_engine_give_up(b->engine);
    (void)pthread_mutex_unlock(&b->mutex);
}

void buckets_free(struct buckets *b)
{
    if (!b)
        return;
    pool_free(b->workers);
    s3_engine_free(b->engine);
    (void)pthread_mutex_destroy(&b->mutex);
    free(b->scratch);
    free(b);
}

static bool any_address(void *core)
{
    return core_settings(core)->private_endpoints;
}

/* With the mutex. */
static int make_engine(struct buckets *b, struct err *e)
{
    const struct settings *set = core_settings(b->core);
    struct s3_options o = {.scratch = b->scratch,
                           .threads = (int)set->bucket_threads,
                           .connections = (int)set->bucket_connections,
                           .tries = (int)set->bucket_tries,
                           .patience = set->bucket_patience,
                           .silence = set->bucket_silence,
                           .lowest_rate = set->storage_lowest_rate,
                           .rate_time = set->storage_rate_time,
                           .answer_time = set->storage_answer_time,
                           .memory = set->download_memory,
                           .any_address = any_address,
                           .ctx = b->core};
    if (b->engine)
        return 0;
    int rc = s3_engine_new(&o, &b->engine, e);
    if (rc == 0 && b->gave_up)
        s3_engine_give_up(b->engine);
    return rc;
}

void buckets_run(struct core *core, struct pool_task *task)
{
    struct buckets *b = core->buckets;
    (void)pthread_mutex_lock(&b->mutex);
    if (!b->workers)
        b->workers = pool_new((int)core_settings(core)->storage_workers, "storages");
    pool_add(b->workers, task);
    (void)pthread_mutex_unlock(&b->mutex);
}

int buckets_open(struct core *core, const struct storage *st, struct blob_store **ret, struct err *e)
{
    struct buckets *b = core->buckets;
    struct arena a = {0};
    const char *secret = NULL;
    size_t len = 0;
    (void)pthread_mutex_lock(&b->mutex);
    int rc = make_engine(b, e);
    (void)pthread_mutex_unlock(&b->mutex);
    if (rc == 0)
        rc = secret_unseal(core->secrets, &a, STORAGE_PURPOSE, st->secret, &secret, &len, e);
    if (rc == 0) {
        struct s3_bucket bucket = {.url = storage_address(&a, st),
                                   .name = st->name,
                                   .holder = st->project,
                                   .access_key_id = st->access_key_id,
                                   .secret_access_key = secret};
        rc = s3_attach(b->engine, &bucket, ret, e);
        OPENSSL_cleanse((void *)(uintptr_t)secret, len);
    }
    arena_free(&a);
    return rc;
}

int buckets_expect(struct core *core, const struct storage *st, const struct result *r, struct blob **ret,
                   struct err *e)
{
    struct blob_store *store = NULL;
    int rc = buckets_open(core, st, &store, e);
    if (rc == 0)
        rc = s3_expect(store, r->object, r->size, r->etag ? r->etag : "", ret, e);
    blob_store_close(store);
    return rc;
}

int buckets_link(struct session *s, const struct storage *st, const struct result *r, const char *disposition,
                 int64_t seconds, const char **ret, struct err *e)
{
    struct blob_store *store = NULL;
    struct blob_link l = {.key = r->object,
                          .media_type = *r->media_type ? r->media_type : "application/octet-stream",
                          .encoding = *r->content_encoding ? r->content_encoding : NULL,
                          .disposition = disposition,
                          .seconds = seconds};
    int rc = buckets_open(s->core, st, &store, e);
    if (rc == 0)
        rc = blob_link(store, s->arena, &l, ret, e);
    blob_store_close(store);
    return rc;
}

const char *const bucket_steps[] = {
    [S3_LIST] = "list", [S3_WRITE] = "write", [S3_READ] = "read", [S3_REMOVE] = "remove"};

int buckets_try(struct core *core, struct arena *a, const struct storage *st, struct trial *ret,
                struct err *e)
{
    struct blob_store *store = NULL;
    struct s3_probe probe;
    int rc = buckets_open(core, st, &store, e);
    if (rc < 0)
        return rc;
    s3_try(store, &probe);
    blob_store_close(store);
    if (*probe.log)
        log_line(LOG_WARN, "a storage was tested and cannot be used",
                 (struct log_field[]){{"storage", st->id}, {"error", probe.log}, {0}});
    *ret =
        (struct trial){.done = probe.done, .word = probe.word, .sentence = arena_strdup(a, probe.sentence)};
    return 0;
}
