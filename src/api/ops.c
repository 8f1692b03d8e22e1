/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's own pages: is it alive, can it work, how is it doing; and the page for people. It is also the
 * last in the list of APIs and so answers for paths that nobody owns.
 */
#include "api/native.h"
#include "api/page.h"
#include "base/clock.h"
#include "base/pool.h"
#include "core/making.h"
#include "core/orphans.h"
#include "core/replica.h"
#include "core/usage.h"
#include "http/tls.h"

#include <stdio.h>

static int admit(struct request *rq, struct err *e)
{
    bool closed = !core_settings(&api_app(rq)->core)->ops_open;
    if (closed && rq->route->need != ROUTE_OPEN)
        return api_admit_key(rq, KEY_ANY, e);
    return 0;
}

static int send_status(struct request *rq, const char *status, const char *warning)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    json_key(&j, "status");
    json_string(&j, status);
    if (warning) {
        json_key(&j, "warning");
        json_string(&j, warning);
    }
    json_end_object(&j);
    return native_send(rq, 200, &j);
}

static int live(struct request *rq, struct err *e)
{
    (void)e;
    return send_status(rq, "alive", NULL);
}

/* Through the writer and its commit: only then is it known that writing works. */
static int ready(struct request *rq, struct err *e)
{
    const char *warning;
    int rc = usage_ready(api_session(rq), &warning, e);
    return rc < 0 ? rc : send_status(rq, "ready", warning);
}

static void print_states(struct buf *out, const struct usage *u)
{
    char labels[40];
    metrics_print_one(out, "resultd_results", "gauge", "Results by state, without the trash.",
                      "state=\"available\"", u->results[RESULT_AVAILABLE]);
    metrics_print_one(out, "resultd_results", "", NULL, "state=\"consumed\"", u->results[RESULT_CONSUMED]);
    metrics_print_one(out, "resultd_results", "", NULL, "state=\"expired\"", u->results[RESULT_EXPIRED]);
    metrics_print_one(out, "resultd_results", "", NULL, "state=\"deleted\"", u->trash_results);
    buf_puts(out, "# HELP resultd_stored_bytes Bytes of results that are stored.\n"
                  "# TYPE resultd_stored_bytes gauge\n");
    for (int i = 0; i < RESULT_STATE_END; i++) {
        (void)snprintf(labels, sizeof labels, "state=\"%s\"", result_state_names[i]);
        metrics_print_one(out, "resultd_stored_bytes", "", NULL, labels, u->bytes[i]);
    }
    metrics_print_one(out, "resultd_stored_bytes", "", NULL, "state=\"deleted\"", u->trash_bytes);
}

static void print_writer(struct buf *out, struct writer *w)
{
    struct writer_stats s;
    char labels[40];
    long long so_far = 0;
    writer_stats(w, &s);
    metrics_print_one(out, "resultd_write_queue", "gauge", "Requests that wait for the writer.", NULL,
                      s.depth);
    metrics_print_one(out, "resultd_writes_refused_total", "counter",
                      "Requests that had waited for the writer for too long.", NULL, s.late);
    metrics_print_one(out, "resultd_commit_failures_total", "counter", "Group commits that failed.", NULL,
                      s.failures);
    buf_puts(
        out,
        "# HELP resultd_commit_batch Requests in one group commit.\n# TYPE resultd_commit_batch histogram\n");
    for (int i = 0; i < WRITER_BUCKETS; i++) {
        so_far += s.size[i];
        if (i < WRITER_BUCKETS - 1)
            (void)snprintf(labels, sizeof labels, "le=\"%d\"", 1 << i);
        else
            (void)snprintf(labels, sizeof labels, "le=\"+Inf\"");
        metrics_print_one(out, "resultd_commit_batch_bucket", "", NULL, labels, so_far);
    }
    metrics_print_one(out, "resultd_commit_batch_sum", "", NULL, NULL, s.tasks);
    metrics_print_one(out, "resultd_commit_batch_count", "", NULL, NULL, s.batches);
}

static void print_readers(struct buf *out, struct readers *r)
{
    struct reader_stats s = {0};
    if (r)
        readers_stats(r, &s);
    metrics_print_one(out, "resultd_read_queue", "gauge", "Requests that wait for a reader.", NULL, s.depth);
    metrics_print_one(out, "resultd_reads_total", "counter", "Requests that a reader took.", NULL, s.done);
    metrics_print_one(out, "resultd_reads_refused_total", "counter", "Requests that no reader took.",
                      "why=\"full\"", s.full);
    metrics_print_one(out, "resultd_reads_refused_total", "", NULL, "why=\"late\"", s.late);
}

static void print_replica(struct buf *out, struct replica *r)
{
    struct replica_stats s = {.age = -1};
    if (r)
        replica_stats(r, &s);
    metrics_print_one(out, "resultd_replica_age_seconds", "gauge",
                      "How old the replica's view is at most; -1: there is none to read.", NULL,
                      s.age < 0 ? -1 : (s.age + CLOCK_SECOND - 1) / CLOCK_SECOND);
    metrics_print_one(out, "resultd_replica_reads_total", "counter", "Requests answered from the replica.",
                      NULL, s.reads);
    metrics_print_one(out, "resultd_replica_foreign", "gauge",
                      "1: db_replica is another database, and is never read.", NULL, s.foreign);
}

static void print_core(struct buf *out, struct core *c)
{
    metrics_print_one(out, "resultd_uploads_total", "counter", "Uploads that succeeded.", NULL,
                      c->counters.uploads);
    metrics_print_one(out, "resultd_upload_memory_bytes", "gauge", "Bytes received and not yet written.",
                      NULL, c->upload_bytes);
    metrics_print_one(out, "resultd_worker_queue", "gauge", "Uploads that wait for a worker.", NULL,
                      pool_depth(c->workers));
    metrics_print_one(out, "resultd_sweeps_total", "counter", "Rounds of the sweeper.", NULL,
                      c->counters.sweeps);
    metrics_print_one(out, "resultd_sweep_expired_total", "counter", "Results expired.", NULL,
                      c->counters.expired);
    metrics_print_one(out, "resultd_sweep_purged_total", "counter", "Results purged from the trash.", NULL,
                      c->counters.purged);
    metrics_print_one(out, "resultd_sweep_lapsed_total", "counter", "Leases that ran out.", NULL,
                      c->counters.lapsed);
    metrics_print_one(out, "resultd_sweep_files_total", "counter", "Files removed.", NULL,
                      c->counters.blobs_removed);
    metrics_print_one(out, "resultd_sweep_orphans_total", "counter", "Files without a row removed.", NULL,
                      c->counters.orphans);
    metrics_print_one(out, "resultd_orphan_searches_total", "counter",
                      "Searches for files without a row that this node has ended.", NULL,
                      c->counters.orphan_searches);
    metrics_print_one(out, "resultd_sweep_errors_total", "counter", "Rows and files that could not be swept.",
                      NULL, c->counters.sweep_errors);
    metrics_print_one(out, "resultd_clock_ahead_milliseconds", "gauge",
                      "By how much this machine's clock is ahead of the database's; negative: behind.", NULL,
                      c->clock_ahead / 1000);
}

static void print_conversions(struct buf *out, struct core *c)
{
    struct making_stats s;
    making_stats(c, &s);
    metrics_print_one(out, "resultd_conversions", "gauge", "Representations that are being made.", NULL,
                      s.running);
    metrics_print_one(out, "resultd_conversion_rows", "gauge", "Rows of the tables that are being converted.",
                      NULL, s.rows);
    metrics_print_one(out, "resultd_conversion_rows_done", "gauge", "Of those, rows that were read.", NULL,
                      s.rows_done);
    metrics_print_one(out, "resultd_conversions_total", "counter", "Representations made.", NULL, s.done);
    metrics_print_one(out, "resultd_conversions_taken_over_total", "counter",
                      "Representations that other nodes had made.", NULL, s.taken_over);
    metrics_print_one(out, "resultd_conversion_failures_total", "counter",
                      "Representations that could not be made.", NULL, s.failed);
}

static void print_tls(struct buf *out, const struct tls *t)
{
    metrics_print_one(out, "resultd_tls_certificate_expiry_timestamp_seconds", "gauge",
                      "When the certificate in use ends, since 1970; 0: there is none.", NULL,
                      t ? tls_expiry(t) : 0);
    metrics_print_one(out, "resultd_tls_reload_failures_total", "counter",
                      "Certificates that SIGHUP did not bring into use.", NULL, t ? tls_failures(t) : 0);
}

static int metrics(struct request *rq, struct err *e)
{
    struct app *app = api_app(rq);
    struct buf out = {.arena = &rq->arena};
    struct usage u = {0};
    int64_t held = 0;
    int rc = usage_get_all(api_session(rq), &u, e);
    if (rc == 0)
        rc = orphans_held(api_session(rq), &held, e);
    if (rc < 0)
        return rc;
    metrics_print(app->metrics, &out);
    print_states(&out, &u);
    print_writer(&out, app->writer);
    print_readers(&out, app->readers);
    print_replica(&out, app->replica);
    print_core(&out, &app->core);
    metrics_print_one(&out, "resultd_orphans_held", "gauge",
                      "Files without a row that are not removed because they are too many.", NULL, held);
    metrics_print_one(&out, "resultd_disowned", "gauge",
                      "1: the bytes are another database's by now, and nothing is removed.", NULL,
                      atomic_load(&app->core.disowned));
    print_conversions(&out, &app->core);
    print_tls(&out, app->tls);
    metrics_print_one(&out, "resultd_start_time_seconds", "gauge", "When the process started, since 1970.",
                      NULL, app->started_at / 1000000);
    response_bytes(rq, 200, "text/plain; version=0.0.4; charset=utf-8", out.bytes, out.len);
    return 0;
}

static const char *const prefixes[] = {"/-", NULL};
static const struct route routes[] = {
    {HTTP_GET, "/", R_READ, BODY_NONE, ROUTE_OPEN, page_document, .no_database = true},
    {HTTP_GET, "/-/page/{}", R_READ, BODY_NONE, ROUTE_OPEN, page_file, .no_database = true,
     .last_place = "file"},
    {HTTP_GET, "/-/live", R_READ, BODY_NONE, ROUTE_OPEN, live, .no_database = true},
    {HTTP_GET, "/-/ready", R_WRITE, BODY_NONE, ROUTE_OPEN, ready},
    {HTTP_GET, "/-/metrics", R_READ, BODY_NONE, SCOPE_ADMIN, metrics},
};

const struct api api_ops = {
    .name = "ops",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = API_COUNT(routes),
    .admit = admit,
    .fail = native_fail,
};
