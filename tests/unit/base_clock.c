/* SPDX-License-Identifier: Apache-2.0 */
/* Times: both text forms, there and back, and the dates that do not exist. */
#include "base/clock.h"
#include "support/test.h"

#include <string.h>

#define MOMENT INT64_C(1767323045000006) /* 2026-01-02T03:04:05.000006Z */

static void rfc_3339_is_written_with_six_digits(void **state)
{
    char text[CLOCK_RFC3339_SIZE];
    (void)state;
    clock_rfc3339(MOMENT, text);
    assert_string_equal(text, "2026-01-02T03:04:05.000006Z");
    clock_rfc3339(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    clock_rfc3339(INT64_C(253402300799999999), text);
    assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
}

static void rfc_3339_is_read_in_all_its_forms(void **state)
{
    static const struct {
        const char *text;
        int64_t t;
    } good[] = {
        {"2026-01-02T03:04:05.000006Z", MOMENT},
        {"2026-01-02T03:04:05Z", MOMENT - 6},
        {"2026-01-02t03:04:05.5Z", MOMENT - 6 + 500000},
        {"2026-01-02T03:04:05.123456789Z", MOMENT - 6 + 123456},
        {"2026-01-02T05:34:05+02:30", MOMENT - 6},
        {"2026-01-01T22:04:05-05:00", MOMENT - 6},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000000)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000000)},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t t = 0;
        assert_true(clock_parse_rfc3339(good[i].text, &t));
        assert_true(t == good[i].t);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-01-02",
                                      "2026-01-02 03:04:05Z",
                                      "2026-01-02T03:04:05",
                                      "2026-01-02T03:04Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-01-00T00:00:00Z",
                                      "2026-02-29T00:00:00Z",
                                      "2026-04-31T00:00:00Z",
                                      "2026-01-02T24:00:00Z",
                                      "2026-01-02T03:60:00Z",
                                      "2026-01-02T03:04:61Z",
                                      "2026-01-02T03:04:05.Z",
                                      "2026-01-02T03:04:05.1",
                                      "2026-01-02T03:04:05+2:00",
                                      "2026-01-02T03:04:05+24:00",
                                      "2026-01-02T03:04:05+02:60",
                                      "2026-01-02T03:04:05Zx",
                                      "+026-01-02T03:04:05Z",
                                      "2026-1-2T03:04:05Z",
                                      "now"};
    int64_t t;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (clock_parse_rfc3339(bad[i], &t))
            fail_msg("%s was taken", bad[i]);
}

static void a_leap_second_does_not_make_a_day_that_is_not_there(void **state)
{
    int64_t t;
    (void)state;
    assert_false(clock_parse_rfc3339("2026-02-30T23:59:60Z", &t));
    assert_false(clock_parse_rfc3339("2026-01-99T00:00:60Z", &t));
}

static void http_dates_both_ways(void **state)
{
    static const char *const bad[] = {"",
                                      "Fri, 02 Jan 2026 03:04:05",
                                      "Fri, 02 Jan 2026 03:04:05 UTC",
                                      "Friday, 02-Jan-26 03:04:05 GMT",
                                      "Fri Jan  2 03:04:05 2026",
                                      "Fri, 02 Abc 2026 03:04:05 GMT",
                                      "Fri, 31 Apr 2026 03:04:05 GMT",
                                      "Fri, 02 Jan 2026 25:04:05 GMT",
                                      "Fri, xx Jan 2026 03:04:05 GMT"};
    char text[CLOCK_HTTP_SIZE];
    int64_t t;
    (void)state;
    clock_http(MOMENT, text);
    assert_string_equal(text, "Fri, 02 Jan 2026 03:04:05 GMT");
    assert_true(clock_parse_http(text, &t));
    assert_true(t == MOMENT - 6);
    assert_true(clock_parse_http("Sun, 06 Nov 1994 08:49:37 GMT", &t));
    assert_true(t == INT64_C(784111777000000));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(clock_parse_http(bad[i], &t));
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
    int64_t last = clock_monotonic();
    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_monotonic();
        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_now() > INT64_C(1700000000000000));
    last = clock_monotonic();
    assert_true(clock_boot() >= last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_3339_is_written_with_six_digits),
        cmocka_unit_test(rfc_3339_is_read_in_all_its_forms),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(a_leap_second_does_not_make_a_day_that_is_not_there),
        cmocka_unit_test(http_dates_both_ways),
        cmocka_unit_test(the_monotonic_clock_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
