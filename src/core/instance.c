/* SPDX-License-Identifier: Apache-2.0 */
/* See instance.h. */
#include "core/instance.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "core/blobs.h"
#include "core/database.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Of the sentences, which have 320 bytes. */
enum { LONGEST_NAME = 76 };

/* What the key of secrets has sealed, and for what. */
#define PROOF   "resultd"
#define PURPOSE "instance"

int instance_ensure(struct session *s, struct err *e)
{
    char id[ID_SIZE];
    id_new(id);
    return store_instance_add(s->db, id, e);
}

/* --- the store --- */

enum relation { TOGETHER, TO_BE_NOTED, BOTH_NEW };

static int refuse(const struct instance_place *p, const char *why, struct err *e)
{
    char database[LONGEST_NAME];
    char bytes[LONGEST_NAME];
    database_name(p->folder, p->settings, database, sizeof database);
    blobs_name(p->folder, p->settings, bytes, sizeof bytes);
    return err_set(e, ERR_MISMATCH, "the database %s and the bytes in %s do not belong together: %s",
                   database, bytes, why);
}

static int find_any(void *ctx, const struct blob_entry *entry, struct err *e)
{
    (void)e;
    *(bool *)ctx = !entry->stray;
    return !entry->stray; /* one ends the list */
}

static int is_empty(struct blob_store *blobs, struct err *e)
{
    bool any = false;
    int rc = 0;
    for (int part = 0; rc == 0 && !any && part < blobs->ops->parts; part++)
        rc = blob_list(blobs, part, "", find_any, &any, e);
    return any ? 0 : rc < 0 ? rc : 1;
}

static int judge_own(const struct instance_place *p, const struct instance *i, const struct blob_mark *mark,
                     struct err *e)
{
    if (strcmp(mark->store, i->store) == 0)
        return TOGETHER;
    if (!*i->store)
        return TO_BE_NOTED;
    return refuse(p,
                  "its bytes are elsewhere, and all nodes need the same ones. Correct data or blobs, or see: "
                  "resultd adopt",
                  e);
}

static int judge(const struct instance_place *p, const struct instance *i, struct blob_store *blobs,
                 struct err *e)
{
    struct blob_mark mark;
    int there = blob_owner(blobs, &mark, e);
    if (there < 0)
        return there;
    if (there && strcmp(mark.owner, i->id) == 0)
        return judge_own(p, i, &mark, e);
    if (there && strcmp(mark.owner, i->copy_of) == 0)
        return refuse(p,
                      "it is a backup of the one whose they are. resultd adopt makes them its; the original "
                      "is refused from then on",
                      e);
    if (there)
        return refuse(p, "they are another database's. Correct db, data or blobs", e);
    if (*i->store)
        return refuse(
            p, "nothing there says that they are its. Correct db, data or blobs, or see: resultd adopt", e);
    int empty = is_empty(blobs, e);
    return empty > 0    ? BOTH_NEW
           : empty == 0 ? refuse(p, "it is new, but there are bytes already. Correct db, data or blobs", e)
                        : empty;
}

static int look(const struct instance_place *p, struct db *db, struct blob_store *blobs, struct instance *ret,
                struct err *e)
{
    int rc = store_instance_get(db, ret, e);
    if (rc == 0)
        rc = err_operator(e, ERR_DB, "the database failed", "its table instance is empty");
    return rc < 0 ? rc : judge(p, ret, blobs, e);
}

static int note(struct db *db, void *ctx, struct err *e)
{
    const struct blob_mark *mark = ctx;
    return store_instance_bind(db, mark->store, e);
}

static int note_anew(struct db *db, void *ctx, struct err *e)
{
    const struct blob_mark *mark = ctx;
    return store_instance_rebind(db, mark->store, e);
}

static struct blob_mark mark_of(const struct instance *i)
{
    struct blob_mark mark = {.owner = ""};
    text_copy(mark.owner, sizeof mark.owner, i->id);
    text_copy(mark.store, sizeof mark.store, i->store);
    return mark;
}

static struct blob_mark new_mark(const struct instance *i)
{
    struct blob_mark mark = mark_of(i);
    id_new(mark.store);
    return mark;
}

int instance_compare(const struct instance_place *p, struct db *db, struct blob_store *blobs, struct err *e)
{
    struct instance i;
    int rc = look(p, db, blobs, &i, e);
    return rc < 0 ? rc : 0;
}

int instance_join(const struct instance_place *p, struct db *db, struct blob_store *blobs, struct err *e)
{
    struct instance i;
    struct blob_mark mark;
    int rc = look(p, db, blobs, &i, e);
    if (rc == BOTH_NEW) {
        mark = new_mark(&i);
        rc = blob_own(blobs, &mark, false, e);
        if (rc == 0) /* somebody else may have been quicker, here */
            rc = look(p, db, blobs, &i, e);
    }
    if (rc == TO_BE_NOTED && (rc = blob_owner(blobs, &mark, e)) > 0) {
        rc = db_tx(db, DB_WRITE, note, &mark, e);
        if (rc == 0) /* or with another store */
            rc = look(p, db, blobs, &i, e);
    }
    return rc < 0 ? rc : 0;
}

int instance_refuse_served(struct db *db, struct err *e)
{
    struct removal_row r;
    int64_t now = 0;
    if (!db_is_remote(db))
        return 0;
    int rc = store_removal_get(db, &r, e);
    if (rc >= 0)
        rc = db_clock(db, &now, e);
    if (rc < 0 || !*r.node || r.till <= now)
        return rc < 0 ? rc : 0;
    return err_set(
        e, ERR_BUSY,
        "a server works on this database, or was killed not long ago: stop all of them, or try again "
        "in %lld s",
        (long long)((r.till - now) / CLOCK_SECOND + 1));
}

int instance_adopt(const struct instance_place *p, struct db *db, struct blob_store *blobs, struct err *e)
{
    struct instance i;
    struct blob_mark mark;
    int rc = store_instance_get(db, &i, e);
    if (rc > 0) {
        mark = new_mark(&i);
        rc = blob_own(blobs, &mark, true, e);
        if (rc == 0)
            rc = db_tx(db, DB_WRITE, note_anew, &mark, e);
    }
    return rc < 0 ? rc : instance_join(p, db, blobs, e);
}

/* --- while a server runs --- */

static void tell(struct core *c, bool disowned)
{
    if (atomic_exchange(&c->disowned, disowned) == disowned)
        return;
    if (disowned)
        log_text(LOG_ERROR,
                 "the bytes are another database's by now, or say nothing any more: nothing is removed and "
                 "this server is not ready; see: resultd adopt");
    else
        log_text(LOG_INFO, "the bytes are this database's again");
}

int instance_holds(struct core *core, struct db *db, struct err *e)
{
    struct instance i;
    struct blob_mark mark;
    int there = blob_owner(core->blobs, &mark, e);
    int rc = there < 0 ? there : store_instance_get(db, &i, e);
    if (rc < 0)
        return rc;
    bool ours = rc && there && strcmp(mark.owner, i.id) == 0 && strcmp(mark.store, i.store) == 0;
    tell(core, !ours);
    return ours;
}

/* --- copies --- */

int instance_renew(struct db *copy, struct err *e)
{
    struct instance i;
    int rc = store_instance_get(copy, &i, e);
    if (rc <= 0)
        return rc;
    text_copy(i.copy_of, sizeof i.copy_of, i.id);
    id_new(i.id);
    if (*i.store)
        id_new(i.store);
    return store_instance_put(copy, &i, e);
}

int instance_mark(struct db *copy, struct blob_store *blobs, struct err *e)
{
    struct instance i;
    int rc = store_instance_get(copy, &i, e);
    if (rc <= 0 || !*i.store)
        return rc < 0 ? rc : 0;
    struct blob_mark mark = mark_of(&i);
    return blob_own(blobs, &mark, false, e);
}

/* --- the key of secrets --- */

static int refuse_key(const char *path, struct err *e)
{
    return err_set(
        e, ERR_MISMATCH,
        "the key in %.100s is not the one that has sealed the secrets in this database: copy the file "
        "from another node or from a backup, or name it by secret_key_file",
        path);
}

static int prove(struct secrets *secrets, const char *path, const struct instance *i, struct err *e)
{
    struct arena a = {0};
    const char *text = NULL;
    size_t len;
    struct err ignored;
    int rc = secret_unseal(secrets, &a, PURPOSE, i->sealed, &text, &len, &ignored);
    arena_free(&a);
    return rc < 0 ? refuse_key(path, e) : 0;
}

struct keeping {
    struct secrets *secrets;
    const char *path;
    bool anew;
};

/* Another node may have been quicker, with a key of its own. */
static int keep_proof(struct db *db, void *ctx, struct err *e)
{
    const struct keeping *k = ctx;
    struct arena a = {0};
    struct instance i = {.sealed = ""};
    int rc = store_instance_get(db, &i, e);
    if (rc >= 0 && *i.sealed && !k->anew)
        rc = prove(k->secrets, k->path, &i, e);
    else if (rc >= 0)
        rc = store_instance_seal(db, secret_seal(k->secrets, &a, PURPOSE, PROOF, strlen(PROOF)), e);
    arena_free(&a);
    return rc < 0 ? rc : 0;
}

static int open_and_keep(struct db *db, const char *path, bool anew, struct secrets **ret, struct err *e)
{
    struct keeping k = {.path = path, .anew = anew};
    int rc = secrets_open(path, true, &k.secrets, e);
    if (rc == 0)
        rc = db_tx(db, DB_WRITE, keep_proof, &k, e);
    if (rc < 0)
        secrets_close(k.secrets);
    else
        *ret = k.secrets;
    return rc;
}

static int open_and_prove(const struct instance *i, const char *path, struct secrets **ret, struct err *e)
{
    struct secrets *secrets = NULL;
    int rc = secrets_open(path, false, &secrets, e);
    if (rc == 0 && *i->sealed)
        rc = prove(secrets, path, i, e);
    if (rc < 0)
        secrets_close(secrets);
    else
        *ret = secrets;
    return rc;
}

int instance_secrets(struct db *db, const char *path, bool may_make, struct secrets **ret, struct err *e)
{
    struct instance i = {.sealed = ""};
    int rc = store_instance_get(db, &i, e);
    if (rc < 0)
        return rc;
    return *i.sealed || !may_make ? open_and_prove(&i, path, ret, e) : open_and_keep(db, path, false, ret, e);
}

int instance_secrets_anew(struct db *db, const char *path, struct secrets **ret, struct err *e)
{
    return open_and_keep(db, path, true, ret, e);
}

int instance_reseal(struct session *s, struct secrets *secrets, struct err *e)
{
    struct instance i = {.sealed = ""};
    const char *fresh = NULL;
    int rc = store_instance_get(s->db, &i, e);
    if (rc > 0 && *i.sealed)
        rc = secret_reseal(secrets, s->arena, PURPOSE, i.sealed, &fresh, e);
    if (rc > 0 && fresh)
        rc = store_instance_seal(s->db, fresh, e);
    return rc < 0 ? rc : 0;
}
