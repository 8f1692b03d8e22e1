/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See metrics.h. Every cell is an atomic of its own; a scrape is not a snapshot, as with every Prometheus
 * client.
 */
#include "http/metrics.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const int statuses[] = {200, 201, 204, 206, 303, 304, 307, 400, 401, 403, 404, 405, 406,
                               409, 410, 412, 413, 414, 416, 417, 431, 500, 501, 503, 507, 0};
enum { STATUSES = sizeof statuses / sizeof statuses[0], BUCKETS = 12 };

static const int64_t bounds[BUCKETS] = {500,   1000,   2500,   5000,    10000,   25000,
                                        50000, 100000, 250000, 1000000, 5000000, 30000000};
static const char *const bound_names[BUCKETS] = {"0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025",
                                                 "0.05",   "0.1",   "0.25",   "1",     "5",    "30"};

struct route_metrics {
    const struct route *route; /* NULL: of no route */
    const char *api;
    atomic_llong by_status[STATUSES];
    atomic_llong by_time[BUCKETS + 1];
    atomic_llong microseconds;
};

struct metrics {
    atomic_llong bytes_in, bytes_out, bytes_left, connections;
    size_t count;
    struct route_metrics routes[];
};

struct metrics *metrics_new(const struct api_mount *mounts)
{
    size_t count = 1;
    for (const struct api_mount *a = mounts; a->api; a++)
        count += a->api->route_count;
    struct metrics *m = calloc(1, sizeof *m + count * sizeof m->routes[0]);
    if (!m)
        abort();
    m->count = count;
    struct route_metrics *r = m->routes;
    (r++)->api = "";
    for (const struct api_mount *a = mounts; a->api; a++)
        for (size_t i = 0; i < a->api->route_count; i++, r++) {
            r->route = &a->api->routes[i];
            r->api = a->api->name;
        }
    return m;
}

void metrics_free(struct metrics *m)
{
    free(m);
}

static struct route_metrics *find(struct metrics *m, const struct route *route)
{
    for (size_t i = 1; i < m->count; i++)
        if (m->routes[i].route == route)
            return &m->routes[i];
    return &m->routes[0];
}

static void add(atomic_llong *to, long long v)
{
    atomic_fetch_add_explicit(to, v, memory_order_relaxed);
}

static long long get(const atomic_llong *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

void metrics_count(struct metrics *m, const struct route *route, int status, int64_t microseconds,
                   int64_t bytes_out)
{
    struct route_metrics *r = find(m, route);
    int s = 0;
    int b = 0;
    while (statuses[s] && statuses[s] != status)
        s++;
    while (b < BUCKETS && microseconds > bounds[b])
        b++;
    add(&r->by_status[s], 1);
    add(&r->by_time[b], 1);
    add(&r->microseconds, microseconds);
    add(&m->bytes_out, bytes_out);
}

void metrics_bytes_left(struct metrics *m, int64_t bytes)
{
    add(&m->bytes_left, bytes);
}

void metrics_bytes_in(struct metrics *m, int64_t bytes)
{
    add(&m->bytes_in, bytes);
}

void metrics_connection(struct metrics *m, int change)
{
    add(&m->connections, change);
}

static void print_labels(const struct route_metrics *r, struct buf *out)
{
    buf_printf(out, "api=\"%s\",method=\"%s\",route=\"%s\"", r->api,
               r->route ? http_method_names[r->route->method] : "", r->route ? r->route->path : "");
}

static void print_counts(struct metrics *m, struct buf *out)
{
    buf_puts(out,
             "# HELP resultd_requests_total Requests answered.\n# TYPE resultd_requests_total counter\n");
    for (size_t i = 0; i < m->count; i++)
        for (int s = 0; s < STATUSES; s++) {
            long long n = get(&m->routes[i].by_status[s]);
            if (!n)
                continue;
            buf_puts(out, "resultd_requests_total{");
            print_labels(&m->routes[i], out);
            if (statuses[s])
                buf_printf(out, ",status=\"%d\"} %lld\n", statuses[s], n);
            else
                buf_printf(out, ",status=\"other\"} %lld\n", n);
        }
}

static void print_times(const struct route_metrics *r, struct buf *out)
{
    long long sum = 0;
    for (int b = 0; b <= BUCKETS; b++)
        sum += get(&r->by_time[b]);
    if (!sum)
        return;
    long long so_far = 0;
    for (int b = 0; b <= BUCKETS; b++) {
        so_far += get(&r->by_time[b]);
        buf_puts(out, "resultd_request_seconds_bucket{");
        print_labels(r, out);
        buf_printf(out, ",le=\"%s\"} %lld\n", b < BUCKETS ? bound_names[b] : "+Inf", so_far);
    }
    buf_puts(out, "resultd_request_seconds_sum{");
    print_labels(r, out);
    buf_printf(out, "} %.6f\nresultd_request_seconds_count{", (double)get(&r->microseconds) / 1e6);
    print_labels(r, out);
    buf_printf(out, "} %lld\n", so_far);
}

void metrics_print_one(struct buf *out, const char *name, const char *type, const char *help,
                       const char *labels, long long value)
{
    if (help)
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    buf_puts(out, name);
    if (labels)
        buf_printf(out, "{%s}", labels);
    buf_printf(out, " %lld\n", value);
}

void metrics_print(struct metrics *m, struct buf *out)
{
    print_counts(m, out);
    buf_puts(out, "# HELP resultd_request_seconds Time from a request's header to the end of its answer.\n"
                  "# TYPE resultd_request_seconds histogram\n");
    for (size_t i = 0; i < m->count; i++)
        print_times(&m->routes[i], out);
    metrics_print_one(out, "resultd_received_bytes_total", "counter", "Bytes of bodies received.", NULL,
                      get(&m->bytes_in));
    metrics_print_one(out, "resultd_left_bytes_total", "counter",
                      "Bytes of bodies that a proxy was told to send.", NULL, get(&m->bytes_left));
    metrics_print_one(out, "resultd_sent_bytes_total", "counter", "Bytes of bodies sent.", NULL,
                      get(&m->bytes_out));
    metrics_print_one(out, "resultd_connections", "gauge", "Open connections.", NULL, get(&m->connections));
}
