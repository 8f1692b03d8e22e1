/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed links, on a database whose key and result never change: no input opens anything but the one good
 * link, and no change to it does. An input that begins with x is a mask over the good link, any other stands
 * for itself.
 */
#include "core/sign.h"
#include "fuzz/fuzz.h"

#include <string.h>

static struct core core;
static struct settings settings;
static struct db *db;
static char good[600]; /* TOKEN/NAME */

static int64_t now(void)
{
    return INT64_C(1767323045000000);
}

static int make_link(struct db *in, void *ctx, struct err *e)
{
    struct session s = {.core = &core, .db = in, .arena = ctx, .now = now(), .actor = {.scopes = SCOPE_READ}};
    struct result r = {
        .id = "01890000-0000-7000-8000-000000000001", .name = "name.txt", .media_type = "text/plain"};
    struct sign_link l;
    int rc = sign_rotate(&s, e);
    if (rc == 0)
        rc = sign_make(&s, &r, "", 3600, &l, e);
    if (rc == 0)
        (void)snprintf(good, sizeof good, "%s", l.path + strlen(SIGN_PREFIX));
    return rc;
}

static void start(void)
{
    struct db_options o = {.cache_kib = 512};
    struct arena a = {0};
    struct err e;
    FUZZ_ASSERT(db_open(&db_sqlite_ops, ":memory:", &o, &db, &e) == 0);
    FUZZ_ASSERT(migrate(db, store_sqlite_migrations, store_sqlite_migration_count, &e) == 0);
    atomic_store(&core.settings, &settings);
    FUZZ_ASSERT(db_tx(db, DB_WRITE, make_link, &a, &e) == 0);
    arena_free(&a);
}

static void stop(void)
{
    db_close(db);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct result *r;
    struct err e;
    if (!db) {
        start();
        (void)atexit(stop);
    }
    char *text = arena_copy(&a, data, size);
    if (size && *data == 'x') {
        text = arena_strdup(&a, good);
        for (size_t i = 1; i < size && text[i - 1]; i++)
            text[i - 1] = (char)(text[i - 1] ^ (char)data[i]);
    }
    bool same = strcmp(text, good) == 0;
    char *slash = strchr(text, '/');
    if (slash)
        *slash = '\0';
    struct session s = {.core = &core, .db = db, .arena = &a, .now = now()};
    const char *format;
    int rc = sign_verify(&s, text, slash ? slash + 1 : "", &r, &format, &e);
    /* The good link's result is not in this database: that it is looked for proves that the signature was
     * taken. */
    FUZZ_ASSERT(rc == (same ? ERR_NOT_FOUND : ERR_BAD_SIGNATURE));
    arena_free(&a);
    return 0;
}
