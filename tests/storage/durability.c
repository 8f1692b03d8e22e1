/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has been made durable, in which order, when a call returns: the system calls are recorded on their
 * way. A kill never shows a missing fsync, because the kernel keeps what was written; only a power cut would.
 *
 * The functions of the C library that are defined here take the place of its own in this program, also for
 * the libraries that it uses.
 */
#include "blob/disk.h"
#include "core/backup.h"
#include "support/world.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEEN = 2000, PATH = 600, LARGE = 300000 };

enum kind { SYNC, NAMED };

struct seen {
    enum kind kind;
    char path[PATH]; /* of what was synced, or the new name */
    int64_t size;    /* of a file that was synced, at that moment */
    bool folder;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct seen seen[SEEN];
static int seen_count;
static int refuse; /* this many syncs from now on one fails; 0: none */

static void path_of(int fd, char ret[PATH])
{
    char self[40];
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(self, ret, PATH - 1);
    ret[n < 0 ? 0 : n] = '\0';
}

static struct seen *record(enum kind kind, int fd, const char *name)
{
    struct stat st = {0};
    if (seen_count == SEEN)
        abort();
    struct seen *one = &seen[seen_count++];
    *one = (struct seen){.kind = kind};
    path_of(fd, one->path);
    (void)fstat(fd, &st);
    one->size = st.st_size;
    one->folder = !name && S_ISDIR(st.st_mode);
    if (name)
        (void)snprintf(one->path + strlen(one->path), PATH - strlen(one->path), "/%s", name);
    return one;
}

/* What was synced, after it was; and never what failed. */
static int sync_by(const char *function, int fd)
{
    int (*real)(int) = (int (*)(int))(uintptr_t)dlsym(RTLD_NEXT, function);
    (void)pthread_mutex_lock(&mutex);
    bool refused = refuse > 0 && --refuse == 0;
    (void)pthread_mutex_unlock(&mutex);
    if (refused) {
        errno = EIO;
        return -1;
    }
    int rc = real(fd);
    (void)pthread_mutex_lock(&mutex);
    if (rc == 0)
        (void)record(SYNC, fd, NULL);
    (void)pthread_mutex_unlock(&mutex);
    return rc;
}

int fsync(int fd)
{
    return sync_by("fsync", fd);
}

int fdatasync(int fd)
{
    return sync_by("fdatasync", fd);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    int (*real)(int, const char *, int, const char *, int) =
        (int (*)(int, const char *, int, const char *, int))(uintptr_t)dlsym(RTLD_NEXT, "linkat");
    int rc = real(from_fd, from, to_fd, to, flags);
    (void)pthread_mutex_lock(&mutex);
    if (rc == 0)
        (void)record(NAMED, to_fd, to);
    (void)pthread_mutex_unlock(&mutex);
    return rc;
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    int (*real)(int, const char *, int, const char *, unsigned) =
        (int (*)(int, const char *, int, const char *, unsigned))(uintptr_t)dlsym(RTLD_NEXT, "renameat2");
    int rc = real(from_fd, from, to_fd, to, flags);
    (void)pthread_mutex_lock(&mutex);
    if (rc == 0)
        (void)record(NAMED, to_fd, to);
    (void)pthread_mutex_unlock(&mutex);
    return rc;
}

static void forget(void)
{
    (void)pthread_mutex_lock(&mutex);
    seen_count = 0;
    (void)pthread_mutex_unlock(&mutex);
}

static bool ends_with(const char *s, const char *end)
{
    size_t len = strlen(s);
    return len >= strlen(end) && strcmp(s + len - strlen(end), end) == 0;
}

/* The first call of this kind from `from` on whose path ends so; "": any path. */
static int find(int from, enum kind kind, const char *end)
{
    for (int i = from; i < seen_count; i++)
        if (seen[i].kind == kind && ends_with(seen[i].path, end))
            return i;
    for (int i = 0; i < seen_count; i++)
        print_message("%d: %s %s, %lld bytes\n", i, seen[i].kind == SYNC ? "sync" : "named", seen[i].path,
                      (long long)seen[i].size);
    fail_msg("no %s of …%s among them from %d on", kind == SYNC ? "sync" : "name", end, from);
    return -1;
}

/* --- tests --- */

static struct world w;
static struct err e;

/* The world's own connection does not sync, for speed; one that is opened as the daemon's does. */
static int set_up(void **state)
{
    (void)state;
    world_open(&w);
    db_close(w.db);
    w.db = world_writer(&w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static void a_file_is_durable_then_named_then_its_name_is_and_then_its_row(void **state)
{
    (void)state;
    const char *job = world_job(&w);
    forget();
    struct result *r = world_publish(&w, job, "large", LARGE, false);
    assert_false(r->is_inline);
    char name[PATH];
    char part[PATH];
    (void)snprintf(name, sizeof name, "/%.2s/%s", r->id + 24, r->id);
    (void)snprintf(part, sizeof part, "/blobs/%.2s", r->id + 24);
    int named = find(0, NAMED, name);
    int bytes = find(0, SYNC, "");
    assert_true(bytes < named);
    assert_false(seen[bytes].folder);
    assert_int_equal(seen[bytes].size, LARGE);
    int folder = find(named, SYNC, part);
    assert_true(seen[folder].folder);
    (void)find(folder, SYNC, "-wal");
}

static void a_small_result_is_durable_with_its_row(void **state)
{
    (void)state;
    const char *job = world_job(&w);
    forget();
    struct result *r = world_publish(&w, job, "small", 100, false);
    assert_true(r->is_inline);
    (void)find(0, SYNC, "-wal");
    assert_int_equal(world_count(&w, "SELECT count(*) FROM result_bytes"), 1);
}

/* Whichever sync it is: then there is no result, and the next try makes one. */
static void a_sync_that_fails_fails_the_upload(void **state)
{
    (void)state;
    unsigned char *bytes = world_bytes(&w, LARGE, 1);
    for (int nth = 1; nth <= 2; nth++) { /* of the file, of its folder */
        const struct upload_result *done;
        struct upload *u;
        refuse = nth;
        int rc = world_upload(&w, bytes, LARGE, &u, &done, &e);
        must_fail(rc, ERR_STORAGE);
        upload_free(u);
        assert_int_equal(refuse, 0);
    }
    world_assert_sound(&w);
    struct check_report report;
    world_check(&w, &report);
    assert_int_equal(report.recent_orphans, 0);
    assert_non_null(world_publish(&w, world_job(&w), "again", LARGE, false));
}

static void folders_that_were_made_stay(void **state)
{
    (void)state;
    forget();
    struct blob_store *again;
    must(disk_open(w.folder.blobs_path, &again, &e), &e);
    blob_store_close(again);
    assert_true(seen[find(0, SYNC, "/blobs")].folder);
    char *data = realpath(w.path, NULL);
    assert_non_null(data);
    assert_true(seen[find(0, SYNC, data)].folder);
    free(data);
}

static void no_finding(void *ctx, const char *finding)
{
    (void)ctx;
    fail_msg("%s", finding);
}

static void no_progress(void *ctx, const struct backup_report *so_far)
{
    (void)ctx;
    (void)so_far;
}

static void a_backup_is_durable_when_it_says_so(void **state)
{
    char target[TEMP_SIZE + 10];
    char part[PATH];
    (void)state;
    struct result *r = world_publish(&w, world_job(&w), "large", LARGE, false);
    (void)snprintf(target, sizeof target, "%s/copy", w.path);
    forget();
    struct backup_report report;
    must(backup_run(&w.folder, &w.settings, target, no_finding, no_progress, NULL, &report, &e), &e);
    assert_int_equal(report.files, 1);
    (void)snprintf(part, sizeof part, "/copy/blobs/%.2s", r->id + 24);
    int folder = find(0, SYNC, part);
    int last = find(folder, SYNC, "/copy");
    assert_int_equal(last, seen_count - 1);
    (void)find(0, SYNC, "/copy/resultd.db");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    if (pg_wanted())
        return 77; /* skipped: it is about SQLite's file */
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_durable_then_named_then_its_name_is_and_then_its_row),
        TEST(a_small_result_is_durable_with_its_row),
        TEST(a_sync_that_fails_fails_the_upload),
        TEST(folders_that_were_made_stay),
        TEST(a_backup_is_durable_when_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
