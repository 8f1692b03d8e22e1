/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resultd serve: the composition root. Makes everything in order, waits for signals, and takes everything
 * down in the order that lets what is under way finish: requests are drained, then event loops, sweeper, read
 * connections, workers and last the writer end.
 *
 * Signals are blocked in all threads and taken by this one with sigtimedwait: SIGTERM and SIGINT stop, SIGHUP
 * re-reads the settings that can be. A service manager is told of all this (cmd/service.h), and that the
 * server is well only while its event loops and the writer get on.
 */
#include "cmd/cmd.h"

#include "api/docs.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/pool.h"
#include "cmd/executor.h"
#include "cmd/service.h"
#include "core/blobs.h"
#include "core/buckets.h"
#include "core/clocks.h"
#include "core/database.h"
#include "core/downloads.h"
#include "core/instance.h"
#include "core/making.h"
#include "core/password.h"
#include "core/removal.h"
#include "core/secret.h"
#include "core/spool.h"
#include "core/sweep.h"
#include "http/listen.h"
#include "http/server.h"
#include "http/tls.h"
#include "net/outgoing.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX_MOUNTS = 16, LOCK_TRIES = 20, OUTGOING_THREADS = 2, READERS = 16, STOP_SECONDS = 30 };

struct daemon {
    struct app app; /* first, so that one is the other */
    struct folder folder;
    struct database database;
    struct database replica; /* `where` "": none */
    int lock;
    bool remote;   /* the database is */
    int listen_fd; /* until the server has it */
    char address[LISTEN_ADDRESS_SIZE];
    struct service service;
    struct executor *executor;
    struct sweeper *sweeper;
    struct removal *removal;
    struct server *server;
    struct api_mount mounts[MAX_MOUNTS];
    struct arena reloaded; /* settings that SIGHUP made: never freed before the end, readers may hold them */
};

/* http knows no settings: it asks. Set once, before any thread that reads it. */
static settings_ref *current_settings;

static int log_requests(void)
{
    const char *which = atomic_load(current_settings)->access_log;
    return strcmp(which, "all") == 0 ? 2 : strcmp(which, "errors") == 0;
}

static const char *cors_origins(void)
{
    return atomic_load(current_settings)->cors_origins;
}

static int64_t body_limit(void *ctx)
{
    return core_settings(&((struct app *)ctx)->core)->json_body_limit;
}

static void choose_apis(struct daemon *d, const struct settings *set)
{
    const struct {
        bool wanted;
        struct api_mount mount;
    } all[] = {
        {true, {&api_native, ""}},
        {set->ricloud, {&api_ricloud, set->ricloud_prefix}},
        {set->playment, {&api_playment, set->playment_prefix}},
        {set->nostradamus, {&api_nostradamus, set->nostradamus_prefix}},
        {set->datafiniti, {&api_datafiniti, set->datafiniti_prefix}},
        {set->ufdl, {&api_ufdl, set->ufdl_prefix}},
        {true, {&api_links, ""}},
        {true, {&api_docs, ""}},
        {true, {&api_login, ""}},
        {true, {&api_ops, ""}}, /* last: answers for what nobody owns */
    };
    struct api_mount *next = d->mounts;
    static_assert(API_COUNT(all) < MAX_MOUNTS, "no room for the end of the list");
    for (size_t i = 0; i < API_COUNT(all); i++)
        if (all[i].wanted)
            *next++ = all[i].mount;
    *next = (struct api_mount){0};
}

static void apply_log_level(const struct settings *set)
{
    enum log_level level;
    if (log_parse_level(set->log_level, &level))
        log_set_level(level);
}

/* As many descriptors as connections, files and the database may need. */
static void raise_limits(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &l);
    }
}

/* A short command like `resultd key create` may hold it for a moment. */
static int lock_folder(struct daemon *d, struct err *e)
{
    int rc = folder_lock(&d->folder, &d->lock, e);
    for (int i = 0; rc < 0 && i < LOCK_TRIES; i++) {
        (void)usleep(100000);
        rc = folder_lock(&d->folder, &d->lock, e);
    }
    return rc;
}

/* Bytes and key of secrets, which have to be those of this database. */
static int join(struct daemon *d, const struct settings *set, struct db *db, struct err *e)
{
    struct instance_place place = {&d->folder, set};
    int rc = blobs_open(&d->folder, set, &d->app.core.blobs, e);
    if (rc == 0)
        rc = instance_join(&place, db, d->app.core.blobs, e);
    if (rc < 0)
        return rc;
    d->app.core.joined = true;
    return instance_secrets(db, folder_secret_key(&d->folder, set), true, &d->app.core.secrets, e);
}

/* One that is not there yet is looked for later. */
static int find_replica(struct daemon *d, const struct settings *set, struct db *db, struct err *e)
{
    struct instance i;
    int rc = *set->db_replica ? store_instance_get(db, &i, e) : 0;
    if (rc <= 0)
        return rc;
    database_choose_replica(set, i.id, &d->replica);
    return database_try_replica(&d->replica, e);
}

/* Before anything is decided by it. */
static int set_clock(struct daemon *d, struct db *db, struct err *e)
{
    int rc = clocks_compare(&d->app.core, db, e);
    return rc == ERR_BUSY ? 0 : rc;
}

static int open_storage(struct daemon *d, const struct settings *set, struct err *e)
{
    struct db *db = NULL;
    int rc = folder_prepare(set->data, &d->folder, e);
    if (rc == 0)
        rc = lock_folder(d, e);
    if (rc < 0)
        return rc;
    database_choose(&d->folder, set, &d->database);
    rc = database_open_writer(&d->database, true, &db, e);
    if (rc == 0)
        rc = set_clock(d, db, e);
    if (rc == 0)
        rc = join(d, set, db, e);
    if (rc == 0)
        rc = find_replica(d, set, db, e);
    if (rc < 0) {
        db_close(db);
        return rc;
    }
    d->remote = db_is_remote(db);
    d->app.writer = writer_new(db, (int)set->write_queue_limit, (int)set->write_batch_limit);
    return 0;
}

static int start_sweeper(struct daemon *d, struct err *e)
{
    struct db *reader = NULL;
    int rc = database_open_reader(&d->database, false, &reader, e);
    if (rc == 0)
        d->sweeper = sweeper_new(&d->app.core, d->app.writer, reader);
    return rc;
}

static int start_removal(struct daemon *d, struct err *e)
{
    struct db *reader = NULL;
    int rc = database_open_reader(&d->database, false, &reader, e);
    if (rc == 0)
        d->removal = removal_new(&d->app.core, d->app.writer, reader, d->folder.files_lock);
    return rc;
}

static int start_makings(struct daemon *d, const struct settings *set, struct err *e)
{
    struct db *reader = NULL;
    int rc = d->remote ? database_open_reader(&d->database, false, &reader, e) : 0;
    if (rc == 0)
        d->app.core.makings = makings_new(&d->app.core, d->app.writer, reader, (int)set->converters);
    return rc;
}

static void start_executor(struct daemon *d, const struct settings *set)
{
    int readers = set->readers ? (int)set->readers : d->remote ? READERS : 0;
    int senders = readers ? (int)set->senders : 0;
    d->executor = executor_new(&d->app, &d->database, &d->replica, readers, senders);
}

/* Asks the manager for more time than it gives by itself, again and again while there is need of it. */
static void tell_draining(void *ctx, int requests)
{
    const struct daemon *d = ctx; /* the app is its first member */
    service_tell(&d->service, "EXTEND_TIMEOUT_USEC=%lld\nSTATUS=stopping: requests under way: %d",
                 (long long)(STOP_SECONDS * CLOCK_SECOND), requests);
}

static int start_server(struct daemon *d, const struct settings *set, struct err *e)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct server_options o = {
        .listen = d->address,
        .listen_fd = d->listen_fd,
        .tls = d->app.tls,
        .hsts = set->tls_hsts,
        .threads = set->threads     ? (int)set->threads
                   : processors > 0 ? (int)processors
                                    : 1,
        .connection_limit = set->connection_limit,
        .connection_limit_per_address = set->connection_limit_per_address,
        .connection_memory = set->connection_memory,
        .body_memory = set->body_memory,
        .header_limit = set->header_limit,
        .header_timeout = set->header_timeout,
        .body_timeout = set->body_timeout,
        .keepalive_timeout = set->keepalive_timeout,
        .log_requests = log_requests,
        .body_limit = body_limit,
        .cors_origins = cors_origins,
    };
    if (o.threads > o.connection_limit)
        o.threads = (int)o.connection_limit;
    struct server_hooks hooks = executor_hooks(d->executor);
    hooks.draining = tell_draining;
    choose_apis(d, set);
    d->app.docs = docs_new(d->mounts);
    d->listen_fd = -1;
    return server_new(&o, &hooks, d->mounts, &d->server, &d->app.metrics, e);
}

/* Clients cannot be served without it, so it is told while somebody looks. */
static void warn_of_expiry(const struct tls *t)
{
    if (tls_expiry(t) <= clock_now() / CLOCK_SECOND)
        log_text(LOG_WARN, "the certificate of tls_cert, or one that it stands on, has expired");
}

static int open_tls(struct daemon *d, const struct settings *set, struct err *e)
{
    if (!*set->tls_cert)
        return 0;
    int rc = tls_open(set->tls_cert, set->tls_key, &d->app.tls, e);
    if (rc == 0)
        warn_of_expiry(d->app.tls);
    return rc;
}

static int open_socket(struct daemon *d, const struct settings *set, struct err *e)
{
    int rc = service_socket(&d->listen_fd, e);
    if (rc == 0)
        rc = listen_bind(set->listen, &d->listen_fd, e);
    if (rc < 0)
        return rc;
    listen_address(d->listen_fd, d->address);
    return 0;
}

static int start(struct daemon *d, const struct settings *set, struct err *e)
{
    current_settings = &d->app.core.settings;
    atomic_store(&d->app.core.settings, set);
    apply_log_level(set);
    raise_limits();
    d->app.started_at = clock_now();
    int rc = outgoing_start(e);
    if (rc == 0) /* first: where the port is taken, no folder is made */
        rc = open_socket(d, set, e);
    if (rc == 0)
        rc = open_tls(d, set, e);
    if (rc == 0)
        rc = open_storage(d, set, e);
    if (rc < 0)
        return rc;
    d->app.core.workers = pool_new((int)set->workers, "worker");
    d->app.core.buckets = buckets_new(&d->app.core, d->folder.scratch_path);
    d->app.core.outgoing = pool_new(OUTGOING_THREADS, "outgoing");
    d->app.core.passwords = passwords_new();
    d->app.core.downloads = downloads_new(&d->app.core, d->app.writer);
    rc = start_makings(d, set, e);
    if (rc < 0)
        return rc;
    d->app.core.spools = spools_new(&d->app.core, (int)set->converters);
    start_executor(d, set);
    rc = start_server(d, set, e);
    if (rc == 0)
        rc = start_sweeper(d, e);
    return rc < 0 ? rc : start_removal(d, e);
}

static void stop(struct daemon *d)
{
    service_tell(&d->service, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld\nSTATUS=stopping",
                 (long long)(STOP_SECONDS * CLOCK_SECOND));
    const struct settings *set = atomic_load(&d->app.core.settings);
    if (d->server && !server_drain(d->server, set->shutdown_timeout))
        log_text(LOG_WARN, "some requests did not finish within shutdown_timeout and are cut off");
    server_free(d->server);
    docs_free(d->app.docs);
    sweeper_free(d->sweeper);
    removal_free(d->removal);
    spools_free(d->app.core.spools); /* they read through the executor */
    executor_free(d->executor);
    passwords_free(d->app.core.passwords);
    pool_free(d->app.core.outgoing);
    makings_free(d->app.core.makings);
    pool_free(d->app.core.workers);
    buckets_free(d->app.core.buckets);
    downloads_free(d->app.core.downloads);
    writer_free(d->app.writer);
    blob_store_close(d->app.core.blobs);
    secrets_close(d->app.core.secrets);
    outgoing_end();
    tls_free(d->app.tls);
    if (d->listen_fd >= 0)
        (void)close(d->listen_fd);
    if (d->lock >= 0)
        (void)close(d->lock);
    service_close(&d->service);
    log_flush();
}

static void warn_of_fixed(const struct settings *fresh, const struct settings *old)
{
    size_t at = 0;
    for (const char *name; (name = settings_next_fixed(fresh, old, &at));)
        log_line(LOG_WARN, "this setting has changed and takes effect only at the next start",
                 (struct log_field[]){{"setting", name}, {0}});
}

static void reload_tls(struct tls *t)
{
    struct err e;
    if (!t)
        return;
    if (tls_reload(t, &e) < 0) {
        log_line(LOG_ERROR, "the certificate is left as it was",
                 (struct log_field[]){{"error", e.detail}, {0}});
        return;
    }
    warn_of_expiry(t);
    log_text(LOG_INFO, "the certificate was re-read");
}

/* A file that cannot be read leaves everything as it is. */
static void reload_settings(struct daemon *d, int argc, char **argv)
{
    struct err e;
    struct settings *fresh = arena_alloc(&d->reloaded, sizeof *fresh);
    const struct settings *old = atomic_load(&d->app.core.settings);
    if (cmd_reload(argc, argv, &d->reloaded, fresh, &e) < 0) {
        log_line(LOG_ERROR, "the settings are left as they were",
                 (struct log_field[]){{"error", e.detail}, {0}});
        return;
    }
    warn_of_fixed(fresh, old);
    settings_keep_fixed(fresh, old);
    apply_log_level(fresh);
    atomic_store(&d->app.core.settings, fresh);
    log_text(LOG_INFO, "the settings were re-read");
}

static void tell_ready(const struct daemon *d)
{
    service_tell(&d->service, "READY=1\nSTATUS=listening on %s", d->address);
}

static void reload(struct daemon *d, int argc, char **argv)
{
    service_tell(&d->service, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_monotonic());
    reload_settings(d, argc, argv);
    reload_tls(d->app.tls);
    tell_ready(d);
}

/* What hangs is left to the manager, which ends us when it has heard nothing for long enough. */
static void tell_well(const struct daemon *d)
{
    int64_t patience = d->service.watchdog / 2;
    if (patience && server_busy(d->server) < patience && writer_busy(d->app.writer) < patience)
        service_tell(&d->service, "WATCHDOG=1");
}

static void wait_for_signals(struct daemon *d, const sigset_t *signals, int argc, char **argv)
{
    struct timespec second = {.tv_sec = 1};
    for (;;) {
        int signal = sigtimedwait(signals, NULL, &second);
        if (signal == SIGHUP)
            reload(d, argc, argv);
        else if (signal > 0)
            return;
        tell_well(d);
        log_flush();
        executor_tick(d->executor);
        writer_tick(d->app.writer, core_settings(&d->app.core)->write_queue_timeout);
        makings_tick(d->app.core.makings);
        downloads_tick(d->app.core.downloads);
    }
}

static int run_serve(const struct command *c, int argc, char **argv)
{
    struct cmd_args a;
    struct err e;
    sigset_t signals;
    struct daemon d = {.lock = -1, .listen_fd = -1};
    int status = cmd_parse(c, argc, argv, NULL, 0, 0, &a);
    if (status)
        return status < 0 ? 0 : status;
    service_open(&d.service);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    if (start(&d, &a.settings, &e) < 0) {
        status = cmd_fail(&e);
    } else {
        log_line(LOG_INFO, "listening", (struct log_field[]){{"address", d.address}, {0}});
        tell_ready(&d);
        wait_for_signals(&d, &signals, argc, argv);
        log_text(LOG_INFO, "stopping");
    }
    stop(&d);
    arena_free(&d.reloaded);
    cmd_free(&a);
    return status;
}

const struct command cmd_serve = {"serve",
                                  "[--data DIR] [--listen ADDRESS:PORT] [--config FILE] [--SETTING VALUE …]",
                                  "Runs the server.", run_serve};
