/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See fetch.h. The original bytes of a result never change: their ETag is their sum, known from its row. That
 * of a converted table or an archive only the server knows, so if something of it is here already it is asked
 * for its header first.
 */
#include "cli/fetch.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUMMED_LATE (INT64_C(64) << 20) /* bytes; more would be a long wait at the end */

static void end(struct fetch *f)
{
    part_close(f->part);
    f->part = NULL;
    if (f->shown)
        bars_end(f->bars, &f->bar);
    f->shown = false;
    f->done(f);
}

static void fail(struct fetch *f, const struct failure *why)
{
    f->failure = *why;
    end(f);
}

static struct fetch *fetch_aside(struct http_aside *a)
{
    return (struct fetch *)(void *)((char *)a - offsetof(struct fetch, aside));
}

int fetch_check_archive(const struct http_request *r, bool has_bytes, struct failure *f)
{
    if (strcasecmp(r->media_type, "application/zip") == 0 && r->etag[0] == '"' &&
        (!has_bytes || http_whole_length(r) >= 0))
        return 0;
    return failure_set(f, FAILURE_DAMAGED,
                       "the server's answer is no archive with an ETag and a length: is it a resultd, and of "
                       "this version?");
}

/* "": nobody has said one, as of archives, or not yet. */
static const char *sum_of(const struct fetch *f)
{
    const char *said = *f->get.digest ? f->get.digest : f->look.digest;
    return *f->sha256 ? f->sha256 : said;
}

/* In another thread: reading, hashing and syncing would hold up what else is received. */
static void prove(struct http_aside *a)
{
    struct fetch *f = fetch_aside(a);
    struct failure ignored;
    const char *sum = sum_of(f);
    if (f->size >= 0 && part_received(f->part) != f->size) {
        (void)failure_set(&f->failure, FAILURE_DAMAGED, "%lld bytes were received, of %lld",
                          (long long)part_received(f->part), (long long)f->size);
        if (f->archive) /* no sum would find out that these were wrong */
            (void)part_restart(f->part, &ignored);
        return;
    }
    if (f->summed && !*sum && part_received(f->part) > 0) {
        (void)failure_set(&f->failure, FAILURE_DAMAGED,
                          "the server tells no sha256 by which it can be proved");
        return;
    }
    (void)part_finish(f->part, sum, f->final, f->durable, f->replace, &f->failure);
}

static void on_proved(struct http_aside *a)
{
    end(fetch_aside(a));
}

static void finish(struct fetch *f)
{
    f->aside = (struct http_aside){.run = prove, .done = on_proved};
    http_aside(f->ctl->http, &f->aside);
}

/* ---- the sum of what had none while it was made ---- */

static int throw_away(struct http_request *r, const void *bytes, size_t len, struct failure *why)
{
    (void)r;
    (void)bytes;
    (void)len;
    (void)why;
    return 0;
}

struct http_request fetch_sum_request(struct arena *a, const char *path)
{
    static const char *const headers[] = {"Range: bytes=0-0", NULL};
    return (struct http_request){
        .arena = a, .method = "GET", .path = path, .headers = headers, .harmless = true, .take = throw_away};
}

static void on_summed(struct http_request *r)
{
    struct fetch *f = r->owner;
    bool is_empty = r->status == 416 && part_received(f->part) == 0; /* no range is in it */
    if (r->failure.exit == FAILURE_NONE || is_empty)
        finish(f);
    else
        fail(f, &r->failure);
}

static void ask_for_sum(struct fetch *f)
{
    f->look = fetch_sum_request(&f->arena, f->path);
    f->look.owner = f;
    f->look.done = on_summed;
    http_start(f->ctl->http, &f->look);
}

/* ---- the bytes ---- */

static struct fetch *fetch_of(struct http_request *r)
{
    return r->owner;
}

static int open_part(struct fetch *f, struct failure *why)
{
    int rc = part_open(part_path(&f->arena, f->final, f->id, f->etag), f->size >= 0 && f->size <= SUMMED_LATE,
                       &f->part, why);
    if (rc == 0 && part_received(f->part) > 0) {
        f->bar.done = part_received(f->part);
        bars_passed(f->bars, f->bar.done);
    }
    return rc;
}

static int on_begin(struct http_request *r, struct failure *why)
{
    struct fetch *f = fetch_of(r);
    (void)why;
    r->from = f->part ? part_received(f->part) : 0;
    r->if_range = *f->sha256 ? NULL : f->etag;
    return 0;
}

/* Other bytes than those that are here already. */
static int begin_anew(struct fetch *f, const char *etag, struct failure *why)
{
    bars_back(f->bars, &f->bar);
    if (f->part && strcmp(f->etag, etag) == 0)
        return part_restart(f->part, why);
    part_close(f->part);
    f->part = NULL;
    part_forget(&f->arena, f->final, f->id);
    f->etag = arena_strdup(&f->arena, etag);
    int rc = open_part(f, why);
    return rc == 0 ? part_restart(f->part, why) : rc;
}

static int on_head(struct http_request *r, struct failure *why)
{
    struct fetch *f = fetch_of(r);
    int rc = f->archive ? fetch_check_archive(r, true, why) : 0;
    if (rc != 0)
        return rc;
    if (r->status != 206)
        rc = f->part && part_received(f->part) == 0 && *f->sha256
                 ? 0
                 : begin_anew(f, *f->sha256 ? f->etag : r->etag, why);
    else if (!f->part || r->answer_from != part_received(f->part))
        rc = failure_set(why, FAILURE_DAMAGED, "the server sent another range than was asked for");
    if (r->answer_length >= 0)
        f->bar.total = r->answer_from + r->answer_length;
    if (f->archive)
        f->size = http_whole_length(r);
    return rc;
}

static int on_take(struct http_request *r, const void *bytes, size_t len, struct failure *why)
{
    struct fetch *f = fetch_of(r);
    bars_moved(f->bars, &f->bar, (int64_t)len);
    return part_write(f->part, bytes, len, why);
}

static void get(struct fetch *f);

static void on_got(struct http_request *r)
{
    struct fetch *f = fetch_of(r);
    struct failure why;
    if (r->failure.exit == FAILURE_NONE && f->summed && !*sum_of(f)) {
        ask_for_sum(f);
    } else if (r->failure.exit == FAILURE_NONE) {
        finish(f);
    } else if (r->status == 416 && f->part && !f->again && part_restart(f->part, &why) == 0) {
        f->again = true; /* what is here is longer than what is there */
        bars_back(f->bars, &f->bar);
        get(f);
    } else {
        fail(f, &r->failure);
    }
}

static void get(struct fetch *f)
{
    f->get = (struct http_request){.arena = &f->arena,
                                   .method = "GET",
                                   .path = f->path,
                                   .harmless = true,
                                   .owner = f,
                                   .begin = on_begin,
                                   .head = on_head,
                                   .take = on_take,
                                   .done = on_got};
    http_start(f->ctl->http, &f->get);
}

/* All of it is here since an earlier run, and can be proved. */
static bool is_whole(const struct fetch *f)
{
    return f->part && f->size >= 0 && part_received(f->part) == f->size && (*f->sha256 || *f->look.digest);
}

static void begin(struct fetch *f)
{
    struct failure why;
    f->bar = (struct bar){.name = f->label, .total = f->size};
    bars_begin(f->bars, &f->bar);
    f->shown = true;
    if (f->etag && open_part(f, &why) != 0)
        fail(f, &why);
    else if (is_whole(f))
        finish(f);
    else
        get(f);
}

/* ---- what is here already ---- */

static void find(struct http_aside *a)
{
    struct fetch *f = fetch_aside(a);
    const char *sha256 = sum_of(f);
    f->find.exit = FAILURE_NONE;
    (void)part_sum(f->final, &f->found_size, f->found, &f->find);
    f->was_there = f->find.exit == FAILURE_NONE && *sha256 && strcmp(f->found, sha256) == 0;
    if (f->was_there && f->durable)
        (void)part_sync(f->final, &f->failure);
}

static void on_found(struct http_aside *a)
{
    struct fetch *f = fetch_aside(a);
    if (f->was_there) {
        bars_passed(f->bars, f->found_size);
        end(f);
    } else if (f->find.exit == FAILURE_ABSENT || (f->replace && f->find.exit == FAILURE_NONE)) {
        begin(f);
    } else {
        if (f->find.exit == FAILURE_NONE)
            (void)failure_set(&f->find, FAILURE_CONFLICT, "%.300s is there already%s; --force replaces it",
                              f->final, *sum_of(f) ? ", with other bytes" : "");
        fail(f, &f->find);
    }
}

/* Whether there is anything to fetch; then it is begun. */
static void compare(struct fetch *f)
{
    struct stat st;
    if (lstat(f->final, &st) < 0 && errno == ENOENT) {
        begin(f);
        return;
    }
    f->aside = (struct http_aside){.run = find, .done = on_found};
    http_aside(f->ctl->http, &f->aside);
}

static void on_looked(struct http_request *r)
{
    struct fetch *f = fetch_of(r);
    if (f->archive && r->failure.exit == FAILURE_NONE)
        (void)fetch_check_archive(r, false, &r->failure);
    if (r->failure.exit != FAILURE_NONE) {
        fail(f, &r->failure);
        return;
    }
    f->etag = arena_strdup(&f->arena, r->etag);
    f->size = r->answer_length;
    compare(f);
}

static void look(struct fetch *f)
{
    f->look = (struct http_request){.arena = &f->arena,
                                    .method = "HEAD",
                                    .path = f->path,
                                    .harmless = true,
                                    .owner = f,
                                    .done = on_looked};
    http_start(f->ctl->http, &f->look);
}

void fetch_start(struct fetch *f)
{
    f->failure.exit = FAILURE_NONE;
    if (*f->sha256) {
        f->etag = f->sha256;
        compare(f);
    } else if (access(f->final, F_OK) == 0 || part_any(&f->arena, f->final, f->id)) {
        look(f);
    } else {
        begin(f);
    }
}

void fetch_free(struct fetch *f)
{
    part_close(f->part);
    arena_free(&f->arena);
}
