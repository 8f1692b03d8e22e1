/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See backup.h. Order: take files.lock, and DB_LOCK_FILES for those on other machines, so that nobody removes
 * files; copy the database in one read transaction (VACUUM INTO, or row by row from a server), and the key of
 * its secrets; then the files that this copy names, which are all there because bytes are durable before
 * their row is; then let go of the locks.
 */
#include "core/backup.h"

#include "base/clock.h"
#include "base/text.h"
#include "blob/disk.h"
#include "core/database.h"
#include "core/file.h"
#include "core/instance.h"
#include "core/table_copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who removes files lets go of them every few seconds, or loses them in a minute (removal.c): whoever has
 * them for longer has no end in sight. */
enum { PAGE = 500, HOLD_PAUSE_US = 50000, HOLD_TELL_S = 2, HOLD_LIMIT_S = 300 };

struct copier {
    const struct folder *from;
    const struct folder *to;
    const struct settings *set;
    backup_tell_fn *tell;
    backup_progress_fn *progress;
    void *ctx;
    struct backup_report *report;
};

static int prepare_target(const char *target, struct folder *ret, struct err *e)
{
    int rc = folder_prepare(target, ret, e);
    if (rc < 0)
        return rc;
    DIR *dir = opendir(target);
    if (!dir)
        return file_fail("read", target, e);
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = err_set(e, ERR_BAD_VALUE, "the target %.200s is not empty", target);
    (void)closedir(dir);
    return rc;
}

/* SQLite's own way, which is quicker than row by row. */
static int copy_file_database(const struct folder *from, const struct folder *to, struct err *e)
{
    static const struct stmt s = {"backup", "VACUUM INTO $1", false};
    struct db_options o = {.busy_ms = 60000, .cache_kib = 4096};
    struct db_value args[] = {db_of_text(to->db_path)};
    struct db *db = NULL;
    int rc = db_open(&db_sqlite_ops, from->db_path, &o, &db, e);
    if (rc < 0)
        return rc;
    rc = db_run(db, &s, args, STORE_COUNT(args), NULL, e);
    db_close(db);
    return rc;
}

struct rows_copy {
    struct copier *copier;
    struct db *to;
};

/* In one transaction of the source, so that all rows are of one moment. */
static int copy_rows(struct db *from, void *ctx, struct err *e)
{
    struct rows_copy *r = ctx;
    int rc = 0;
    for (const struct whole_table *t = store_whole_tables; rc == 0 && t->name; t++) {
        int64_t rows;
        rc = table_copy(from, r->to, t, &rows, e);
        r->copier->progress(r->copier->ctx, r->copier->report);
    }
    return rc < 0 ? rc : table_copy_sequences(from, r->to, e);
}

/* The copy is of the same secrets; who it is itself comes later. */
static int copy_instance(struct db *from, struct db *to, struct err *e)
{
    struct instance i;
    int rc = store_instance_get(from, &i, e);
    return rc > 0 ? store_instance_put(to, &i, e) : rc;
}

static int copy_server_database(struct copier *c, const struct database *from, const struct database *to,
                                struct err *e)
{
    struct db *source = NULL;
    struct rows_copy r = {.copier = c};
    int rc = database_open_reader(from, true, &source, e);
    if (rc == 0)
        rc = database_open_copy(to, &r.to, e);
    if (rc == 0)
        rc = db_snapshot_open(source, e);
    if (rc == 0) {
        rc = copy_rows(source, &r, e);
        if (rc == 0)
            rc = copy_instance(source, r.to, e);
        db_snapshot_close(source);
    }
    db_close(r.to);
    db_close(source);
    return rc;
}

/*
 * It is a database of its own, so that of a bucket, which it has no copy of, the original's objects are not
 * its to remove. Whatever keeps the source from being changed is not meant for it.
 */
static int become_a_copy(struct db *copy, void *ctx, struct err *e)
{
    (void)ctx;
    int rc = instance_renew(copy, e);
    if (rc == 0)
        rc = db_freeze(copy, store_whole_names, false, e);
    return rc < 0 ? rc : store_relocation_remove(copy, e);
}

/* One that is missing, or that the disk cannot read any more: no reason to lose the others, too. */
static int leave_out(struct copier *c, const struct result *r, const char *why)
{
    char line[400];
    (void)snprintf(line, sizeof line, "%s: %s", r->id, why);
    c->report->wrong++;
    c->tell(c->ctx, line);
    return 0;
}

static int copy_or_link(const char *from, const char *to, struct err *e)
{
    if (link(from, to) == 0)
        return 0;
    if (errno != EXDEV && errno != EPERM && errno != EMLINK)
        return file_fail("link", from, e);
    return file_copy(from, to, e);
}

/* Whether a file can be read from its begin to its end; then it is the target that fails. */
static bool is_readable(const char *path)
{
    static _Thread_local char piece[1 << 16];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0)
        n = read(fd, piece, sizeof piece);
    if (fd >= 0)
        (void)close(fd);
    return n == 0;
}

static int copy_blob(struct copier *c, const struct result *r, struct err *e)
{
    char from[4200];
    char to[4200];
    struct stat st;
    disk_path(c->from->blobs_path, r->id, from, sizeof from);
    disk_path(c->to->blobs_path, r->id, to, sizeof to);
    if (stat(from, &st) < 0 && errno == ENOENT)
        return leave_out(c, r, "its file is missing");
    int rc = copy_or_link(from, to, e);
    if (rc < 0 && !is_readable(from)) {
        (void)unlink(to);
        return leave_out(c, r, "its file cannot be read");
    }
    if (rc < 0)
        return rc;
    if (stat(to, &st) < 0)
        return file_fail("read", to, e);
    if (st.st_size != r->size)
        return leave_out(c, r, "its file has another length than its row says");
    c->report->files++;
    c->report->bytes += r->size;
    return 0;
}

/* They can be made again, and their files are not copied. */
static int forget_representations(struct db *copy, struct err *e)
{
    static const struct stmt all = {"backup_forget", "DELETE FROM representation", false};
    static const struct stmt total = {"backup_forget_total", "UPDATE representation_total SET size = 0",
                                      false};
    int rc = db_run(copy, &all, NULL, 0, NULL, e);
    return rc < 0 ? rc : db_run(copy, &total, NULL, 0, NULL, e);
}

static int copy_blobs(struct copier *c, struct db *copy, struct err *e)
{
    int64_t after = 0;
    int rc = 0;
    for (bool more = true; rc == 0 && more;) {
        struct arena a = {0};
        struct result *r;
        more = false;
        rc = store_result_stored_after(copy, &a, after, PAGE, &r, e);
        for (; rc == 0 && r; r = r->next) {
            if (!r->is_inline && !*c->set->blobs)
                rc = copy_blob(c, r, e);
            after = r->pk;
            more = true;
        }
        arena_free(&a);
        c->progress(c->ctx, c->report);
    }
    return rc;
}

static int sync_parts(const struct folder *to, struct err *e)
{
    char path[4200];
    int rc = 0;
    for (int i = 0; rc == 0 && i < 256; i++) {
        (void)snprintf(path, sizeof path, "%.4095s/%02x", to->blobs_path, (unsigned)i);
        rc = file_sync(path, e);
    }
    return rc;
}

/* Without it what is sealed in the database could not be read. A folder that was never served has none. */
static int copy_secret_key(const struct copier *c, struct err *e)
{
    const char *key = folder_secret_key(c->from, c->set);
    return access(key, F_OK) == 0 ? file_copy(key, c->to->secret_key, e) : 0;
}

/* The folders; and whose they are, if bytes come into them. */
static int make_blobs(const struct copier *c, struct db *copy, struct err *e)
{
    struct blob_store *blobs = NULL;
    int rc = disk_open(c->to->blobs_path, &blobs, e);
    if (rc == 0 && !*c->set->blobs)
        rc = instance_mark(copy, blobs, e);
    blob_store_close(blobs);
    return rc;
}

static int copy_all(struct copier *c, const char *target, struct err *e)
{
    const struct folder *from = c->from;
    const struct folder *to = c->to;
    struct settings own = *c->set; /* of the copy, whose database is always a file */
    struct database source;
    struct database of_copy;
    struct db *copy = NULL;
    own.db = "";
    database_choose_whole(from, c->set, &source);
    database_choose(to, &own, &of_copy);
    int rc =
        source.ops->remote ? copy_server_database(c, &source, &of_copy, e) : copy_file_database(from, to, e);
    if (rc == 0)
        rc = copy_secret_key(c, e);
    if (rc == 0)
        rc = database_open_writer(&of_copy, true, &copy, e);
    if (rc < 0)
        return rc;
    rc = db_tx(copy, DB_WRITE, become_a_copy, NULL, e);
    if (rc == 0)
        rc = make_blobs(c, copy, e);
    if (rc == 0)
        rc = !*c->set->blobs ? forget_representations(copy, e) : 0;
    if (rc == 0)
        rc = copy_blobs(c, copy, e);
    db_close(copy);
    if (rc == 0)
        rc = file_sync(to->db_path, e);
    if (rc == 0)
        rc = sync_parts(to, e);
    return rc == 0 ? file_sync(target, e) : rc;
}

/* Nobody's sweeper removes files, on this machine or another, until both are closed. */
struct hold {
    int folder;
    struct db *db;
};

/* 1; 0: somebody has them, whom *ret_who names. */
static int try_hold(const struct copier *c, const struct hold *h, const char **ret_who, struct err *e)
{
    *ret_who = "the server of this data folder";
    if (flock(h->folder, LOCK_SH | LOCK_NB) < 0)
        return errno == EWOULDBLOCK || errno == EINTR ? 0 : file_fail("lock", c->from->files_lock, e);
    *ret_who = "a node that shares the database";
    return db_lock(h->db, DB_LOCK_FILES, false, 0, e);
}

/* A while later; or an error, if it has lasted too long. */
static int wait_for(struct copier *c, const char *who, int64_t since, struct err *e)
{
    int64_t waited = clock_monotonic() - since;
    if (waited > HOLD_LIMIT_S * CLOCK_SECOND)
        return err_set(
            e, ERR_DB_BUSY,
            "%s has been removing files for %d s without a pause, and nothing was copied; see what "
            "it waits for, and try again",
            who, HOLD_LIMIT_S);
    if (waited > HOLD_TELL_S * CLOCK_SECOND && c->report->waits_for != who) {
        c->report->waits_for = who;
        c->progress(c->ctx, c->report);
    }
    (void)usleep(HOLD_PAUSE_US);
    return 0;
}

static int hold_files(struct copier *c, struct hold *h, struct err *e)
{
    struct database source;
    const char *who;
    int64_t since = clock_monotonic();
    int held = 0;
    h->folder = open(c->from->files_lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (h->folder < 0)
        return file_fail("lock", c->from->files_lock, e);
    database_choose_whole(c->from, c->set, &source);
    int rc = database_open_reader(&source, true, &h->db, e);
    while (rc == 0 && (held = try_hold(c, h, &who, e)) == 0)
        rc = wait_for(c, who, since, e);
    c->report->waits_for = NULL;
    return rc < 0 ? rc : held < 0 ? held : 0;
}

static int still_held(const struct hold *h, struct err *e)
{
    int rc = db_locked(h->db, DB_LOCK_FILES, e);
    if (rc == 0)
        return err_set(e, ERR_DB,
                       "the database was lost meanwhile, and files that belong to the copy may have "
                       "been removed");
    return rc < 0 ? rc : 0;
}

static void release_files(struct hold *h)
{
    db_close(h->db);
    if (h->folder >= 0)
        (void)close(h->folder);
}

/* Files of another database would not be those that the rows mean. */
static int compare_place(const struct copier *c, struct db *db, struct err *e)
{
    struct instance_place place = {c->from, c->set};
    struct blob_store *blobs = NULL;
    if (*c->set->blobs)
        return 0; /* nothing of the bucket is read */
    int rc = disk_find(c->from->blobs_path, &blobs, e);
    if (rc == 0)
        rc = instance_compare(&place, db, blobs, e);
    blob_store_close(blobs);
    return rc;
}

static int hold_and_copy(struct copier *c, const char *target, struct err *e)
{
    struct hold h = {.folder = -1};
    int rc = hold_files(c, &h, e);
    if (rc == 0)
        rc = compare_place(c, h.db, e);
    if (rc == 0)
        rc = copy_all(c, target, e);
    if (rc == 0)
        rc = still_held(&h, e);
    release_files(&h);
    return rc;
}

static void say_that_it_is_none(const char *target, const struct err *why, struct err *e)
{
    (void)err_set(e, why->code, "%.150s is no backup, remove it: %s", target, why->detail);
    text_copy(e->log, sizeof e->log, why->log);
}

int backup_run(const struct folder *from, const struct settings *set, const char *target,
               backup_tell_fn *tell, backup_progress_fn *progress, void *ctx, struct backup_report *ret,
               struct err *e)
{
    struct folder to;
    struct err why;
    struct copier c = {
        .from = from, .to = &to, .set = set, .tell = tell, .progress = progress, .ctx = ctx, .report = ret};
    *ret = (struct backup_report){0};
    int rc = prepare_target(target, &to, e);
    if (rc < 0)
        return rc;
    rc = hold_and_copy(&c, target, &why);
    if (rc < 0)
        say_that_it_is_none(target, &why, e);
    return rc;
}
