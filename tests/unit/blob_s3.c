/* SPDX-License-Identifier: Apache-2.0 */
/* What of a bucket needs none: sizes of parts, addresses, answers. */
#include "base/clock.h"
#include "blob/s3.h"
#include "blob/s3_inside.h"
#include "blob/s3_xml.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

static struct err e;

static void parts_make_the_largest_object(void **state)
{
    int64_t size = 0;
    int64_t before = 0;
    int parts = 0;
    (void)state;
    assert_int_equal(s3_part_size(0), 8 << 20);
    for (; size < S3_LARGEST; parts++) {
        int64_t part = s3_part_size(size);
        assert_true(part >= before && part >= 5 << 20 && part <= INT64_C(5) << 30);
        before = part;
        size += part;
    }
    assert_true(parts <= 10000);
}

static void addresses_become_places(void **state)
{
    static const struct {
        const char *url, *origin, *host, *path;
    } all[] = {
        {"s3://b", "https://b.s3.us-east-1.amazonaws.com", "b.s3.us-east-1.amazonaws.com", "/x"},
        {"s3://b/p?region=eu-west-1", "https://b.s3.eu-west-1.amazonaws.com", "b.s3.eu-west-1.amazonaws.com",
         "/p/x"},
        {"s3://b/p/q/?endpoint=http://127.0.0.1:7480", "http://127.0.0.1:7480", "127.0.0.1:7480", "/b/p/q/x"},
        {"s3://b/a%20b?endpoint=https%3A%2F%2Fh:443&path_style=off", "https://b.h", "b.h", "/a b/x"},
        {"s3://b?endpoint=http://h:80&path_style=on", "http://h", "h", "/b/x"},
        {"s3://b?path_style=on", "https://s3.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com", "/b/x"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct arena a = {0};
        struct s3_place p;
        must(s3_place_parse(&a, all[i].url, &p, &e), &e);
        assert_string_equal(p.origin, all[i].origin);
        assert_string_equal(p.host, all[i].host);
        assert_string_equal(s3_place_path(&a, &p, arena_printf(&a, "%sx", p.prefix)), all[i].path);
        arena_free(&a);
    }
}

enum { TOLD = 400 };

static void note_removed(void *ctx, const char *key, const char *fault)
{
    char *to = ctx;
    size_t len = strlen(to);
    (void)snprintf(to + len, TOLD - len, "%s%s;", key, fault ? fault : "");
}

static void what_was_removed_is_read(void **state)
{
    static const char answer[] =
        "<DeleteResult xmlns=\"x\"><Deleted><Key>a&amp;b</Key><VersionId>1</VersionId></Deleted>"
        "<Error><Key>c</Key><Code>AccessDenied</Code><Message>m</Message></Error>"
        "<Error><Key>d</Key><Message>m</Message></Error><Deleted><Key>e</Key></Deleted></DeleteResult>";
    static const char error[] = "<Error><Key>c</Key><Code>AccessDenied</Code></Error>";
    char told[TOLD] = "";
    (void)state;
    assert_true(s3_xml_removed(answer, strlen(answer), note_removed, told));
    assert_string_equal(told, "a&b;cAccessDenied;d;e;");
    assert_false(s3_xml_removed(answer, strlen(answer) - 1, note_removed, told));
    assert_false(s3_xml_removed(error, strlen(error), note_removed, told));
    assert_false(s3_xml_removed("", 0, note_removed, told));
}

static void pauses_grow_with_chance_in_them(void **state)
{
    (void)state;
    for (int i = 1; i < 20; i++) {
        int64_t most = i < 7 ? INT64_C(100000) << (i - 1) : 5000000;
        int64_t pause = s3_backoff(i);
        assert_true(pause >= most / 2 && pause <= most);
    }
}

static int count(void *ctx, const struct s3_entry *entry)
{
    struct s3_entry *last = ctx;
    *last = *entry;
    return 0;
}

static void answers_are_read(void **state)
{
    static const char list[] =
        "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\"><IsTruncated>true</IsTruncated><Contents>"
        "<Key>a%20b%2Bc</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified><Size>10</Size></Contents>"
        "<NextContinuationToken>t/+=</NextContinuationToken></ListBucketResult>";
    static const char error[] = "<Error><Code>SlowDown</Code><Message>a &amp; b</Message></Error>";
    struct s3_entry last;
    struct s3_page page;
    struct s3_fault fault;
    (void)state;
    assert_int_equal(s3_xml_list(list, strlen(list), count, &last, &page), 1);
    assert_string_equal(last.key, "a b+c");
    assert_int_equal(last.size, 10);
    assert_int_equal(last.time, INT64_C(1767323045678000));
    assert_string_equal(page.next, "t/+=");
    assert_int_equal(s3_xml_list(list, strlen(list) - 1, count, &last, &page), 0);
    assert_int_equal(s3_xml_list(error, strlen(error), count, &last, &page), 0);
    assert_true(s3_xml_fault(error, strlen(error), &fault));
    assert_string_equal(fault.code, "SlowDown");
    assert_string_equal(fault.message, "a & b");
    assert_false(s3_xml_fault(list, strlen(list), &fault));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_make_the_largest_object),
        cmocka_unit_test(addresses_become_places),
        cmocka_unit_test(pauses_grow_with_chance_in_them),
        cmocka_unit_test(what_was_removed_is_read),
        cmocka_unit_test(answers_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
