/* SPDX-License-Identifier: Apache-2.0 */
/* See folder.h. */
#include "core/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_PATH = 4000 };

static int set_paths(const char *data, struct folder *ret, struct err *e)
{
    if (strlen(data) > LONGEST_PATH)
        return err_set(e, ERR_BAD_VALUE, "the path of the data folder is longer than %d bytes", LONGEST_PATH);
    (void)snprintf(ret->db_path, sizeof ret->db_path, "%s/resultd.db", data);
    (void)snprintf(ret->blobs_path, sizeof ret->blobs_path, "%s/blobs", data);
    (void)snprintf(ret->scratch_path, sizeof ret->scratch_path, "%s/scratch", data);
    (void)snprintf(ret->serve_lock, sizeof ret->serve_lock, "%s/serve.lock", data);
    (void)snprintf(ret->files_lock, sizeof ret->files_lock, "%s/files.lock", data);
    (void)snprintf(ret->secret_key, sizeof ret->secret_key, "%s/secret.key", data);
    return 0;
}

int folder_prepare(const char *data, struct folder *ret, struct err *e)
{
    int rc = set_paths(data, ret, e);
    if (rc < 0)
        return rc;
    if (mkdir(data, 0700) < 0 && errno != EEXIST)
        return err_set(e, ERR_STORAGE, "cannot make the data folder %.200s: %s", data, strerror(errno));
    if (access(data, R_OK | W_OK | X_OK) < 0)
        return err_set(e, ERR_STORAGE, "cannot write to the data folder %.200s: %s", data, strerror(errno));
    return 0;
}

int folder_find(const char *data, bool has_database, struct folder *ret, struct err *e)
{
    int rc = set_paths(data, ret, e);
    if (rc == 0 && access(has_database ? ret->db_path : data, R_OK) < 0)
        rc = err_set(e, ERR_STORAGE, "there is no data folder %.200s: %s", data, strerror(errno));
    return rc;
}

static int open_lock(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, ERR_STORAGE, "cannot open %.200s: %s", path, strerror(errno));
    return fd;
}

/* The other lock's file is there from now on: what a folder consists of does not depend on who has been busy.
 */
int folder_lock(const struct folder *f, int *ret, struct err *e)
{
    int files = open_lock(f->files_lock, e);
    if (files < 0)
        return files;
    (void)close(files);
    int fd = open_lock(f->serve_lock, e);
    if (fd < 0)
        return fd;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        (void)close(fd);
        return err_set(e, ERR_STORAGE, "another resultd serves this data folder already (%.200s is locked)",
                       f->serve_lock);
    }
    *ret = fd;
    return 0;
}

const char *folder_secret_key(const struct folder *f, const struct settings *set)
{
    return *set->secret_key_file ? set->secret_key_file : f->secret_key;
}
