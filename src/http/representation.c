/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See representation.h. Several ranges become multipart/byteranges (RFC 9110 section 14.6), whose bytes are
 * made as they are asked for: part headers are small and known, so every offset is arithmetic.
 */
#include "http/representation.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "http/fields.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct part {
    const char *head; /* the delimiter and header of the part */
    size_t head_len;
    struct byte_range range;
    int64_t at; /* where the part begins in the body */
};

struct multipart {
    struct representation rep;
    struct part parts[FIELDS_MAX_RANGES];
    int count;
    const char *tail;
    int64_t tail_at;
    int64_t size;
};

/* Like read_some, whatever the source is. */
static int read_source(const struct representation *rep, int64_t offset, void *to, size_t max,
                       size_t *ret_len, struct err *e)
{
    if (rep->read_some)
        return rep->read_some(rep->ctx, offset, to, max, ret_len, e);
    *ret_len = max;
    if (!rep->bytes)
        return rep->read(rep->ctx, offset, to, max, e);
    memcpy(to, (const char *)rep->bytes + offset, max);
    return 0;
}

/* The parts of [offset, offset+len) that fall into one section of the body. */
static size_t overlap(int64_t offset, size_t len, int64_t section, int64_t section_len)
{
    if (offset < section || offset >= section + section_len)
        return 0;
    int64_t left = section + section_len - offset;
    return left < (int64_t)len ? (size_t)left : len;
}

static int read_part(const struct multipart *m, const struct part *p, int64_t offset, char *to, size_t len,
                     size_t *ret, struct err *e)
{
    int64_t body_at = p->at + (int64_t)p->head_len;
    size_t n = overlap(offset, len, p->at, (int64_t)p->head_len);
    if (n) {
        memcpy(to, p->head + (offset - p->at), n);
        *ret = n;
        return 0;
    }
    *ret = overlap(offset, len, body_at, p->range.last - p->range.first + 1);
    if (*ret && m->rep.window)
        m->rep.window(m->rep.ctx, p->range.first, p->range.last + 1);
    return *ret ? read_source(&m->rep, p->range.first + offset - body_at, to, *ret, ret, e) : 0;
}

/* Up to the end of a part's head or body. */
static int read_some_of_multipart(void *ctx, int64_t offset, void *to, size_t max, size_t *ret_len,
                                  struct err *e)
{
    const struct multipart *m = ctx;
    int rc = 0;
    *ret_len = overlap(offset, max, m->tail_at, m->size - m->tail_at);
    if (*ret_len)
        memcpy(to, m->tail + (offset - m->tail_at), *ret_len);
    for (int i = 0; rc == 0 && !*ret_len && i < m->count; i++)
        rc = read_part(m, &m->parts[i], offset, to, max, ret_len, e);
    if (rc == 0 && !*ret_len)
        rc = err_operator(e, ERR_INTERNAL, "internal error", "read beyond the end of a multipart body");
    return rc;
}

static int read_multipart(void *ctx, int64_t offset, void *to, size_t len, struct err *e)
{
    char *into = to;
    int rc = 0;
    for (size_t n = 0; rc == 0 && len > 0; into += n, offset += (int64_t)n, len -= n)
        rc = read_some_of_multipart(ctx, offset, into, len, &n, e);
    return rc;
}

static bool wait_for_multipart(void *ctx)
{
    const struct multipart *m = ctx;
    return m->rep.read_wait(m->rep.ctx);
}

static int begin_multipart(void *ctx, struct err *e)
{
    const struct multipart *m = ctx;
    const struct byte_range *range = &m->parts[0].range;
    m->rep.window(m->rep.ctx, range->first, range->last + 1);
    return m->rep.begin(m->rep.ctx, range->first, e);
}

static void finish_multipart(void *ctx)
{
    const struct multipart *m = ctx;
    if (m->rep.done)
        m->rep.done(m->rep.ctx);
}

static const char *content_range(struct arena *a, const struct byte_range *r, int64_t size)
{
    return arena_printf(a, "bytes %lld-%lld/%lld", (long long)r->first, (long long)r->last, (long long)size);
}

static void send_multipart(struct request *rq, const struct representation *rep,
                           const struct byte_range *ranges, int count)
{
    struct multipart *m = arena_alloc(&rq->arena, sizeof *m);
    char boundary[25];
    bool ends = false;
    id_token(boundary, sizeof boundary - 1);
    m->rep = *rep;
    m->count = count;
    for (int i = 0; i < count; i++) {
        struct part *p = &m->parts[i];
        p->head = arena_printf(&rq->arena, "%s--%s\r\nContent-Type: %s\r\n%s%s%sContent-Range: %s\r\n\r\n",
                               i ? "\r\n" : "", boundary, rep->media_type,
                               rep->encoding ? "Content-Encoding: " : "", rep->encoding ? rep->encoding : "",
                               rep->encoding ? "\r\n" : "", content_range(&rq->arena, &ranges[i], rep->size));
        p->head_len = strlen(p->head);
        p->range = ranges[i];
        ends = ends || ranges[i].last == rep->size - 1;
        p->at = m->size;
        m->size += (int64_t)p->head_len + p->range.last - p->range.first + 1;
    }
    m->tail = arena_printf(&rq->arena, "\r\n--%s--\r\n", boundary);
    m->tail_at = m->size;
    m->size += (int64_t)strlen(m->tail);

    struct response *r = &rq->response;
    r->status = 206;
    r->size = m->size;
    if (rep->read_some) {
        r->read_some = read_some_of_multipart;
        r->read_wait = wait_for_multipart;
        r->read_begin = rep->begin ? begin_multipart : NULL;
    } else {
        r->read = read_multipart;
    }
    r->to_end = ends;
    r->slow = rep->slow;
    r->read_done = finish_multipart;
    r->read_ctx = m;
    response_header(rq, "Content-Type",
                    arena_printf(&rq->arena, "multipart/byteranges; boundary=%s", boundary));
}

/* One range, or all, of what only `read` has. */
struct piece {
    struct representation rep;
    int64_t first, len;
};

static int read_piece(void *ctx, int64_t offset, void *to, size_t len, struct err *e)
{
    const struct piece *p = ctx;
    return p->rep.read(p->rep.ctx, p->first + offset, to, len, e);
}

static int read_some_of_piece(void *ctx, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e)
{
    const struct piece *p = ctx;
    return p->rep.read_some(p->rep.ctx, p->first + offset, to, max, ret_len, e);
}

static bool wait_for_piece(void *ctx)
{
    const struct piece *p = ctx;
    return p->rep.read_wait(p->rep.ctx);
}

static int begin_piece(void *ctx, struct err *e)
{
    const struct piece *p = ctx;
    p->rep.window(p->rep.ctx, p->first, p->first + p->len);
    return p->len > 0 ? p->rep.begin(p->rep.ctx, p->first, e) : 0;
}

static void finish_piece(void *ctx)
{
    const struct piece *p = ctx;
    if (p->rep.done)
        p->rep.done(p->rep.ctx);
}

static void send_by_reading(struct request *rq, const struct representation *rep, int64_t first, int64_t len)
{
    struct piece *p = arena_alloc(&rq->arena, sizeof *p);
    *p = (struct piece){.rep = *rep, .first = first, .len = len};
    if (rep->read_some) {
        rq->response.read_some = read_some_of_piece;
        rq->response.read_wait = wait_for_piece;
        rq->response.read_begin = rep->begin ? begin_piece : NULL;
    } else {
        rq->response.read = read_piece;
    }
    rq->response.slow = rep->slow;
    rq->response.read_done = finish_piece;
    rq->response.read_ctx = p;
}

static int send_piece(struct request *rq, const struct representation *rep, int64_t first, int64_t len,
                      struct err *e)
{
    struct response *r = &rq->response;
    int rc = 0;
    r->size = len;
    response_header(rq, "Content-Type", rep->media_type);
    if (rep->encoding)
        response_header(rq, "Content-Encoding", rep->encoding);
    if (!rep->bytes && rep->fd < 0) {
        send_by_reading(rq, rep, first, len);
        return 0;
    }
    if (rep->bytes) {
        r->bytes = (const char *)rep->bytes + first;
    } else {
        r->fd = fcntl(rep->fd, F_DUPFD_CLOEXEC, 0); /* the response outlives the opened blob */
        r->offset = first;
        if (r->fd < 0)
            rc = err_operator(e, ERR_BUSY, "the server has too many files open", "dup: %s", strerror(errno));
    }
    if (rep->done)
        rep->done(rep->ctx);
    return rc;
}

static void add_validators(struct request *rq, const struct representation *rep)
{
    char *modified = arena_alloc(&rq->arena, CLOCK_HTTP_SIZE);
    clock_http(rep->modified, modified);
    response_header(rq, "ETag", rep->etag);
    response_header(rq, "Last-Modified", modified);
    response_header(rq, "Accept-Ranges", "bytes");
    response_header(rq, "Cache-Control", "private");
}

static int refuse(struct request *rq, const struct representation *rep, int code, struct err *e)
{
    if (rep->done)
        rep->done(rep->ctx);
    if (code == ERR_PRECONDITION)
        return err_set(e, code, "the representation is not (any more) the one that the condition names");
    response_header(rq, "Content-Range", arena_printf(&rq->arena, "bytes */%lld", (long long)rep->size));
    return err_at(e, code, ERR_HEADER, "Range", "none of the ranges lies within the %lld bytes there are",
                  (long long)rep->size);
}

/* A date that has not moved proves nothing then (RFC 9110 section 13.1.5): If-Range gets the whole. */
static void ignore_dates(struct conditions *c)
{
    c->if_modified_since = c->if_unmodified_since = NULL;
    if (c->if_range && *c->if_range != '"')
        c->if_range = "W/\"\"";
}

void representation_headers(struct request *rq, const struct representation *rep)
{
    add_validators(rq, rep);
    if (rep->sha256)
        response_header(rq, "Repr-Digest", fields_repr_digest(&rq->arena, rep->sha256));
    if (rep->file_name)
        response_header(rq, "Content-Disposition", fields_disposition(&rq->arena, rep->file_name));
    response_header(rq, "X-Content-Type-Options", "nosniff");
}

static int check(struct request *rq, const struct representation *rep, bool *ret_range, struct err *e)
{
    struct conditions c = {
        .if_match = request_header(rq, "If-Match"),
        .if_none_match = request_header(rq, "If-None-Match"),
        .if_modified_since = request_header(rq, "If-Modified-Since"),
        .if_unmodified_since = request_header(rq, "If-Unmodified-Since"),
        .if_range = request_header(rq, "If-Range"),
    };
    if (rep->vague_date)
        ignore_dates(&c);
    enum condition_outcome outcome = fields_check_conditions(&c, rep->etag, rep->modified, ret_range);
    if (outcome == CONDITION_FAILED)
        return refuse(rq, rep, ERR_PRECONDITION, e);
    if (outcome != CONDITION_NOT_MODIFIED)
        return 0;
    add_validators(rq, rep);
    response_empty(rq, 304);
    rq->response.size = rep->size; /* Content-Length is that of the 200 or none (RFC 9110 section 8.6) */
    if (rep->done)
        rep->done(rep->ctx);
    return 1;
}

int representation_check(struct request *rq, const struct representation *rep, struct err *e)
{
    bool with_range;
    return check(rq, rep, &with_range, e);
}

/*
 * The proxy reads the header of its client, too, but knows a file's date only: what depends on more was
 * decided here, so of one range or the whole it makes what would have been made here.
 */
static bool is_left(struct request *rq, const struct representation *rep, int ranges)
{
    bool as_asked = ranges == 1 || (ranges == 0 && !request_header(rq, "Range"));
    return rep->proxy_path && rq->method == HTTP_GET && as_asked && !request_header(rq, "If-Match") &&
           !request_header(rq, "If-Unmodified-Since");
}

/* The proxy says it by itself, and would say it twice. */
static void drop_accept_ranges(struct response *r)
{
    int kept = 0;
    for (int i = 0; i < r->header_count; i++)
        if (strcmp(r->headers[i].name, "Accept-Ranges") != 0)
            r->headers[kept++] = r->headers[i];
    r->header_count = kept;
}

static int leave(struct request *rq, const struct representation *rep, int64_t len)
{
    drop_accept_ranges(&rq->response);
    response_header(rq, "Content-Type", rep->media_type);
    if (rep->encoding)
        response_header(rq, "Content-Encoding", rep->encoding);
    response_header(rq, "X-Accel-Redirect", rep->proxy_path);
    response_empty(rq, rq->response.status);
    rq->response.left = len;
    if (rep->done)
        rep->done(rep->ctx);
    return 0;
}

static int send_range(struct request *rq, const struct representation *rep, int64_t first, int64_t len,
                      bool left, struct err *e)
{
    rq->response.to_end = first + len == rep->size;
    return left ? leave(rq, rep, len) : send_piece(rq, rep, first, len, e);
}

int representation_send(struct request *rq, const struct representation *rep, struct err *e)
{
    struct byte_range ranges[FIELDS_MAX_RANGES];
    int count = 0;
    bool with_range = false;
    int rc = check(rq, rep, &with_range, e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    const char *range = with_range && rq->method == HTTP_GET ? request_header(rq, "Range") : NULL;
    enum range_outcome parts = fields_parse_range(range, rep->size, ranges, &count);
    if (parts == RANGE_UNSATISFIABLE)
        return refuse(rq, rep, ERR_RANGE, e);
    representation_headers(rq, rep);
    if (count > 1) {
        send_multipart(rq, rep, ranges, count);
        return 0;
    }
    bool left = is_left(rq, rep, count);
    rq->response.status = count ? 206 : 200;
    if (!count)
        return send_range(rq, rep, 0, rep->size, left, e);
    response_header(rq, "Content-Range", content_range(&rq->arena, &ranges[0], rep->size));
    return send_range(rq, rep, ranges[0].first, ranges[0].last - ranges[0].first + 1, left, e);
}
