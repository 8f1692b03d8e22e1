/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting objects; see s3.h. Bytes are written to a file without a name. When they are more than one part,
 * full parts are hashed and sent while more come, a few at once; what was sent is dropped from the file
 * unless it may be read back. Nothing can be seen under the key before the commit: that completes the upload
 * of the parts, or sends what there is in one request.
 *
 * Whether a request took effect whose answer was lost is found out by looking, since the next try (of which
 * the library may make one by itself) is refused then: what a put makes carries a token of its own.
 *
 * The mutex covers what is marked; all else is the put's owner's. Threads of the transfers read the file.
 */
#include "base/clock.h"
#include "base/digest.h"
#include "base/pool.h"
#include "base/text.h"
#include "blob/descriptor.h"
#include "blob/s3_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    AT_ONCE = 4,
    FIRST_PART = 8 << 20,
    MIB = 1 << 20,
    GROWTH = 1280,
    TOKEN = 24,
    MOST_PARTS = 10000,
    BLOCK = 256 << 10
};

#define SCRATCH "a scratch file"

struct part {
    struct s3_call call; /* first, so that one is the other */
    struct pool_task task;
    struct s3_put *put;
    int number; /* from 1 on */
};

struct s3_put {
    struct blob_put put;
    struct s3 *s3;
    struct s3_put *next;         /* the store's mutex */
    char *key;                   /* "": it will not be committed */
    char *media_type, *encoding; /* NULL: it will not say */
    char etag[160];              /* once it is committed */
    char token[TOKEN + 1];
    char upload[512]; /* "" until it is sent in parts */
    bool readable, committed;
    int fd;
    int64_t written;
    int64_t part_at; /* of the part that is gathered */
    int64_t part_size;
    int parts; /* that were sent or are on their way */
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int on_their_way; /* mutex */
    char **etags;     /* mutex: of parts, NULL until it is there */
    int rc;           /* mutex: why a part cannot be sent */
    struct err error; /* mutex */
};

int64_t s3_part_size(int64_t before)
{
    int64_t size = (before / GROWTH + MIB - 1) / MIB * MIB;
    return size > FIRST_PART ? size : FIRST_PART;
}

/* Where the file system has none without a name, it loses the name at once. */
static int open_scratch(struct s3_engine *s)
{
    char name[40] = "put-";
    int fd = openat(s->scratch, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    id_token(name + 4, TOKEN);
    fd = openat(s->scratch, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)unlinkat(s->scratch, name, 0);
    return fd;
}

int s3_put_open(struct blob_store *store, const char *key, bool readable, struct blob_put **ret,
                struct err *e)
{
    struct s3 *s = (struct s3 *)store;
    int fd = open_scratch(s->engine);
    if (fd < 0)
        return descriptor_fail("cannot make", SCRATCH, e);
    struct s3_put *p = mem_alloc(sizeof *p);
    *p = (struct s3_put){.put = {.ops = &s3_ops},
                         .s3 = s3_hold(s),
                         .readable = readable,
                         .fd = fd,
                         .part_size = s3_part_size(0)};
    p->key = mem_strdup(key ? key : "");
    id_token(p->token, TOKEN);
    if (pthread_mutex_init(&p->mutex, NULL) || pthread_cond_init(&p->cond, NULL))
        abort();
    *ret = &p->put;
    return 0;
}

/* A 404 is a fault of ours or the bucket's here, not of whoever puts. */
static int call_failed(const struct s3_call *c, struct err *e)
{
    int rc = s3_call_error(c, e);
    if (rc != ERR_NOT_FOUND)
        return rc;
    return s3_fail(c->s3, e, ERR_STORAGE, "%s of %.100s is answered with status 404", c->method, c->name);
}

static void add_digest(struct s3_call *c, struct digest *d)
{
    struct digest_values v;
    unsigned char md5[DIGEST_MD5_LEN];
    digest_finish(d, &v);
    digest_free(d);
    (void)text_unhex(v.md5, DIGEST_MD5_HEX - 1, md5);
    s3_call_header(c, "content-md5", text_base64(&c->arena, md5, sizeof md5));
}

void s3_add_md5(struct s3_call *c, const void *body, size_t len)
{
    struct digest *d = digest_new();
    digest_update_md5(d, body, len);
    add_digest(c, d);
}

/* Content-MD5 of what the call is to send of the file. */
static int add_md5(struct s3_call *c, struct err *e)
{
    struct digest *d = digest_new();
    char *block = mem_alloc(BLOCK);
    int64_t end = c->transfer.body_at + c->transfer.body_size;
    int rc = 0;
    for (int64_t at = c->transfer.body_at, len; rc == 0 && at < end; at += len) {
        len = end - at < BLOCK ? end - at : BLOCK;
        rc = descriptor_read(c->transfer.body_fd, at, block, (size_t)len, SCRATCH, e);
        if (rc == 0)
            digest_update_md5(d, block, (size_t)len);
    }
    free(block);
    add_digest(c, d);
    return rc;
}

static void describe(const struct s3_put *p, struct s3_call *c)
{
    if (p->media_type)
        s3_call_header(c, "content-type", p->media_type);
    if (p->encoding)
        s3_call_header(c, "content-encoding", p->encoding);
}

/* What stands under a key that nobody else makes is never another's. Some servers refuse the condition. */
static void refuse_another(const struct s3_put *p, struct s3_call *c)
{
    if (!p->s3->name)
        s3_call_header(c, "if-none-match", "*");
}

/* --- an upload of parts --- */

static int begin_upload(struct s3_put *p, struct err *e)
{
    struct s3_call c;
    int rc = 0;
    s3_call_object(&c, p->s3, "POST", p->key);
    s3_call_query(&c, "uploads", "");
    s3_call_header(&c, "x-amz-meta-put", p->token);
    describe(p, &c);
    c.transfer.body = "";
    c.transfer.body_size = 0;
    s3_call_run(&c);
    if (!c.good)
        rc = call_failed(&c, e);
    else if (!s3_xml_text(c.answer.bytes ? c.answer.bytes : "", c.answer.len, "InitiateMultipartUploadResult",
                          "UploadId", p->upload, sizeof p->upload))
        rc = s3_fail(p->s3, e, ERR_STORAGE, "no upload id is given for %.150s", c.name);
    s3_call_free(&c);
    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&p->s3->mutex);
    p->next = p->s3->puts;
    p->s3->puts = p;
    (void)pthread_mutex_unlock(&p->s3->mutex);
    return 0;
}

/* It is freed; `rc`, `e`: what came of it. */
static void part_ends(struct part *part, int rc, const struct err *e)
{
    struct s3_put *p = part->put;
    struct s3_call *c = &part->call;
    (void)pthread_mutex_lock(&p->mutex);
    if (rc == 0)
        p->etags[part->number - 1] = mem_strdup(c->etag);
    if (rc < 0 && p->rc == 0) {
        p->rc = rc;
        p->error = *e;
    }
    s3_call_free(c);
    free(part);
    p->on_their_way--;
    (void)pthread_cond_signal(&p->cond);
    (void)pthread_mutex_unlock(&p->mutex); /* the put may be gone after this */
}

static void part_finished(struct s3_call *c)
{
    struct part *part = (struct part *)c;
    struct s3_put *p = part->put;
    struct err e;
    int rc = c->good && *c->etag ? 0 : c->good ? ERR_STORAGE : call_failed(c, &e);
    if (c->good && rc < 0)
        rc = s3_fail(p->s3, &e, rc, "no ETag is given for a part of %.150s", c->name);
    if (rc == 0 && !p->readable)
        (void)fallocate(p->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, c->transfer.body_at,
                        c->transfer.body_size);
    part_ends(part, rc, &e);
}

/* Until no more than `most` are on their way. */
static int await_parts(struct s3_put *p, int most, struct err *e)
{
    (void)pthread_mutex_lock(&p->mutex);
    while (p->on_their_way > most)
        (void)pthread_cond_wait(&p->cond, &p->mutex);
    int rc = p->rc;
    if (rc < 0)
        *e = p->error;
    (void)pthread_mutex_unlock(&p->mutex);
    return rc;
}

/* In a thread of the hashers: md5 takes as long as all else that is done to the bytes. */
static void run_part(struct pool_task *task)
{
    struct part *part = (struct part *)((char *)task - offsetof(struct part, task));
    struct err e;
    int rc = add_md5(&part->call, &e);
    if (rc < 0)
        part_ends(part, rc, &e);
    else
        s3_call_start(&part->call, 0);
}

static void start_part(struct s3_put *p)
{
    struct part *part = mem_alloc(sizeof *part);
    struct s3_call *c = &part->call;
    s3_call_object(c, p->s3, "PUT", p->key);
    c->patient = true;
    part->put = p;
    part->number = p->parts;
    s3_call_query(c, "partNumber", arena_printf(&c->arena, "%d", part->number));
    s3_call_query(c, "uploadId", p->upload);
    c->transfer.body_fd = p->fd;
    c->transfer.body_at = p->part_at;
    c->transfer.body_size = p->written - p->part_at;
    c->finished = part_finished;
    part->task = (struct pool_task){.run = run_part};
    pool_add(p->s3->engine->hashers, &part->task);
}

/* What was gathered is sent as a part; the next one begins. */
static int send_part(struct s3_put *p, struct err *e)
{
    int rc = p->parts == 0 ? begin_upload(p, e) : await_parts(p, AT_ONCE - 1, e);
    if (rc == 0 && p->parts == MOST_PARTS)
        rc = err_set(e, ERR_TOO_LARGE, "a result may have at most %lld bytes here", (long long)S3_LARGEST);
    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&p->mutex);
    p->etags = mem_realloc(p->etags, (size_t)(p->parts + 1) * sizeof *p->etags);
    p->etags[p->parts++] = NULL;
    p->on_their_way++;
    (void)pthread_mutex_unlock(&p->mutex);
    start_part(p);
    p->part_at = p->written;
    p->part_size = s3_part_size(p->written);
    return 0;
}

/* --- writing and reading back --- */

int s3_put_write(struct blob_put *put, const void *bytes, size_t len, struct err *e)
{
    struct s3_put *p = (struct s3_put *)put;
    const char *from = bytes;
    int rc = 0;
    if (p->written + (int64_t)len > S3_LARGEST)
        return err_set(e, ERR_TOO_LARGE, "a result may have at most %lld bytes here", (long long)S3_LARGEST);
    while (rc == 0 && len > 0) {
        int64_t room = *p->key ? p->part_size - (p->written - p->part_at) : INT64_MAX;
        if (room == 0) { /* only now: what is no more than one part is sent as a whole */
            rc = send_part(p, e);
            continue;
        }
        size_t n = (int64_t)len < room ? len : (size_t)room;
        rc = descriptor_write(p->fd, p->written, from, n, SCRATCH, e);
        p->written += rc == 0 ? (int64_t)n : 0;
        from += n;
        len -= n;
    }
    return rc;
}

int s3_put_read(struct blob_put *put, int64_t offset, void *to, size_t len, struct err *e)
{
    return descriptor_read(((const struct s3_put *)put)->fd, offset, to, len, SCRATCH, e);
}

/* --- the commit --- */

/* Whether what stands under the key is what this put made. */
static bool is_made(struct s3_put *p)
{
    struct s3_call c;
    s3_call_object(&c, p->s3, "HEAD", p->key);
    s3_call_run(&c);
    bool made = c.good && strcmp(c.put_token, p->token) == 0 && c.content_length == p->written;
    if (made)
        s3_bare_etag(c.etag, p->etag, sizeof p->etag);
    s3_call_free(&c);
    return made;
}

static int commit_whole(struct s3_put *p, struct err *e)
{
    struct s3_call c;
    s3_call_object(&c, p->s3, "PUT", p->key);
    s3_call_header(&c, "x-amz-meta-put", p->token);
    refuse_another(p, &c);
    describe(p, &c);
    c.transfer.body_fd = p->fd;
    c.transfer.body_size = p->written;
    int rc = add_md5(&c, e);
    if (rc == 0)
        s3_call_run(&c);
    bool taken = c.transfer.outcome == TRANSFER_ANSWERED && c.transfer.status == 412;
    if (rc == 0 && !c.good && !(taken && is_made(p)))
        rc = call_failed(&c, e);
    if (c.good)
        s3_bare_etag(c.etag, p->etag, sizeof p->etag);
    s3_call_free(&c);
    return rc;
}

static const char *list_of_parts(struct arena *a, const struct s3_put *p)
{
    struct buf b = {.arena = a};
    buf_puts(&b, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (int i = 0; i < p->parts; i++) {
        buf_printf(&b, "<Part><PartNumber>%d</PartNumber><ETag>", i + 1);
        for (const char *t = p->etags[i]; *t; t++)
            if (*t == '<' || *t == '&' || *t == '>')
                buf_printf(&b, "&#%d;", *t);
            else
                buf_putc(&b, *t);
        buf_puts(&b, "</ETag></Part>");
    }
    buf_puts(&b, "</CompleteMultipartUpload>");
    return buf_str(&b);
}

static void take_etag(struct s3_put *p, const struct s3_call *c)
{
    char etag[sizeof p->etag];
    if (c->answer.len > 0 && s3_xml_text(c->answer.bytes, c->answer.len, "CompleteMultipartUploadResult",
                                         "ETag", etag, sizeof etag))
        s3_bare_etag(etag, p->etag, sizeof p->etag);
}

static int complete(struct s3_put *p, struct err *e)
{
    struct s3_call c;
    int rc = 0;
    s3_call_object(&c, p->s3, "POST", p->key);
    s3_call_query(&c, "uploadId", p->upload);
    s3_call_header(&c, "content-type", "application/xml");
    refuse_another(p, &c);
    const char *list = list_of_parts(&c.arena, p);
    c.patient = true;
    c.transfer.body = list;
    c.transfer.body_size = (int64_t)strlen(list);
    s3_call_run(&c);
    bool gone =
        c.transfer.outcome == TRANSFER_ANSWERED && (c.transfer.status == 404 || c.transfer.status == 412);
    if (!c.good && !(gone && is_made(p)))
        rc = call_failed(&c, e);
    if (c.good)
        take_etag(p, &c);
    s3_call_free(&c);
    return rc;
}

static int commit_parts(struct s3_put *p, struct err *e)
{
    int rc = send_part(p, e);
    if (rc == 0)
        rc = await_parts(p, 0, e);
    return rc == 0 ? complete(p, e) : rc;
}

int s3_put_commit(struct blob_put *put, struct err *e)
{
    struct s3_put *p = (struct s3_put *)put;
    int rc = p->parts == 0 ? commit_whole(p, e) : commit_parts(p, e);
    p->committed = rc == 0;
    return rc;
}

/* --- the end --- */

static void aborted(struct s3_call *c)
{
    s3_call_free(c);
    free(c);
}

/* Nobody waits for it: what it does not reach the sweeper finds. */
static void abort_upload(struct s3_put *p)
{
    struct s3_call *c = mem_alloc(sizeof *c);
    s3_call_object(c, p->s3, "DELETE", p->key);
    s3_call_query(c, "uploadId", p->upload);
    c->finished = aborted;
    c->patient = true;
    s3_call_start(c, 0);
}

static void end_upload(struct s3_put *p)
{
    struct err ignored;
    (void)await_parts(p, 0, &ignored);
    (void)pthread_mutex_lock(&p->s3->mutex);
    struct s3_put **link = &p->s3->puts;
    while (*link != p)
        link = &(*link)->next;
    *link = p->next;
    (void)pthread_mutex_unlock(&p->s3->mutex);
    if (!p->committed)
        abort_upload(p);
}

void s3_put_close(struct blob_put *put)
{
    struct s3_put *p = (struct s3_put *)put;
    if (*p->upload)
        end_upload(p);
    for (int i = 0; i < p->parts; i++)
        free(p->etags[i]);
    free(p->etags);
    (void)close(p->fd);
    (void)pthread_cond_destroy(&p->cond);
    (void)pthread_mutex_destroy(&p->mutex);
    s3_release(p->s3);
    free(p->key);
    free(p->media_type);
    free(p->encoding);
    free(p);
}

void s3_put_describe(struct blob_put *put, const char *media_type, const char *encoding)
{
    struct s3_put *p = (struct s3_put *)put;
    p->media_type = mem_strdup(media_type);
    p->encoding = encoding ? mem_strdup(encoding) : NULL;
}

const char *s3_put_etag(struct blob_put *put)
{
    return ((const struct s3_put *)put)->etag;
}

bool s3_put_is_ours(struct s3 *s, const char *upload)
{
    bool ours = false;
    (void)pthread_mutex_lock(&s->mutex);
    for (const struct s3_put *p = s->puts; p && !ours; p = p->next)
        ours = strcmp(p->upload, upload) == 0;
    (void)pthread_mutex_unlock(&s->mutex);
    return ours;
}
