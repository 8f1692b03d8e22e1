/* SPDX-License-Identifier: Apache-2.0 */
/* resultd project, key, user: local administration, also while the daemon runs. */
#include "cmd/cmd.h"

#include "core/access.h"
#include "core/name.h"
#include "core/sign.h"

#include <stdint.h>
#include <stdio.h>
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
    char key[ACCESS_KEY_SIZE];
};

static int create_key(struct session *s, void *ctx, struct err *e)
{
    struct new_key *k = ctx;
    int rc = k->name ? name_check(k->name, "the key's name", e) : 0;
    return rc < 0 ? rc : access_create_key(s, k->name, k->scopes, k->key, e);
}

static int run_key_create(const struct command *c, int argc, char **argv)
{
    const char *project = NULL;
    const char *scopes = NULL;
    struct new_key k = {.name = NULL};
    const struct cmd_flag flags[] = {
        {"--project", &project, NULL}, {"--scopes", &scopes, NULL}, {"--name", &k.name, NULL}};
    struct cmd_args a;
    struct err e;
    int status = cmd_parse(c, argc, argv, flags, 3, 0, &a);
    if (status)
        return status < 0 ? 0 : status;
    int rc = 0;
    if (!project || !scopes)
        rc = err_set(&e, ERR_MISSING, "--project and --scopes are needed: resultd key create %s", c->usage);
    if (rc == 0)
        rc = access_parse_scopes(scopes, &k.scopes, &e);
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
    "key create", "--project NAME --scopes read,ack,write,delete,admin [--name NAME] [--data DIR]",
    "Makes a key and prints it, this once: only its hash is kept.", run_key_create};

/* --- key list --- */

static int print_key(void *ctx, const struct principal *p, struct err *e)
{
    struct session *s = ctx;
    (void)e;
    (void)printf("%s  %-10s  %-20s  %-30s%s\n", p->public_id, p->project_name, p->name,
                 access_format_scopes(s->arena, p->scopes), p->revoked_at ? "  revoked" : "");
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
