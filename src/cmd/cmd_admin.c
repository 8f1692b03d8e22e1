/* SPDX-License-Identifier: Apache-2.0 */
/* resultd project, key, user: local administration, also while the daemon runs. */
#include "cmd/cmd.h"

#include "core/access.h"
#include "core/database.h"
#include "core/folder.h"
#include "core/instance.h"
#include "core/name.h"
#include "core/reseal.h"
#include "core/secret.h"
#include "core/sign.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_PASSWORD = 1024 };

/* --- project create --- */

static int create_project(struct session *s, void *ctx, struct err *e)
{
    const char *name = ctx;
    int64_t pk;
    int rc = name_check(name, "the project's name", e);
    if (rc == 0)
        rc = store_project_create(s->db, name, s->now, &pk, e);
    if (rc == ERR_DB_CONSTRAINT)
        return err_set(e, ERR_TAKEN, "there is a project \"%.200s\" already", name);
    return rc;
}

static int run_project_create(const struct command *c, int argc, char **argv)
{
    struct cmd_args a;
    struct err e;
    int status = cmd_parse(c, argc, argv, NULL, 0, 1, &a);
    if (status)
        return status < 0 ? 0 : status;
    if (cmd_write(&a, true, NULL, create_project, (void *)(uintptr_t)a.words[0], &e) < 0)
        status = cmd_fail(&e);
    cmd_free(&a);
    return status;
}

const struct command cmd_project_create = {"project create", "NAME [--data DIR]",
                                           "Makes a project. Jobs, results and keys belong to one.",
                                           run_project_create};

/* --- key create --- */

struct new_key {
    const char *name;
    int64_t scopes;
    int64_t seconds; /* 0: for ever */
    char key[ACCESS_KEY_SIZE];
};

static int create_key(struct session *s, void *ctx, struct err *e)
{
    struct new_key *k = ctx;
    int rc = k->name ? name_check(k->name, "the key's name", e) : 0;
    return rc < 0 ? rc : access_create_key(s, k->name, k->scopes, k->seconds, k->key, e);
}

static int parse_lifetime(struct arena *a, const char *said, int64_t *ret, struct err *e)
{
    static const struct conf_item item = {CONF_TIME, "expires-in", "0", "1", "3650d", false, "", 0};
    static const struct conf c = {&item, 1, ""};
    return said ? conf_set(&c, a, item.name, said, ret, e) : 0;
}

static int run_key_create(const struct command *c, int argc, char **argv)
{
    const char *project = NULL;
    const char *scopes = NULL;
    struct new_key k = {.name = NULL};
    const char *lifetime = NULL;
    const struct cmd_flag flags[] = {{"--project", &project, NULL},
                                     {"--scopes", &scopes, NULL},
                                     {"--name", &k.name, NULL},
                                     {"--expires-in", &lifetime, NULL}};
    struct cmd_args a;
    struct err e;
    int status = cmd_parse(c, argc, argv, flags, 4, 0, &a);
    if (status)
        return status < 0 ? 0 : status;
    int rc = 0;
    if (!project || !scopes)
        rc = err_set(&e, ERR_MISSING, "--project and --scopes are needed: resultd key create %s", c->usage);
    if (rc == 0)
        rc = access_parse_scopes(scopes, &k.scopes, &e);
    if (rc == 0)
        rc = parse_lifetime(&a.arena, lifetime, &k.seconds, &e);
    if (rc == 0)
        rc = cmd_write(&a, false, project, create_key, &k, &e);
    if (rc == 0)
        (void)printf("%s\n", k.key);
    else
        status = cmd_fail(&e);
    cmd_free(&a);
    return status;
}

const struct command cmd_key_create = {
    "key create",
    "--project NAME --scopes read,ack,write,delete,admin [--name NAME] [--expires-in TIME] [--data DIR]",
    "Makes a key and prints it, this once: only its hash is kept. TIME: how long it is good, like 90d.",
    run_key_create};

/* --- key list --- */

static int print_key(void *ctx, const struct principal *p, struct err *e)
{
    struct session *s = ctx;
    (void)e;
    const char *end = "";
    char when[CLOCK_RFC3339_SIZE];
    clock_rfc3339(p->expires_at, when);
    if (p->revoked_at)
        end = "  revoked";
    else if (p->expires_at)
        end = arena_printf(s->arena, "  %s %s", p->expires_at > s->now ? "expires" : "expired", when);
    (void)printf("%s  %-10s  %-20s  %-30s%s\n", p->public_id, p->project_name, p->name,
                 access_format_scopes(s->arena, p->scopes), end);
    return 0;
}

static int list_keys(struct session *s, void *ctx, struct err *e)
{
    (void)ctx;
    return store_principal_each_key(s->db, s->arena, print_key, s, e);
}

static int run_key_list(const struct command *c, int argc, char **argv)
{
    struct cmd_args a;
    struct err e;
    int status = cmd_parse(c, argc, argv, NULL, 0, 0, &a);
    if (status)
        return status < 0 ? 0 : status;
    if (cmd_write(&a, false, NULL, list_keys, NULL, &e) < 0)
        status = cmd_fail(&e);
    cmd_free(&a);
    return status;
}

const struct command cmd_key_list = {
    "key list", "[--data DIR]", "Lists keys: their public part, project, name and scopes.", run_key_list};

/* --- key revoke --- */

static int revoke_key(struct session *s, void *ctx, struct err *e)
{
    const char *id = ctx;
    if (strncmp(id, "rk_", 3) == 0) /* a whole key will do, too */
        id = arena_copy(s->arena, id + 3, strcspn(id + 3, "_"));
    int rc = store_principal_revoke(s->db, id, s->now, e);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND,
                       "there is no such key, or it is revoked already; see: resultd key list");
    return rc < 0 ? rc : 0;
}

static int run_key_revoke(const struct command *c, int argc, char **argv)
{
    struct cmd_args a;
    struct err e;
    int status = cmd_parse(c, argc, argv, NULL, 0, 1, &a);
    if (status)
        return status < 0 ? 0 : status;
    if (cmd_write(&a, false, NULL, revoke_key, (void *)(uintptr_t)a.words[0], &e) < 0)
        status = cmd_fail(&e);
    cmd_free(&a);
    return status;
}

const struct command cmd_key_revoke = {"key revoke", "ID [--data DIR]",
                                       "Revokes a key, named by its public part, at once.", run_key_revoke};

/* --- key rotate-signing --- */

static int rotate(struct session *s, void *ctx, struct err *e)
{
    (void)ctx;
    return sign_rotate(s, e);
}

static int run_key_rotate(const struct command *c, int argc, char **argv)
{
    struct cmd_args a;
    struct err e;
    int status = cmd_parse(c, argc, argv, NULL, 0, 0, &a);
    if (status)
        return status < 0 ? 0 : status;
    if (cmd_write(&a, false, NULL, rotate, NULL, &e) < 0)
        status = cmd_fail(&e);
    cmd_free(&a);
    return status;
}

const struct command cmd_key_rotate = {
    "key rotate-signing", "[--data DIR]",
    "Makes a new key that signs links from now on; older links stay valid until they expire.",
    run_key_rotate};

/* --- key rotate-secrets --- */

static int reseal_body(struct session *s, void *ctx, struct err *e)
{
    struct reseal *r = ctx;
    struct reseal before = *r;
    int rc = reseal_some(s, r, e);
    if (rc < 0)
        *r = before; /* the transaction may run again */
    return rc;
}

static int reseal_all(const struct cmd_args *a, struct secrets *secrets, struct reseal *ret, struct err *e)
{
    int rc = 0;
    *ret = (struct reseal){.secrets = secrets};
    while (rc == 0 && !ret->done)
        rc = cmd_write(a, false, NULL, reseal_body, ret, e);
    return rc;
}

/* The keys of this database; of one whose keys were lost, whatever there is now, or a new one. */
static int open_secrets(const struct cmd_args *a, bool lost, struct secrets **ret, struct err *e)
{
    struct folder f;
    struct database where;
    struct db *db = NULL;
    int rc = folder_find(a->settings.data, !*a->settings.db, &f, e);
    if (rc < 0)
        return rc;
    database_choose(&f, &a->settings, &where);
    rc = database_open_writer(&where, false, &db, e);
    if (rc == 0 && lost)
        rc = instance_secrets_anew(db, folder_secret_key(&f, &a->settings), ret, e);
    else if (rc == 0)
        rc = instance_secrets(db, folder_secret_key(&f, &a->settings), true, ret, e);
    db_close(db);
    return rc;
}

static int forget_lost(const struct cmd_args *a, struct reseal *ret, struct err *e)
{
    struct secrets *secrets = NULL;
    int rc = open_secrets(a, true, &secrets, e);
    if (rc == 0)
        rc = reseal_all(a, secrets, ret, e);
    secrets_close(secrets);
    return rc;
}

/* What the second key still holds is sealed by the first before that goes another way. */
static int rotate_secrets(const struct cmd_args *a, enum secrets_change how, struct reseal *ret,
                          struct err *e)
{
    struct secrets *secrets = NULL;
    int rc = open_secrets(a, false, &secrets, e);
    if (rc == 0 && how != SECRETS_PREPARED)
        rc = reseal_all(a, secrets, ret, e);
    if (rc == 0)
        rc = secrets_change(secrets, how, e);
    if (rc == 0 && how != SECRETS_PREPARE)
        rc = reseal_all(a, secrets, ret, e);
    secrets_close(secrets);
    return rc;
}

static int run_rotate_secrets(const struct command *c, int argc, char **argv)
{
    bool prepare = false;
    bool prepared = false;
    bool lost = false;
    const struct cmd_flag flags[] = {
        {"--prepared", NULL, &prepared}, {"--prepare", NULL, &prepare}, {"--lost", NULL, &lost}};
    struct reseal done = {NULL};
    struct cmd_args a;
    struct err e;
    int status = cmd_parse(c, argc, argv, flags, 3, 0, &a);
    if (status)
        return status < 0 ? 0 : status;
    enum secrets_change how = prepare ? SECRETS_PREPARE : prepared ? SECRETS_PREPARED : SECRETS_NEW;
    int rc =
        prepare + prepared + lost > 1
            ? err_set(&e, ERR_BAD_VALUE, "only one of --prepare, --prepared and --lost can be done at once")
        : lost ? forget_lost(&a, &done, &e)
               : rotate_secrets(&a, how, &done, &e);
    if (rc < 0)
        status = cmd_fail(&e);
    else if (!prepare)
        (void)printf("%lld secrets are sealed by the new key\n", (long long)done.resealed);
    if (done.lost > 0) {
        (void)fprintf(stderr,
                      "resultd: %lld secrets were sealed by a key that is gone, and stay as they are\n",
                      (long long)done.lost);
        status = EXIT_FAILURE;
    }
    cmd_free(&a);
    return status;
}

const struct command cmd_key_rotate_secrets = {
    "key rotate-secrets", "[--prepare | --prepared | --lost] [--data DIR]",
    "Makes a new key in secret_key_file and seals by it what clients left of other services, also while servers "
    "work; the key before still opens. Several nodes: --prepare adds a key that only opens; copy the file to all "
    "nodes, then --prepared on one makes it the one that seals. --lost: the key is gone for good; a new one is made, "
    "and what the old one sealed has to be given anew.",
    run_rotate_secrets};

/* --- user create --- */

struct new_user {
    const char *name;
    char password[LONGEST_PASSWORD + 2];
    bool staff;
};

static int create_user(struct session *s, void *ctx, struct err *e)
{
    struct new_user *u = ctx;
    return access_create_user(s, u->name, u->password, u->staff, e);
}

/* One trailing newline is not part of the password. */
static int read_password(struct new_user *u, struct err *e)
{
    size_t n = fread(u->password, 1, sizeof u->password - 1, stdin);
    u->password[n] = '\0';
    if (n > 0 && u->password[n - 1] == '\n')
        u->password[--n] = '\0';
    if (n > LONGEST_PASSWORD || strlen(u->password) != n)
        return err_set(e, ERR_BAD_VALUE, "the password must be at most %d bytes without NUL",
                       LONGEST_PASSWORD);
    return 0;
}

static int run_user_create(const struct command *c, int argc, char **argv)
{
    const char *project = NULL;
    bool from_stdin = false;
    struct new_user u = {.staff = false};
    const struct cmd_flag flags[] = {
        {"--project", &project, NULL}, {"--staff", NULL, &u.staff}, {"--password-stdin", NULL, &from_stdin}};
    struct cmd_args a;
    struct err e;
    int status = cmd_parse(c, argc, argv, flags, 3, 1, &a);
    if (status)
        return status < 0 ? 0 : status;
    int rc = 0;
    u.name = a.words[0];
    if (!project || !from_stdin)
        rc = err_set(&e, ERR_MISSING, "--project and --password-stdin are needed: resultd user create %s",
                     c->usage);
    if (rc == 0)
        rc = read_password(&u, &e);
    if (rc == 0)
        rc = cmd_write(&a, false, project, create_user, &u, &e);
    if (rc < 0)
        status = cmd_fail(&e);
    explicit_bzero(u.password, sizeof u.password);
    cmd_free(&a);
    return status;
}

const struct command cmd_user_create = {
    "user create", "NAME --project NAME [--staff] --password-stdin [--data DIR]",
    "Makes a user with the password that standard input holds.", run_user_create};
