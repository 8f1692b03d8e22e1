/* SPDX-License-Identifier: Apache-2.0 */
/* Times and their text forms; see clock.h. Any thread, no state. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return ts.tv_sec * CLOCK_SECOND + ts.tv_nsec / 1000;
}

int64_t clock_now(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_boot(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

/*
 * gmtime without its lock and its leap-second table: days to a date by counting 400-year cycles from
 * 0000-03-01 (Howard Hinnant's days-to-civil). Valid from 1970 on.
 */
static void broken_down(int64_t t, struct tm *tm)
{
    int64_t seconds = t / CLOCK_SECOND;
    int64_t day = seconds / 86400;
    int64_t left = seconds % 86400;
    int64_t z = day + 719468;
    int64_t cycle = z / 146097;
    int64_t day_of_cycle = z % 146097;
    int64_t year = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36524 - day_of_cycle / 146096) / 365;
    int64_t day_of_year = day_of_cycle - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0 is March */
    tm->tm_mday = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    tm->tm_mon = (int)(month < 10 ? month + 2 : month - 10);
    tm->tm_year = (int)(year + cycle * 400 + (month >= 10) - 1900);
    tm->tm_wday = (int)((day + 4) % 7);
    tm->tm_hour = (int)(left / 3600);
    tm->tm_min = (int)(left / 60 % 60);
    tm->tm_sec = (int)(left % 60);
}

static void two_digits(char *at, int v)
{
    at[0] = (char)('0' + v / 10 % 10);
    at[1] = (char)('0' + v % 10);
}

/* By hand because every listed row shows several times and printf took a third of a page's rendering. */
void clock_rfc3339(int64_t t, char *ret)
{
    struct tm tm;
    int micro = (int)(t % CLOCK_SECOND);
    int year;
    broken_down(t, &tm);
    year = tm.tm_year + 1900;
    memcpy(ret, "0000-00-00T00:00:00.000000Z", CLOCK_RFC3339_SIZE);
    two_digits(ret, year / 100);
    two_digits(ret + 2, year % 100);
    two_digits(ret + 5, tm.tm_mon + 1);
    two_digits(ret + 8, tm.tm_mday);
    two_digits(ret + 11, tm.tm_hour);
    two_digits(ret + 14, tm.tm_min);
    two_digits(ret + 17, tm.tm_sec);
    two_digits(ret + 20, micro / 10000);
    two_digits(ret + 22, micro / 100 % 100);
    two_digits(ret + 24, micro % 100);
}

/* `n` digits at *s, which moves on; -1 when there are fewer. */
static int digits(const char **s, int n)
{
    int v = 0;
    for (; n > 0; n--, (*s)++) {
        if (**s < '0' || **s > '9')
            return -1;
        v = v * 10 + (**s - '0');
    }
    return v;
}

static bool literal(const char **s, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(*s, text, len) != 0)
        return false;
    *s += len;
    return true;
}

static bool to_time(struct tm *tm, int64_t *ret)
{
    int leap = tm->tm_sec == 60; /* counted as the second after it */
    struct tm copy = *tm;
    if (tm->tm_mon < 0 || tm->tm_mon > 11 || tm->tm_mday < 1 || tm->tm_hour > 23 || tm->tm_min > 59 ||
        tm->tm_sec > 60 || tm->tm_hour < 0 || tm->tm_min < 0 || tm->tm_sec < 0)
        return false;
    copy.tm_sec -= leap;
    time_t seconds = timegm(&copy);
    if (copy.tm_mday != tm->tm_mday) /* there is no such day in this month */
        return false;
    *ret = (seconds + leap) * CLOCK_SECOND;
    return true;
}

static bool parse_fraction(const char **s, int64_t *ret_micro)
{
    int64_t scale = 100000;
    *ret_micro = 0;
    if (**s != '.')
        return true;
    (*s)++;
    if (**s < '0' || **s > '9')
        return false;
    for (; **s >= '0' && **s <= '9'; (*s)++, scale /= 10)
        *ret_micro += (**s - '0') * scale;
    return true;
}

static bool parse_offset(const char **s, int64_t *ret_seconds)
{
    int sign = **s == '-' ? -1 : 1;
    *ret_seconds = 0;
    if (literal(s, "Z"))
        return true;
    if (**s != '+' && **s != '-')
        return false;
    (*s)++;
    int hours = digits(s, 2);
    if (hours < 0 || hours > 23 || !literal(s, ":"))
        return false;
    int minutes = digits(s, 2);
    if (minutes < 0 || minutes > 59)
        return false;
    *ret_seconds = (int64_t)sign * (hours * 3600 + minutes * 60);
    return true;
}

bool clock_parse_rfc3339(const char *s, int64_t *ret)
{
    struct tm tm = {0};
    int64_t t;
    int64_t micro;
    int64_t offset;
    int year = digits(&s, 4);
    tm.tm_year = year - 1900;
    if (year < 0 || !literal(&s, "-"))
        return false;
    tm.tm_mon = digits(&s, 2) - 1;
    if (!literal(&s, "-"))
        return false;
    tm.tm_mday = digits(&s, 2);
    if (!literal(&s, "T") && !literal(&s, "t"))
        return false;
    tm.tm_hour = digits(&s, 2);
    if (!literal(&s, ":"))
        return false;
    tm.tm_min = digits(&s, 2);
    if (!literal(&s, ":"))
        return false;
    tm.tm_sec = digits(&s, 2);
    if (!parse_fraction(&s, &micro) || !parse_offset(&s, &offset) || *s || !to_time(&tm, &t))
        return false;
    *ret = t + micro - offset * CLOCK_SECOND;
    return true;
}

void clock_http(int64_t t, char *ret)
{
    struct tm tm;
    broken_down(t, &tm);
    memcpy(ret, "Xxx, 00 Xxx 0000 00:00:00 GMT", CLOCK_HTTP_SIZE);
    memcpy(ret, days[tm.tm_wday], 3);
    two_digits(ret + 5, tm.tm_mday);
    memcpy(ret + 8, months[tm.tm_mon], 3);
    two_digits(ret + 12, (tm.tm_year + 1900) / 100);
    two_digits(ret + 14, (tm.tm_year + 1900) % 100);
    two_digits(ret + 17, tm.tm_hour);
    two_digits(ret + 20, tm.tm_min);
    two_digits(ret + 23, tm.tm_sec);
}

bool clock_parse_http(const char *s, int64_t *ret)
{
    struct tm tm = {.tm_mon = -1};
    if (strlen(s) != CLOCK_HTTP_SIZE - 1)
        return false;
    s += 3;
    if (!literal(&s, ", "))
        return false;
    tm.tm_mday = digits(&s, 2);
    if (!literal(&s, " "))
        return false;
    for (int i = 0; i < 12; i++)
        if (memcmp(s, months[i], 3) == 0)
            tm.tm_mon = i;
    s += 3;
    if (!literal(&s, " "))
        return false;
    int year = digits(&s, 4);
    tm.tm_year = year - 1900;
    if (year < 0 || !literal(&s, " "))
        return false;
    tm.tm_hour = digits(&s, 2);
    if (!literal(&s, ":"))
        return false;
    tm.tm_min = digits(&s, 2);
    if (!literal(&s, ":"))
        return false;
    tm.tm_sec = digits(&s, 2);
    return literal(&s, " GMT") && to_time(&tm, ret);
}
