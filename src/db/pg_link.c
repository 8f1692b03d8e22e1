/* SPDX-License-Identifier: Apache-2.0 */
/* See pg_link.h. `queue` mirrors libpq's own queue of what has been sent: whose the next result is. */
#include "db/pg_link.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/id.h"
#include "db/whole.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_BACKOFF_MS = 50, PATIENT_MS = 200, LONGEST_BACKOFF_MS = 1000, GRACE_MS = 1000 };

struct expected {
    struct link_rows *rows;
    const struct stmt *one; /* NULL: it may change any number of rows */
    bool sync;
    bool started;
};

struct link {
    PGconn *conn;
    char *where;
    int64_t timeout_ms; /* of a statement, lock waits included; 0: none */
    int64_t idle_ms;    /* of a transaction that its node has left alone */
    int64_t lock_ms;
    int64_t connect_ms;
    bool read_only;
    bool standby;
    char *proof; /* or NULL, as `proved`: see db_options */
    char *proved;
    bool waits_for_lock;
    unsigned generation;
    int64_t retry_at; /* monotonic, microseconds */
    int64_t backoff_ms;
    int64_t failed_at; /* monotonic: when it could not connect */
    struct link_state state;
    const struct stmt *not_one; /* the server does not take it for a failure, so nothing was skipped */
    bool unflushed;             /* sent since the server was last asked to answer */
    struct expected *queue;
    int head, count, cap;
};

int link_classify(const char *s)
{
    if (!s)
        return ERR_DB;
    if (strncmp(s, "23", 2) == 0)
        return ERR_DB_CONSTRAINT;
    if (strncmp(s, "22", 2) == 0) /* a value that its column cannot hold */
        return ERR_DB_CONSTRAINT;
    if (strcmp(s, "40001") == 0 || strcmp(s, "40P01") == 0)
        return ERR_DB_CONFLICT;
    if (strcmp(s, "55P03") == 0 || strcmp(s, "57014") == 0)
        return ERR_DB_BUSY;
    if (strcmp(s, "53100") == 0)
        return ERR_STORAGE_FULL;
    if (strcmp(s, PG_FROZEN) == 0)
        return ERR_READ_ONLY;
    return ERR_DB;
}

/* The server goes down, has become a standby, or has lost what it had prepared for us. */
static bool ends_connection(const char *s)
{
    return s && (strncmp(s, "08", 2) == 0 || strncmp(s, "57P", 3) == 0 || strcmp(s, "25006") == 0 ||
                 strcmp(s, "26000") == 0 || strcmp(s, "0A000") == 0 || strcmp(s, "25P03") == 0);
}

static const char *sentence(int code)
{
    switch (code) {
    case ERR_DB_BUSY:
        return "the database took too long; try again in a moment";
    case ERR_STORAGE_FULL:
        return "the server's disk is full";
    case ERR_DB_CONFLICT:
        return "the database was interrupted; try again in a moment";
    case ERR_READ_ONLY:
        return DB_FROZEN;
    default:
        return "the database failed";
    }
}

/* --- results --- */

static void add_result(struct link_rows *r, PGresult *result)
{
    if (r->count == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 4;
        r->results = realloc(r->results, (size_t)r->cap * sizeof(PGresult *));
        if (!r->results)
            abort();
    }
    r->results[r->count++] = result;
}

static void end_rows(struct link_rows *r, int rc)
{
    if (!r)
        return;
    r->whole = true;
    if (rc < 0)
        r->rc = rc;
}

static void remember(struct link *l, const struct err *e)
{
    if (!l->state.failed)
        l->state.e = *e;
    l->state.failed = true;
}

static struct expected *front(struct link *l)
{
    return &l->queue[l->head];
}

static void pop(struct link *l)
{
    l->head = l->count == 1 ? 0 : l->head + 1;
    l->count--;
}

static void push(struct link *l, struct link_rows *rows, bool sync)
{
    if (l->head + l->count == l->cap) {
        if (l->head)
            memmove(l->queue, l->queue + l->head, (size_t)l->count * sizeof *l->queue);
        l->head = 0;
    }
    if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 32;
        l->queue = realloc(l->queue, (size_t)l->cap * sizeof *l->queue);
        if (!l->queue)
            abort();
    }
    l->queue[l->head + l->count++] = (struct expected){.rows = rows, .sync = sync};
    l->unflushed = true;
}

/* --- losing it and having it again --- */

void link_lose(struct link *l, const struct err *e)
{
    if (l->conn)
        PQfinish(l->conn);
    l->conn = NULL;
    remember(l, e);
    l->state.lost = true;
    for (; l->count; pop(l))
        end_rows(front(l)->rows, e->code);
    l->unflushed = false;
}

static int lose_because(struct link *l, int code, const char *why, struct err *e)
{
    (void)err_operator(e, code, "the database cannot be reached at the moment", "%s", why);
    link_lose(l, e);
    return code;
}

static int lost(struct link *l, struct err *e)
{
    return lose_because(l, ERR_DB_CONFLICT, l->conn ? PQerrorMessage(l->conn) : "not connected", e);
}

static void no_notice(void *ctx, const PGresult *r)
{
    (void)ctx;
    (void)r;
}

/* Jitter, so that all connections of all nodes do not come back at the same moment. */
static void back_off(struct link *l)
{
    unsigned char random[2];
    id_random(random, sizeof random);
    l->backoff_ms = l->backoff_ms ? 2 * l->backoff_ms : FIRST_BACKOFF_MS;
    if (l->backoff_ms > LONGEST_BACKOFF_MS)
        l->backoff_ms = LONGEST_BACKOFF_MS;
    int64_t part = l->backoff_ms * 1000 / 2;
    l->retry_at = clock_monotonic() + part + part * (random[0] << 8 | random[1]) / 65536;
}

static PGconn *start_connection(const struct link *l)
{
    char connect[24];
    char silence[24];
    (void)snprintf(connect, sizeof connect, "%lld", (long long)((l->connect_ms + 999) / 1000));
    (void)snprintf(silence, sizeof silence, "%lld", (long long)(l->timeout_ms + GRACE_MS));
    /* What stands before dbname is a default that the operator's text may change. */
    const char *const names[] = {"fallback_application_name", "connect_timeout",
                                 "keepalives_idle",           "keepalives_interval",
                                 "keepalives_count",          "tcp_user_timeout",
                                 "target_session_attrs",      "dbname",
                                 "client_encoding",           NULL};
    const char *const values[] = {"resultd",
                                  connect,
                                  "10",
                                  "5",
                                  "3",
                                  l->timeout_ms ? silence : "0",
                                  l->standby ? "prefer-standby" : "read-write",
                                  l->where,
                                  "UTF8",
                                  NULL};
    return PQconnectdbParams(names, values, 1);
}

/*
 * Statements are written for their indexes, which give rows in the order of pages: as in SQLite, what
 * statistics say, or do not say yet, changes no plan. Not for a connection that may take all the time it
 * needs: it reads everything. A list with all its filters joins more tables than the planner would put in
 * order of its own accord, and fewer than it would do so by chance.
 */
static const char by_index[] =
    "SELECT set_config('enable_seqscan', 'off', false), set_config('enable_bitmapscan', 'off', false),"
    " set_config('enable_mergejoin', 'off', false), set_config('enable_hashjoin', 'off', false),"
    " set_config('max_parallel_workers_per_gather', '0', false),"
    " set_config('from_collapse_limit', '11', false), set_config('join_collapse_limit', '11', false)";

/* Ours, whatever role and database say; a commit that returned is on the disk. */
static int set_up(struct link *l, struct err *e)
{
    char text[900];
    (void)snprintf(
        text, sizeof text,
        "SELECT set_config('statement_timeout', '%lld', false), set_config('lock_timeout', '%lld', false),"
        " set_config('idle_in_transaction_session_timeout', '%lld', false),"
        " set_config('default_transaction_isolation', 'read committed', false),"
        " set_config('default_transaction_read_only', '%s', false), set_config('jit', 'off', false),"
        " set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
        " WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)",
        (long long)l->timeout_ms, (long long)l->lock_ms, (long long)l->idle_ms, l->read_only ? "on" : "off");
    int rc = link_plain(l, text, NULL, e);
    if (rc == 0 && l->timeout_ms)
        rc = link_plain(l, by_index, NULL, e);
    return rc < 0 ? rc : link_settle(l, true, e);
}

/* A row that is not there may not have arrived there yet. */
static int read_proof(const struct link *l, const struct link_rows *rows, struct err *e)
{
    const PGresult *first = rows->first < rows->count ? rows->results[rows->first] : NULL;
    if (!first || PQntuples(first) != 1)
        return err_operator(e, ERR_DB, "the database cannot be reached at the moment",
                            "it does not say which database it is");
    size_t len = (size_t)PQgetlength(first, 0, 0);
    if (len == strlen(l->proved) && memcmp(PQgetvalue(first, 0, 0), l->proved, len) == 0)
        return 0;
    return err_set(e, ERR_MISMATCH, "it is another database");
}

static int prove(struct link *l, struct err *e)
{
    struct link_rows rows = {.whole = false};
    int rc = link_plain(l, l->proof, &rows, e);
    if (rc == 0)
        rc = link_settle(l, true, e);
    if (rc == 0)
        rc = read_proof(l, &rows, e);
    link_forget(l, &rows);
    return rc;
}

static int connect_once(struct link *l, struct err *e)
{
    l->conn = start_connection(l);
    if (!l->conn)
        abort();
    if (PQstatus(l->conn) != CONNECTION_OK)
        return lose_because(l, ERR_DB, PQerrorMessage(l->conn), e);
    (void)PQsetNoticeReceiver(l->conn, no_notice, NULL);
    if (PQsetnonblocking(l->conn, 1) < 0 || !PQenterPipelineMode(l->conn))
        return lose_because(l, ERR_DB, PQerrorMessage(l->conn), e);
    l->state = (struct link_state){.lost = false};
    l->generation++;
    int rc = set_up(l, e);
    return rc == 0 && l->proof ? prove(l, e) : rc;
}

/* When some connection of this process was made last: then the others need wait no longer. */
static atomic_llong connected_at;

static int try_once(struct link *l, struct err *e)
{
    int rc = connect_once(l, e);
    if (rc == 0) {
        l->backoff_ms = 0;
        atomic_store(&connected_at, clock_monotonic());
        return 0;
    }
    l->failed_at = clock_monotonic();
    if (l->conn)
        link_lose(l, e);
    back_off(l);
    return rc == ERR_MISMATCH ? rc : (e->code = ERR_DB);
}

/* At first with patience, for most connections that end can be had again at once; then without. */
int link_ensure(struct link *l, struct err *e)
{
    int rc = l->conn ? 0 : ERR_DB;
    while (rc < 0) {
        bool back = atomic_load(&connected_at) > l->failed_at;
        int64_t wait = back ? 0 : l->retry_at - clock_monotonic();
        if (wait > 0 && l->state.e.code == ERR_MISMATCH) {
            *e = l->state.e;
            return e->code;
        }
        if (wait > 0 && l->backoff_ms > PATIENT_MS)
            return err_operator(e, ERR_DB, "the database cannot be reached at the moment", "%s",
                                l->state.e.log);
        if (wait > 0)
            (void)usleep((useconds_t)wait);
        int64_t began = clock_monotonic();
        rc = try_once(l, e);
        bool slow = clock_monotonic() - began > (int64_t)PATIENT_MS * 1000;
        if (rc < 0 && (slow || rc == ERR_MISMATCH || l->backoff_ms > PATIENT_MS))
            return rc;
    }
    return 0;
}

struct link *link_open(const char *where, const struct db_options *o)
{
    struct link *l = mem_alloc(sizeof *l);
    *l = (struct link){.where = mem_strdup(where),
                       .timeout_ms = o->timeout_ms ? o->timeout_ms + (o->read_only ? 0 : o->busy_ms) : 0,
                       .idle_ms = o->timeout_ms,
                       .lock_ms = o->busy_ms > 0 ? o->busy_ms : 1,
                       .connect_ms = o->connect_ms,
                       .read_only = o->read_only,
                       .standby = o->standby,
                       .proof = o->proof ? mem_strdup(o->proof) : NULL,
                       .proved = o->proof ? mem_strdup(o->proved) : NULL,
                       .state = {.lost = true}};
    return l;
}

void link_close(struct link *l)
{
    if (l->conn)
        PQfinish(l->conn);
    free(l->queue);
    free(l->where);
    free(l->proof);
    free(l->proved);
    free(l);
}

void link_wait_for_lock(struct link *l, bool wait)
{
    l->waits_for_lock = wait;
}

const struct link_state *link_state(const struct link *l)
{
    return &l->state;
}

unsigned link_generation(const struct link *l)
{
    return l->generation;
}

/* --- sending --- */

static int sent(struct link *l, int good, struct link_rows *rows, struct err *e)
{
    if (!good)
        return lost(l, e);
    push(l, rows, false);
    return 0;
}

int link_prepare(struct link *l, const char *name, const char *text, int count, const Oid *types,
                 struct err *e)
{
    if (!l->conn)
        return lost(l, e);
    return sent(l, PQsendPrepare(l->conn, name, text, count, types), NULL, e);
}

int link_execute(struct link *l, const char *name, int count, const char *const *values, const int *lengths,
                 const int *formats, struct link_rows *rows, struct err *e)
{
    if (!l->conn)
        return lost(l, e);
    return sent(l, PQsendQueryPrepared(l->conn, name, count, values, lengths, formats, 1), rows, e);
}

int link_once(struct link *l, const char *text, int count, const Oid *types, const char *const *values,
              const int *lengths, const int *formats, struct link_rows *rows, struct err *e)
{
    if (!l->conn)
        return lost(l, e);
    return sent(l, PQsendQueryParams(l->conn, text, count, types, values, lengths, formats, 1), rows, e);
}

int link_plain(struct link *l, const char *text, struct link_rows *rows, struct err *e)
{
    if (!l->conn)
        return lost(l, e);
    return sent(l, PQsendQueryParams(l->conn, text, 0, NULL, NULL, NULL, NULL, 1), rows, e);
}

void link_one(struct link *l, const struct stmt *s)
{
    l->queue[l->head + l->count - 1].one = s;
}

int link_sync(struct link *l, struct err *e)
{
    if (!l->conn || !PQpipelineSync(l->conn))
        return lost(l, e);
    push(l, NULL, true);
    l->unflushed = false; /* a sync makes the server answer */
    return 0;
}

/* --- receiving --- */

static int wait_for(struct link *l, bool to_write, int64_t until, struct err *e)
{
    struct pollfd fd = {.fd = PQsocket(l->conn), .events = (short)(POLLIN | (to_write ? POLLOUT : 0))};
    int64_t left = until - clock_monotonic();
    int ms = !until ? -1 : left <= 0 ? 0 : (int)(left / 1000 + 1);
    int n = poll(&fd, 1, ms);
    if (n == 0)
        return lose_because(l, ERR_DB, "no answer for longer than db_timeout", e);
    return n < 0 && errno != EINTR ? lost(l, e) : 0;
}

/* Until PQgetResult would not block. */
static int wait_for_result(struct link *l, struct err *e)
{
    int64_t silence = (l->waits_for_lock ? l->timeout_ms : l->idle_ms) + GRACE_MS;
    int64_t until = l->timeout_ms ? clock_monotonic() + silence * 1000 : 0;
    for (;;) {
        int unsent = PQflush(l->conn);
        if (unsent < 0)
            return lost(l, e);
        if (!PQisBusy(l->conn))
            return 0;
        int rc = wait_for(l, unsent > 0, until, e);
        if (rc < 0)
            return rc;
        if (!PQconsumeInput(l->conn))
            return lost(l, e);
    }
}

static int note_failure(struct link *l, struct expected *x, PGresult *result, struct err *e)
{
    char state[6] = "";
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    struct err failure;
    int code = link_classify(sqlstate);
    bool over = !sqlstate || ends_connection(sqlstate);
    (void)snprintf(state, sizeof state, "%s", sqlstate ? sqlstate : "");
    if (over)
        code = ERR_DB_CONFLICT;
    (void)err_operator(&failure, code, over ? "the database cannot be reached at the moment" : sentence(code),
                       "%.200s (%s)", message ? message : PQresultErrorMessage(result), state);
    if (code == ERR_READ_ONLY) /* nothing that an operator would have to know of each request */
        failure.log[0] = '\0';
    PQclear(result);
    if (x->rows)
        x->rows->rc = code;
    remember(l, &failure);
    if (!over)
        return 0;
    *e = failure;
    link_lose(l, &failure);
    return code;
}

static void take_changes(struct link *l, struct expected *x, int64_t changes)
{
    if (x->rows)
        x->rows->changes = changes;
    if (x->one && changes != 1)
        l->not_one = x->one;
}

static int take_result(struct link *l, struct expected *x, PGresult *result, struct err *e)
{
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
        l->state.failed = false;
        PQclear(result);
        pop(l);
        return 0;
    case PGRES_SINGLE_TUPLE:
    case PGRES_TUPLES_OK:
        if (x->rows)
            x->rows->changes = strtoll(PQcmdTuples(result), NULL, 10);
        if (x->rows && PQntuples(result) > 0)
            add_result(x->rows, result);
        else
            PQclear(result);
        return 0;
    case PGRES_COMMAND_OK:
        take_changes(l, x, strtoll(PQcmdTuples(result), NULL, 10));
        PQclear(result);
        return 0;
    case PGRES_PIPELINE_ABORTED:
        if (x->rows)
            x->rows->rc = l->state.failed ? l->state.e.code : ERR_DB;
        PQclear(result);
        return 0;
    case PGRES_EMPTY_QUERY:
    case PGRES_COPY_OUT:
    case PGRES_COPY_IN:
    case PGRES_COPY_BOTH:
    case PGRES_BAD_RESPONSE:
    case PGRES_NONFATAL_ERROR:
    case PGRES_FATAL_ERROR:
        break;
    }
    return note_failure(l, x, result, e);
}

int link_receive(struct link *l, struct err *e)
{
    if (!l->count)
        return 0;
    if (!l->conn)
        return lost(l, e);
    int rc = l->unflushed ? link_sync(l, e) : 0;
    if (rc < 0)
        return rc;
    struct expected *x = front(l);
    if (!x->started && x->rows && x->rows->stream)
        (void)PQsetSingleRowMode(l->conn);
    x->started = true;
    rc = wait_for_result(l, e);
    if (rc < 0)
        return rc;
    PGresult *result = PQgetResult(l->conn);
    if (result)
        return take_result(l, x, result, e);
    end_rows(x->rows, 0);
    pop(l);
    return 0;
}

int link_settle(struct link *l, bool sync, struct err *e)
{
    bool failed = l->state.failed;
    struct err first = l->state.e;
    int rc = sync ? link_sync(l, e) : 0;
    while (rc == 0 && l->count) {
        rc = link_receive(l, e);
        if (l->state.failed && !failed)
            first = l->state.e;
        failed = failed || l->state.failed;
    }
    const struct stmt *not_one = l->not_one;
    l->not_one = NULL;
    if (rc == 0 && failed) {
        *e = first;
        rc = e->code;
    }
    return rc == 0 && not_one ? db_not_one(not_one, e) : rc;
}

void link_forget(struct link *l, struct link_rows *rows)
{
    for (int i = 0; i < l->count; i++)
        if (l->queue[l->head + i].rows == rows)
            l->queue[l->head + i].rows = NULL;
    while (rows->first < rows->count)
        PQclear(rows->results[rows->first++]);
    free(rows->results);
    *rows = (struct link_rows){.whole = true};
}

/* --- scripts --- */

static int script_results(struct link *l, struct err *e)
{
    struct expected nobody = {0};
    int rc = 0;
    while (rc == 0) {
        rc = wait_for_result(l, e);
        PGresult *result = rc == 0 ? PQgetResult(l->conn) : NULL;
        if (!result)
            break;
        rc = take_result(l, &nobody, result, e);
    }
    return rc;
}

/* Several statements at once are not for the pipeline. */
int link_script(struct link *l, const char *text, struct err *e)
{
    int rc = link_settle(l, true, e);
    if (rc < 0)
        return rc;
    if (!PQexitPipelineMode(l->conn) || !PQsendQuery(l->conn, text))
        return lost(l, e);
    rc = script_results(l, e);
    if (rc < 0)
        return rc;
    bool failed = l->state.failed;
    struct err failure = l->state.e;
    if (!PQenterPipelineMode(l->conn))
        return lost(l, e);
    l->state.failed = false;
    if (!failed)
        return 0;
    *e = failure;
    return e->code;
}
