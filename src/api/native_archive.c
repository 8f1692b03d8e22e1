/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native API: all results of a job or a batch as one archive. Where there are many, or tables have to be made
 * first, the request sleeps, and its handler goes on with the same archive each time it was woken.
 */
#include "api/converted.h"
#include "api/native.h"
#include "core/archive.h"
#include "http/representation.h"

typedef int archive_fn(struct session *s, const char *id, const struct archive_form *form,
                       struct archive *ret, struct err *e);

static void free_archive(struct request *rq)
{
    const struct archive *a = rq->own;
    archive_free(a->bytes);
}

static int read_some(void *ctx, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e)
{
    const struct archive *a = ((struct request *)ctx)->own;
    int rc = archive_read_some(a->bytes, offset, to, max, ret_len, e);
    return rc == ARCHIVE_LATER ? RESPONSE_LATER : rc;
}

static bool wait_for_more(void *ctx)
{
    const struct archive *a = ((struct request *)ctx)->own;
    return archive_wait(a->bytes, api_wake, ctx);
}

static bool wait_before_answer(struct request *rq)
{
    return wait_for_more(rq);
}

static struct representation representation_of(struct request *rq)
{
    const struct archive *a = rq->own;
    return (struct representation){
        .media_type = "application/zip",
        .etag = a->etag,
        .modified = a->modified,
        .vague_date = true,
        .file_name = a->file_name,
        .size = a->size,
        .fd = -1,
        .read_some = read_some,
        .read_wait = wait_for_more,
        .ctx = rq,
        .slow = true,
    };
}

/* A HEAD makes nothing: it is answered by what is known. */
static int send_head(struct request *rq, const struct representation *rep)
{
    representation_headers(rq, rep);
    response_header(rq, "Content-Type", rep->media_type);
    response_empty(rq, 200);
    rq->response.size = -1;
    return 0;
}

/* With a format conditions are looked at as soon as the tag is known: what need not be sent is not made. */
static int prepare_and_send(struct request *rq, struct err *e)
{
    struct archive *a = rq->own;
    bool had_tag = a->etag != NULL;
    int progress =
        a->size < 0 ? archive_prepare(api_session(rq), a, rq->method == HTTP_GET, e) : ARCHIVE_COMPLETE;
    struct representation rep = representation_of(rq);
    if (progress < 0)
        return progress;
    if (progress == ARCHIVE_COMPLETE)
        return representation_send(rq, &rep, e);
    int rc = a->etag && !had_tag ? representation_check(rq, &rep, e) : 0;
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (progress == ARCHIVE_UNMADE)
        return send_head(rq, &rep);
    rq->sleep = wait_before_answer;
    return 0;
}

/* Nobody would receive what would still have to be made. */
static int go_on(struct request *rq, struct err *e)
{
    if (request_was_left(rq))
        return err_set(e, ERR_BUSY, "the connection was closed while the archive was prepared; ask again");
    return prepare_and_send(rq, e);
}

static int ask(struct request *rq, archive_fn *of, struct err *e)
{
    struct archive_form form;
    bool given;
    int rc = converted_options(rq, CONVERTED_ARCHIVE, &form.options, &given, e);
    if (rc < 0)
        return rc;
    struct archive *a = arena_alloc(&rq->arena, sizeof *a);
    form.all = given && rq->query->next;
    rc = of(api_session(rq), rq->places[0], given ? &form : NULL, a, e);
    if (rc < 0)
        return rc;
    rq->own = a;
    rq->done = free_archive;
    return prepare_and_send(rq, e);
}

#define ABOUT                                                                                                \
    "Stored, not compressed, with `MANIFEST.json` as the first file. Its length is exact, so it can be "     \
    "resumed by `Range` and `If-Range`. With `format` tables are converted first."
#define WHOLE                                                                                                \
    {                                                                                                        \
        200, "The archive.", .media_type = "application/zip", .headers = {                                   \
            "ETag",                                                                                          \
            "Last-Modified",                                                                                 \
            "Accept-Ranges",                                                                                 \
            "Content-Disposition"                                                                            \
        }                                                                                                    \
    }
#define PART                                                                                                 \
    {                                                                                                        \
        206, "The ranges that were asked for.", .media_type = "application/zip", .headers = {                \
            "Content-Range"                                                                                  \
        }                                                                                                    \
    }

const struct operation native_op_job_archive = {
    .id = "archiveJob",
    .group = "archives",
    .summary = "All results of a job as one ZIP archive",
    .about = ABOUT,
    NATIVE_PLACE_ID,
    .converts = CONVERTED_ARCHIVE,
    .answers = {WHOLE, PART, {304, "The ETag is still that one."}},
    .refusals = {404, 406, 409, 410, 412, 416},
};

const struct operation native_op_batch_archive = {
    .id = "archiveBatch",
    .group = "archives",
    .summary = "All results of a batch as one ZIP archive",
    .about = ABOUT,
    NATIVE_PLACE_ID,
    .converts = CONVERTED_ARCHIVE,
    .answers = {WHOLE, PART, {304, "The ETag is still that one."}},
    .refusals = {404, 406, 409, 410, 412, 416},
};

int native_job_archive(struct request *rq, struct err *e)
{
    return rq->own ? go_on(rq, e) : ask(rq, archive_of_job, e);
}

int native_batch_archive(struct request *rq, struct err *e)
{
    return rq->own ? go_on(rq, e) : ask(rq, archive_of_batch, e);
}
