/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: all results of a job or a batch as one archive. */
#include "api/native.h"
#include "core/archive.h"
#include "http/representation.h"

static int read_archive(void *ctx, int64_t offset, void *to, size_t len, struct err *e)
{
    return archive_read(ctx, offset, to, len, e);
}

static void free_archive(void *ctx)
{
    archive_free(ctx);
}

static int send_archive(struct request *rq, const struct archive *a, struct err *e)
{
    struct representation rep = {
        .media_type = "application/zip",
        .etag = a->etag,
        .modified = a->modified,
        .vague_date = true,
        .file_name = a->file_name,
        .size = a->size,
        .fd = -1,
        .read = read_archive,
        .done = free_archive,
        .ctx = a->bytes,
    };
    return representation_send(rq, &rep, e);
}

int native_job_archive(struct request *rq, struct err *e)
{
    struct archive a = {.bytes = NULL};
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = archive_of_job(api_session(rq), rq->places[0], &a, e);
    return rc < 0 ? rc : send_archive(rq, &a, e);
}

int native_batch_archive(struct request *rq, struct err *e)
{
    struct archive a = {.bytes = NULL};
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = archive_of_batch(api_session(rq), rq->places[0], &a, e);
    return rc < 0 ? rc : send_archive(rq, &a, e);
}
