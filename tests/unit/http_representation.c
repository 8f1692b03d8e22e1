/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending a representation: status, headers, ranges and multipart bytes, and that the source is always let go
 * of. request_header is this file's own, so no server takes part.
 */
#include "http/representation.h"
#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char body[] = "0123456789";
static const char *range, *if_none_match, *if_match, *if_range, *if_modified_since, *if_unmodified_since;
static struct request rq;
static struct err e;
static int done_calls;

const char *request_header(struct request *r, const char *name)
{
    (void)r;
    if (strcmp(name, "Range") == 0)
        return range;
    if (strcmp(name, "If-None-Match") == 0)
        return if_none_match;
    if (strcmp(name, "If-Range") == 0)
        return if_range;
    if (strcmp(name, "If-Modified-Since") == 0)
        return if_modified_since;
    if (strcmp(name, "If-Unmodified-Since") == 0)
        return if_unmodified_since;
    return strcmp(name, "If-Match") == 0 ? if_match : NULL;
}

static int read_body(void *ctx, int64_t offset, void *to, size_t len, struct err *err)
{
    (void)ctx;
    (void)err;
    assert_true(offset >= 0 && offset + (int64_t)len <= 10);
    memcpy(to, body + offset, len);
    return 0;
}

static void count_done(void *ctx)
{
    (void)ctx;
    done_calls++;
}

static struct representation representation(int fd, const void *bytes)
{
    return (struct representation){.media_type = "text/plain",
                                   .etag = "\"tag\"",
                                   .sha256 =
                                       "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882",
                                   .modified = 1000000,
                                   .file_name = "ten.txt",
                                   .size = 10,
                                   .bytes = bytes,
                                   .fd = fd,
                                   .read = read_body,
                                   .done = count_done};
}

static int send_bytes(void)
{
    struct representation rep = representation(-1, body);
    return representation_send(&rq, &rep, &e);
}

static int set_up(void **state)
{
    (void)state;
    rq = (struct request){.method = HTTP_GET, .response = {.fd = -1}};
    range = if_none_match = if_match = if_range = if_modified_since = if_unmodified_since = NULL;
    done_calls = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&rq.arena);
    return 0;
}

static const char *header(const char *name)
{
    for (int i = 0; i < rq.response.header_count; i++)
        if (strcmp(rq.response.headers[i].name, name) == 0)
            return rq.response.headers[i].value;
    return NULL;
}

static void all_of_it(void **state)
{
    (void)state;
    must(send_bytes(), &e);
    assert_int_equal(rq.response.status, 200);
    assert_int_equal(rq.response.size, 10);
    assert_ptr_equal(rq.response.bytes, body);
    assert_string_equal(header("ETag"), "\"tag\"");
    assert_string_equal(header("Last-Modified"), "Thu, 01 Jan 1970 00:00:01 GMT");
    assert_string_equal(header("Accept-Ranges"), "bytes");
    assert_string_equal(header("Repr-Digest"), "sha-256=:hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=:");
    assert_non_null(strstr(header("Content-Disposition"), "filename=\"ten.txt\""));
    assert_null(header("Content-Range"));
    assert_int_equal(done_calls, 1);
}

static void one_range_of_it(void **state)
{
    (void)state;
    range = "bytes=3-5";
    must(send_bytes(), &e);
    assert_int_equal(rq.response.status, 206);
    assert_int_equal(rq.response.size, 3);
    assert_memory_equal(rq.response.bytes, "345", 3);
    assert_string_equal(header("Content-Range"), "bytes 3-5/10");
    assert_int_equal(done_calls, 1);
}

static void a_range_of_a_file_has_a_descriptor_of_its_own(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct representation rep = representation(fd, NULL);
    (void)state;
    range = "bytes=-4";
    must(representation_send(&rq, &rep, &e), &e);
    assert_int_equal(rq.response.offset, 6);
    assert_int_equal(rq.response.size, 4);
    assert_int_not_equal(rq.response.fd, fd);
    assert_int_equal(close(fd), 0);
    assert_int_equal(close(rq.response.fd), 0);
    assert_int_equal(done_calls, 1);
}

/* When descriptors run out is the worst time to leak one. */
static void the_source_is_let_go_of_when_no_descriptor_is_left(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct representation rep = representation(fd, NULL);
    struct rlimit old;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int rc = representation_send(&rq, &rep, &e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(close(fd), 0);
    must_fail(rc, ERR_BUSY);
    assert_int_equal(done_calls, 1);
}

static void what_can_only_be_read_is_read_from_its_place(void **state)
{
    struct representation rep = representation(-1, NULL);
    char part[4] = "";
    (void)state;
    range = "bytes=4-8";
    must(representation_send(&rq, &rep, &e), &e);
    struct response *r = &rq.response;
    assert_int_equal(r->status, 206);
    assert_int_equal(r->size, 5);
    assert_true(r->fd < 0);
    must(r->read(r->read_ctx, 2, part, 3, &e), &e);
    assert_string_equal(part, "678");
    assert_int_equal(done_calls, 0);
    r->read_done(r->read_ctx);
    assert_int_equal(done_calls, 1);
}

/* Every third byte is there only when it is asked for the second time. */
static int read_slowly(void *ctx, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *err)
{
    int *asked = ctx;
    *ret_len = 0;
    if (offset % 3 == 0 && (*asked)++ % 2 == 0)
        return RESPONSE_LATER;
    *ret_len = max > 2 ? 2 : max;
    return read_body(NULL, offset, to, *ret_len, err);
}

static bool always_waits(void *ctx)
{
    (void)ctx;
    return true;
}

static size_t read_until_it_is_whole(const struct response *r, char *to, int *ret_waits)
{
    size_t at = 0;
    for (size_t len; at < (size_t)r->size; at += len) {
        int rc = r->read_some(r->read_ctx, (int64_t)at, to + at, (size_t)r->size - at, &len, &e);
        assert_true(rc == 0 || rc == RESPONSE_LATER);
        if (rc == RESPONSE_LATER) {
            assert_int_equal(len, 0);
            assert_true(r->read_wait(r->read_ctx));
            ++*ret_waits;
        }
    }
    return at;
}

static void what_is_not_there_yet_is_waited_for(void **state)
{
    static const char *const ranges[] = {"bytes=1-8", "bytes=0-3,7-9", NULL};
    char whole[2000];
    (void)state;
    for (int i = 0; i < 3; i++) {
        int asked = 0;
        int waits = 0;
        struct representation rep = representation(-1, NULL);
        rep.read = NULL;
        rep.read_some = read_slowly;
        rep.read_wait = always_waits;
        rep.ctx = &asked;
        range = ranges[i];
        must(representation_send(&rq, &rep, &e), &e);
        assert_null(rq.response.read);
        whole[read_until_it_is_whole(&rq.response, whole, &waits)] = '\0';
        assert_true(waits > 0);
        if (i == 1)
            assert_true(strstr(whole, "\r\n\r\n0123\r\n") && strstr(whole, "\r\n\r\n789\r\n"));
        else
            assert_string_equal(whole, i == 0 ? "12345678" : "0123456789");
        (void)tear_down(NULL);
        (void)set_up(NULL);
    }
}

static void a_digest_that_is_not_known_is_not_sent(void **state)
{
    struct representation rep = representation(-1, body);
    (void)state;
    rep.sha256 = NULL;
    must(representation_send(&rq, &rep, &e), &e);
    assert_null(header("Repr-Digest"));
}

static int send_dated(bool vague)
{
    struct representation rep = representation(-1, body);
    arena_free(&rq.arena);
    rq = (struct request){.method = HTTP_GET, .response = {.fd = -1}};
    rep.vague_date = vague;
    return representation_send(&rq, &rep, &e);
}

static void a_vague_date_decides_nothing(void **state)
{
    (void)state;
    range = "bytes=3-5";
    if_range = "Thu, 01 Jan 1970 00:00:01 GMT";
    must(send_dated(false), &e);
    assert_int_equal(rq.response.status, 206);
    must(send_dated(true), &e);
    assert_int_equal(rq.response.status, 200);
    assert_string_equal(header("Last-Modified"), "Thu, 01 Jan 1970 00:00:01 GMT");
    if_range = "\"tag\"";
    must(send_dated(true), &e);
    assert_int_equal(rq.response.status, 206);
    range = if_range = NULL;
    if_modified_since = "Thu, 01 Jan 1970 00:00:01 GMT";
    must(send_dated(false), &e);
    assert_int_equal(rq.response.status, 304);
    must(send_dated(true), &e);
    assert_int_equal(rq.response.status, 200);
    if_modified_since = NULL;
    if_unmodified_since = "Thu, 01 Jan 1970 00:00:00 GMT";
    must_fail(send_dated(false), ERR_PRECONDITION);
    must(send_dated(true), &e);
}

static void several_ranges_are_one_body_however_it_is_read(void **state)
{
    char whole[2000];
    char pieces[2000];
    (void)state;
    range = "bytes=0-1,9-9,4-6";
    must(send_bytes(), &e);
    struct response *r = &rq.response;
    assert_int_equal(r->status, 206);
    assert_int_equal(done_calls, 0);
    const char *boundary = strstr(header("Content-Type"), "boundary=") + 9;
    assert_true(r->size > 0 && r->size < (int64_t)sizeof whole);
    must(r->read(r->read_ctx, 0, whole, (size_t)r->size, &e), &e);
    char want[2000];
    (void)snprintf(want, sizeof want,
                   "--%s\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n"
                   "--%s\r\nContent-Type: text/plain\r\nContent-Range: bytes 9-9/10\r\n\r\n9\r\n"
                   "--%s\r\nContent-Type: text/plain\r\nContent-Range: bytes 4-6/10\r\n\r\n456\r\n--%s--\r\n",
                   boundary, boundary, boundary, boundary);
    assert_int_equal(r->size, strlen(want));
    assert_memory_equal(whole, want, strlen(want));
    for (size_t step = 1; step < 40; step += 6) {
        memset(pieces, 0, sizeof pieces);
        for (int64_t at = 0; at < r->size; at += (int64_t)step) {
            size_t len = r->size - at < (int64_t)step ? (size_t)(r->size - at) : step;
            must(r->read(r->read_ctx, at, pieces + at, len, &e), &e);
        }
        assert_memory_equal(pieces, want, strlen(want));
    }
    r->read_done(r->read_ctx);
    assert_int_equal(done_calls, 1);
}

static void what_cannot_be_sent_lets_go_of_the_source(void **state)
{
    (void)state;
    range = "bytes=10-";
    must_fail(send_bytes(), ERR_RANGE);
    assert_string_equal(header("Content-Range"), "bytes */10");
    assert_int_equal(done_calls, 1);
    (void)tear_down(NULL);
    (void)set_up(NULL);
    if_match = "\"other\"";
    must_fail(send_bytes(), ERR_PRECONDITION);
    assert_int_equal(done_calls, 1);
    (void)tear_down(NULL);
    (void)set_up(NULL);
    if_none_match = "\"tag\"";
    must(send_bytes(), &e);
    assert_int_equal(rq.response.status, 304);
    assert_int_equal(rq.response.size, 10); /* the length of what the 200 would have sent */
    assert_string_equal(header("ETag"), "\"tag\"");
    assert_int_equal(done_calls, 1);
}

static void head_ignores_ranges(void **state)
{
    (void)state;
    range = "bytes=3-5";
    rq.method = HTTP_HEAD;
    must(send_bytes(), &e);
    assert_int_equal(rq.response.status, 200);
    assert_int_equal(rq.response.size, 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_of_it),
        TEST(one_range_of_it),
        TEST(a_range_of_a_file_has_a_descriptor_of_its_own),
        TEST(the_source_is_let_go_of_when_no_descriptor_is_left),
        TEST(what_can_only_be_read_is_read_from_its_place),
        TEST(what_is_not_there_yet_is_waited_for),
        TEST(a_digest_that_is_not_known_is_not_sent),
        TEST(a_vague_date_decides_nothing),
        TEST(several_ranges_are_one_body_however_it_is_read),
        TEST(what_cannot_be_sent_lets_go_of_the_source),
        TEST(head_ignores_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
