/* SPDX-License-Identifier: Apache-2.0 */
/* See blobs.h. */
#include "core/blobs.h"

#include "base/clock.h"
#include "blob/disk.h"
#include "blob/s3.h"

#include <stdio.h>
#include <string.h>

static int open_bucket(const struct settings *set, const char *scratch, struct blob_store **ret,
                       struct err *e)
{
    struct s3_options o = {.url = set->blobs,
                           .credentials = set->blobs_credentials,
                           .scratch = scratch,
                           .threads = (int)set->bucket_threads,
                           .connections = (int)set->bucket_connections,
                           .tries = (int)set->bucket_tries,
                           .patience = set->bucket_patience,
                           .silence = set->bucket_silence,
                           .memory = set->download_memory};
    return s3_open(&o, ret, e);
}

int64_t blobs_due_at(struct core *core, int64_t now)
{
    bool can_go = !core || (core->blobs->caps & BLOB_KEEPS_OPEN);
    if (!can_go)
        return now + core_settings(core)->bucket_removal_delay * CLOCK_SECOND;
    bool is_shared = core && *core_settings(core)->accel_redirect;
    return is_shared ? now + core_settings(core)->accel_grace * CLOCK_SECOND : now;
}

int blobs_open(const struct folder *f, const struct settings *set, struct blob_store **ret, struct err *e)
{
    if (*set->blobs)
        return open_bucket(set, f->scratch_path, ret, e);
    int rc = disk_open(f->blobs_path, ret, e);
    if (rc == 0 && *set->accel_redirect)
        rc = disk_share(*ret, e);
    return rc;
}

int blobs_find(const struct folder *f, const struct settings *set, struct blob_store **ret, struct err *e)
{
    return *set->blobs ? open_bucket(set, "", ret, e) : disk_find(f->blobs_path, ret, e);
}

void blobs_name(const struct folder *f, const struct settings *set, char *ret, size_t size)
{
    int len = (int)strcspn(set->blobs, "?");
    (void)snprintf(ret, size, "%.*s", *set->blobs ? len : (int)sizeof f->blobs_path,
                   *set->blobs ? set->blobs : f->blobs_path);
}
