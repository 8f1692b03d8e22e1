/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See upload.h. A large upload has two or three lanes, each a task that a worker runs while its queue has
 * pieces: one computes md5, which takes longer than all the rest, one sha256 and CRC-32 and writes, and if
 * the bytes may be a table the third looks through them. A piece is freed when all have passed it. The lane
 * that ends last finishes: digests, then the durable commit.
 *
 * Lifetime: the owner holds one reference, each scheduled lane another. When the owner lets go in the middle,
 * the lanes see `cancelled`, drop what is queued and the last one frees. The mutex covers what is marked.
 */
#include "core/upload.h"

#include "base/clock.h"
#include "base/pool.h"
#include "core/buckets.h"
#include "core/storage.h"

#include <assert.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { LANE_MD5, LANE_REST, LANE_TABLE, LANES };
enum { MAX_IN_FLIGHT = 1 << 20, RESUME_BELOW = 256 << 10, LOOK_EVERY = 8 << 20 };

struct piece {
    struct piece *next[LANES];
    int lanes_left; /* covered by the upload's mutex */
    size_t len;
    unsigned char bytes[];
};

struct lane {
    struct pool_task task;
    struct upload *upload;
    struct piece *first; /* mutex */
    struct piece **last; /* mutex */
    bool scheduled;      /* mutex */
    bool begun;          /* mutex: it has been scheduled before, and waits for as long as it takes */
};

struct upload {
    struct core *core;
    upload_wake_fn *wake;
    void *wake_ctx;
    struct upload_result result;
    struct blob_store *store; /* the core's, or of a storage: then it is ours to close */
    struct arena texts;       /* of what goes to a storage */
    struct upload_goal goal;
    struct digest *digest;
    struct table_scan *scan; /* the TABLE lane's, the owner's once finished; NULL: no such lane */
    int lane_count;
    int64_t inline_limit;

    unsigned char *gathered; /* of a small one */
    size_t gathered_size;
    bool streaming; /* it went over inline_limit, or goes elsewhere */
    bool elsewhere; /* to a storage of clients */

    pthread_mutex_t mutex;
    struct lane lanes[LANES];
    int references;    /* mutex */
    int64_t in_flight; /* mutex: bytes queued and not yet passed by all lanes */
    bool paused;       /* mutex: the owner waits for `wake` */
    bool ended;        /* mutex: no more pieces will come */
    bool cancelled;    /* mutex: the owner is gone */

    int64_t since_look;   /* the REST lane's: bytes written since it looked for room */
    struct blob_put *put; /* the REST lane's, the owner's once finished */
    bool committed;
    bool keep;
    int rc;           /* mutex: why it cannot be stored */
    struct err error; /* mutex */
};

static void run_lane(struct pool_task *task);

static void set_failure(struct upload *u, int rc, const struct err *e)
{
    (void)pthread_mutex_lock(&u->mutex);
    u->rc = rc;
    u->error = *e;
    (void)pthread_mutex_unlock(&u->mutex);
}

/* What cannot be opened is told when the first bytes come. */
static void aim(struct upload *u, const struct upload_goal *goal)
{
    struct err e;
    int rc = buckets_open(u->core, goal->storage, &u->store, &e);
    if (rc < 0) {
        set_failure(u, rc, &e);
        return;
    }
    u->result.storage = goal->storage->pk;
    u->result.object = storage_key(&u->texts, s3_prefix(u->store), u->result.id, goal->name);
    u->goal =
        (struct upload_goal){.media_type = arena_strdup(&u->texts, goal->media_type),
                             .encoding = goal->encoding ? arena_strdup(&u->texts, goal->encoding) : NULL};
}

static const char *key_of(const struct upload *u)
{
    return u->result.storage ? u->result.object : u->result.id;
}

/* Of workers: those of the server's own storage do not wait for others. */
static void run(struct upload *u, struct pool_task *task)
{
    if (u->elsewhere)
        buckets_run(u->core, task);
    else
        pool_add(u->core->workers, task);
}

struct upload *upload_new(struct core *core, int64_t expected_size, const struct table_kind *table,
                          const struct upload_goal *goal, upload_wake_fn *wake, void *ctx)
{
    struct upload *u = mem_alloc(sizeof *u);
    int64_t holder = goal && goal->storage ? goal->storage->project : 0;
    *u = (struct upload){.core = core,
                         .wake = wake,
                         .wake_ctx = ctx,
                         .inline_limit = core_settings(core)->inline_limit,
                         .references = 1};
    if (pthread_mutex_init(&u->mutex, NULL))
        abort();
    id_new(u->result.id);
    u->digest = digest_new();
    u->scan = table ? table_scan_new(core_settings(core), table) : NULL;
    u->lane_count = table ? LANES : LANE_TABLE;
    u->elsewhere = goal && goal->storage;
    u->streaming = u->elsewhere || expected_size > u->inline_limit;
    u->store = core->blobs;
    if (u->elsewhere)
        aim(u, goal);
    if (!u->streaming && expected_size > 0)
        u->gathered_size = (size_t)expected_size;
    for (int i = 0; i < LANES; i++) {
        u->lanes[i] = (struct lane){.task = {.run = run_lane, .holder = holder}, .upload = u};
        u->lanes[i].last = &u->lanes[i].first;
    }
    return u;
}

/* In a worker or, for what never had a lane running, in the owner's thread. */
static void destroy(struct upload *u)
{
    struct err ignored;
    if (u->committed && !u->keep) /* a crash here leaves an orphan, which the sweeper takes */
        (void)blob_remove(u->store, key_of(u), &ignored);
    blob_put_close(u->put);
    if (u->result.storage)
        blob_store_close(u->store);
    arena_free(&u->texts);
    digest_free(u->digest);
    table_scan_free(u->scan);
    (void)pthread_mutex_destroy(&u->mutex);
    free(u->gathered);
    free(u);
}

static void schedule(struct upload *u, struct lane *l)
{
    if (l->scheduled)
        return;
    l->task.turn_until =
        l->begun ? 0 : clock_monotonic() + core_settings(u->core)->bucket_patience * CLOCK_SECOND;
    if (u->rc < 0)
        l->task.holder = 0; /* it only says so, which needs nobody's share */
    l->scheduled = l->begun = true;
    u->references++;
    run(u, &l->task);
}

static void enqueue(struct upload *u, const void *bytes, size_t len)
{
    struct piece *p = mem_alloc(sizeof *p + len);
    memcpy(p->bytes, bytes, len);
    p->len = len;
    p->lanes_left = u->lane_count;
    u->in_flight += (int64_t)len;
    atomic_fetch_add(&u->core->upload_bytes, (long long)len);
    for (int i = 0; i < u->lane_count; i++) {
        p->next[i] = NULL;
        *u->lanes[i].last = p;
        u->lanes[i].last = &p->next[i];
        schedule(u, &u->lanes[i]);
    }
}

static bool too_much(struct upload *u)
{
    return u->in_flight > MAX_IN_FLIGHT ||
           (u->in_flight > 0 && atomic_load(&u->core->upload_bytes) > core_settings(u->core)->upload_memory);
}

static void gather(struct upload *u, int64_t at, const void *bytes, size_t len)
{
    size_t need = (size_t)at + len;
    if (!u->gathered || need > u->gathered_size) {
        if (u->gathered || need > u->gathered_size)
            u->gathered_size = need > 2 * u->gathered_size ? need : 2 * u->gathered_size;
        u->gathered = mem_realloc(u->gathered, u->gathered_size);
    }
    memcpy(u->gathered + at, bytes, len);
}

/* Told early, so that nobody sends the rest of what cannot be kept. */
static int check_feed(struct upload *u, int64_t size, struct err *e)
{
    int64_t largest = core_settings(u->core)->max_result_size;
    if (size > largest)
        return err_set(e, ERR_TOO_LARGE, "a result may have at most %lld bytes here", (long long)largest);
    (void)pthread_mutex_lock(&u->mutex);
    int rc = u->rc;
    if (rc < 0)
        *e = u->error;
    (void)pthread_mutex_unlock(&u->mutex);
    return rc;
}

int upload_feed(struct upload *u, const void *bytes, size_t len, struct err *e)
{
    int64_t before = u->result.size;
    int rc = check_feed(u, before + (int64_t)len, e);
    if (rc < 0)
        return rc;
    u->result.size += (int64_t)len;
    if (!u->streaming && u->result.size <= u->inline_limit) {
        gather(u, before, bytes, len);
        return 0;
    }
    (void)pthread_mutex_lock(&u->mutex);
    if (!u->streaming && before)
        enqueue(u, u->gathered, (size_t)before);
    u->streaming = true;
    enqueue(u, bytes, len);
    bool behind = too_much(u);
    (void)pthread_mutex_unlock(&u->mutex);
    return behind;
}

bool upload_pause(struct upload *u)
{
    (void)pthread_mutex_lock(&u->mutex);
    u->paused = too_much(u);
    bool paused = u->paused;
    (void)pthread_mutex_unlock(&u->mutex);
    return paused;
}

static void finish_scan(struct upload *u)
{
    u->result.table = u->scan ? table_scan_finish(u->scan) : NULL;
}

bool upload_end(struct upload *u)
{
    if (!u->streaming) {
        digest_update(u->digest, u->gathered ? u->gathered : (const unsigned char *)"",
                      (size_t)u->result.size);
        digest_finish(u->digest, &u->result.digests);
        u->result.is_inline = true;
        u->result.bytes = u->gathered ? u->gathered : (const unsigned char *)"";
        if (u->scan)
            table_scan_feed(u->scan, u->result.bytes, (size_t)u->result.size);
        finish_scan(u);
        return true;
    }
    (void)pthread_mutex_lock(&u->mutex);
    u->ended = true;
    schedule(u, &u->lanes[LANE_REST]); /* also when both are idle: one has to finish */
    (void)pthread_mutex_unlock(&u->mutex);
    return false;
}

int upload_finished(struct upload *u, const struct upload_result **ret, struct err *e)
{
    if (u->rc < 0) {
        *e = u->error;
        return u->rc;
    }
    *ret = &u->result;
    return 0;
}

void upload_settle(struct upload *u, bool is_owned, int rc)
{
    u->keep = rc == 0 ? is_owned : rc == ERR_DB || rc == ERR_DB_UNCERTAIN;
}

static void release(struct upload *u)
{
    (void)pthread_mutex_lock(&u->mutex);
    bool last = --u->references == 0;
    (void)pthread_mutex_unlock(&u->mutex);
    if (last)
        destroy(u);
}

static void destroy_task(struct pool_task *task)
{
    struct lane *l = (struct lane *)((char *)task - offsetof(struct lane, task));
    destroy(l->upload);
}

void upload_free(struct upload *u)
{
    if (!u)
        return;
    (void)pthread_mutex_lock(&u->mutex);
    u->cancelled = true;
    bool last = --u->references == 0;
    (void)pthread_mutex_unlock(&u->mutex);
    if (!last)
        return;
    if (u->put || (u->committed && !u->keep)) { /* freeing a large file takes time: not in an event loop */
        u->lanes[0].task.run = destroy_task;
        run(u, &u->lanes[0].task);
        return;
    }
    destroy(u);
}

/* Several at once, or one of unknown length, may take what was free when they began. */
static int look_for_room(struct upload *u, struct err *e)
{
    int64_t room;
    u->since_look = 0;
    int rc = blob_room(u->store, &room, e);
    if (rc == 0 && room < core_settings(u->core)->disk_floor)
        rc = err_set(e, ERR_STORAGE_FULL,
                     "the server's disk is full: it has no room for the rest of this upload");
    return rc;
}

static int open_put(struct upload *u, struct err *e)
{
    int rc = blob_put_open(u->store, key_of(u), false, &u->put, e);
    if (rc == 0 && u->elsewhere)
        s3_put_describe(u->put, u->goal.media_type, u->goal.encoding);
    return rc;
}

static bool has_failed(struct upload *u)
{
    (void)pthread_mutex_lock(&u->mutex);
    bool failed = u->rc < 0;
    (void)pthread_mutex_unlock(&u->mutex);
    return failed;
}

static void write_piece(struct upload *u, const struct piece *p)
{
    struct err e;
    int rc = 0;
    if (has_failed(u))
        return;
    if (!u->put)
        rc = open_put(u, &e);
    u->since_look += (int64_t)p->len;
    if (rc == 0 && u->since_look > LOOK_EVERY)
        rc = look_for_room(u, &e);
    if (rc == 0)
        rc = blob_put_write(u->put, p->bytes, p->len, &e);
    if (rc < 0)
        set_failure(u, rc, &e);
}

static void process(struct upload *u, struct lane *l, const struct piece *p)
{
    if (l == &u->lanes[LANE_MD5]) {
        digest_update_md5(u->digest, p->bytes, p->len);
        return;
    }
    if (l == &u->lanes[LANE_TABLE]) {
        table_scan_feed(u->scan, p->bytes, p->len);
        return;
    }
    digest_update_rest(u->digest, p->bytes, p->len);
    write_piece(u, p);
}

/* Everything has passed all lanes. */
static void finish(struct upload *u)
{
    struct err e;
    finish_scan(u);
    digest_finish(u->digest, &u->result.digests);
    if (u->rc < 0)
        return;
    u->result.since = clock_boot();
    int rc = u->put ? 0 : open_put(u, &e); /* nothing came */
    if (rc == 0)
        rc = blob_put_commit(u->put, &e);
    if (rc == 0 && u->elsewhere)
        u->result.etag = arena_strdup(&u->texts, s3_put_etag(u->put));
    if (rc < 0)
        set_failure(u, rc, &e);
    u->committed = rc == 0;
}

/* The next piece of a lane, or NULL: the lane is idle from then on. The one before it is done with. */
static struct piece *advance(struct upload *u, struct lane *l, struct piece *passed, bool *ret_wake,
                             bool *ret_finish)
{
    struct piece *freed = NULL;
    int index = (int)(l - u->lanes);
    *ret_wake = *ret_finish = false;
    (void)pthread_mutex_lock(&u->mutex);
    if (passed && --passed->lanes_left == 0) {
        freed = passed;
        u->in_flight -= (int64_t)passed->len;
        atomic_fetch_sub(&u->core->upload_bytes, (long long)passed->len);
        if (u->paused && u->in_flight < RESUME_BELOW) {
            u->paused = false;
            *ret_wake = !u->cancelled;
        }
    }
    struct piece *p = l->first;
    if (p) {
        l->first = p->next[index];
        if (!l->first)
            l->last = &l->first;
    } else {
        l->scheduled = false;
        *ret_finish = u->ended && !u->cancelled;
        for (int i = 0; i < u->lane_count; i++)
            *ret_finish = *ret_finish && !u->lanes[i].scheduled;
    }
    (void)pthread_mutex_unlock(&u->mutex);
    free(freed);
    return p;
}

static bool is_cancelled(struct upload *u)
{
    (void)pthread_mutex_lock(&u->mutex);
    bool cancelled = u->cancelled;
    (void)pthread_mutex_unlock(&u->mutex);
    return cancelled;
}

static void refuse_late(struct upload *u)
{
    struct err e;
    int rc = err_set(&e, ERR_BUSY,
                     "too many uploads to the storages of this project are under way; try again later");
    set_failure(u, rc, &e);
}

static void run_lane(struct pool_task *task)
{
    struct lane *l = (struct lane *)((char *)task - offsetof(struct lane, task));
    struct upload *u = l->upload;
    struct piece *p = NULL;
    bool wake;
    bool last;
    if (task->late)
        refuse_late(u);
    while ((p = advance(u, l, p, &wake, &last))) {
        if (wake)
            u->wake(u->wake_ctx);
        if (!is_cancelled(u))
            process(u, l, p);
    }
    if (last)
        finish(u);
    if (wake || last)
        u->wake(u->wake_ctx);
    release(u);
}
