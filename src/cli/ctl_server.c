/* SPDX-License-Identifier: Apache-2.0 */
/* resultctl login, logout, servers: which servers are known, and by which keys. A key comes from the
 * terminal, unseen, or from standard input: never from an argument, where the list of processes and the
 * history of the shell would have it. */
#include "base/text.h"
#include "cli/ctl.h"
#include "cli/screen.h"
#include "cli/servers.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- login ---- */

struct login_options {
    const char *name;
};

/* "https://results.example.com/x" is called "results.example.com"; with another port than the usual one
 * "results.example.com:8443", and "http://[::1]:8080" is called "::1:8080". */
static const char *name_of(struct arena *a, const char *url)
{
    const char *scheme_end = strstr(url, "://");
    const char *host = scheme_end ? scheme_end + 3 : url;
    bool in_brackets = *host == '[';
    host += in_brackets;
    size_t len = strcspn(host, in_brackets ? "]/" : ":/");
    const char *port = host + len + (host[len] == ']');
    size_t port_len = strcspn(port, "/");
    const char *usual = strncmp(url, "https:", 6) == 0 ? ":443" : ":80";
    bool is_usual = port_len == strlen(usual) && strncmp(port, usual, port_len) == 0;
    return arena_printf(a, "%.*s%.*s", (int)len, host, is_usual ? 0 : (int)port_len, port);
}

/* Its key would be gone: the server has only a hash of it. */
static int check_name(const struct servers *all, const struct server *s, struct failure *f)
{
    const struct server *other = servers_find(all, s->name);
    if (strpbrk(s->name, "[]=#\n"))
        return failure_set(f, FAILURE_USAGE, "the name of a server has none of []=#");
    if (other && !servers_is_at(other, s->url))
        return failure_set(f, FAILURE_CONFLICT,
                           "%.100s is the name of %.200s already; --name gives another, and resultctl logout "
                           "%.100s forgets that one",
                           s->name, other->url, s->name);
    return 0;
}

/* That somebody answers there, and takes the key: one that only writes is a good key, too. */
static int try_key(struct ctl *c, const struct server *s, struct failure *f)
{
    struct http_options o = {.url = s->url,
                             .key = s->key,
                             .ca_file = ctl_ca_file(c),
                             .tries = 2,
                             .silence = 30,
                             .command = c->command};
    struct http_request r = {.arena = &c->arena, .method = "GET", .path = "/usage", .harmless = true};
    const struct json *usage = NULL;
    int rc = http_new(&o, &c->http, f);
    if (rc == 0)
        rc = http_call(c->http, &r, f);
    if (rc == FAILURE_KEY && f->status == 403)
        return 0;
    if (rc == FAILURE_ABSENT)
        return failure_set(f, FAILURE_USAGE, "there is no resultd at %.300s", s->url);
    return rc == 0 ? http_json(&r, &usage, f) : rc;
}

static void print_server(struct ctl *c, const struct server *s, bool chosen)
{
    struct json_out j = {.buf = {.arena = &c->arena}};
    json_begin_object(&j);
    json_put_string(&j, "name", s->name);
    json_put_string(&j, "url", s->url);
    json_put_bool(&j, "chosen", chosen);
    json_end_object(&j);
    (void)printf("%s\n", buf_str(&j.buf));
}

static int run_login(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    const struct login_options *o = options;
    struct servers all;
    struct server s = {.url = words[0]};
    (void)count;
    s.name = o->name ? o->name : name_of(&c->arena, s.url);
    int rc = servers_read(&c->arena, c->options.config, &all, f);
    if (rc == 0)
        rc = check_name(&all, &s, f);
    if (rc == 0)
        rc = ctl_ask_secret(c, arena_printf(&c->arena, "Key for %s", s.url), "key", &s.key, f);
    if (rc == 0)
        rc = try_key(c, &s, f);
    if (rc != 0)
        return rc;
    servers_put(&c->arena, &all, &s);
    all.chosen = s.name;
    rc = servers_write(&c->arena, &all, f);
    if (rc == 0 && c->options.json)
        print_server(c, &s, true);
    if (rc == 0)
        ctl_say(c, "logged in: %s is the server that is asked from now on (%s)", s.name, all.path);
    return rc;
}

static const struct args_flag login_flags[] = {
    {"name", 'n', ARGS_TEXT, offsetof(struct login_options, name), "NAME",
     "call it so; else as its host, and port", NULL},
};

const struct command ctl_command_login = {
    .name = "login",
    .operands = "URL",
    .least = 1,
    .most = 1,
    .summary = "Note a server and a key for it",
    .help =
        "The key is asked for on the terminal, or is the first line of standard input. It is tried out, and\n"
        "noted in a file that only you can read. A key for the same address takes the place of the one before;\n"
        "the name of another address is refused, with exit status 5.",
    .examples = "  resultctl login https://results.example.com\n"
                "  resultctl login http://127.0.0.1:8080 --name here < key.txt\n",
    .flags = login_flags,
    .flag_count = sizeof login_flags / sizeof login_flags[0],
    .options_size = sizeof(struct login_options),
    .run = run_login,
};

/* ---- logout, servers ---- */

static int run_logout(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    struct servers all;
    struct server gone = {0};
    (void)options;
    int rc = servers_read(&c->arena, c->options.config, &all, f);
    const char *name = count > 0 ? words[0] : all.chosen;
    if (rc == 0 && name && servers_find(&all, name))
        gone = *servers_find(&all, name);
    if (rc == 0 && (!name || !servers_remove(&all, name)))
        rc = failure_set(f, FAILURE_ABSENT, "no server \"%.100s\" is known", name ? name : "");
    if (rc == 0)
        rc = servers_write(&c->arena, &all, f);
    if (rc == 0 && c->options.json)
        print_server(c, &gone, false);
    if (rc == 0)
        ctl_say(c, "%s is forgotten; its key is still good until it is revoked", name);
    return rc;
}

const struct command ctl_command_logout = {
    .name = "logout",
    .operands = "[NAME]",
    .most = 1,
    .summary = "Forget a server and its key",
    .examples = "  resultctl logout results.example.com\n",
    .run = run_logout,
};

static int run_servers(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    static const struct screen_column columns[] = {
        {"", false, SCREEN_WHOLE}, {"NAME", false, SCREEN_CUT}, {"URL", false, SCREEN_WRAPS}};
    struct screen_table t = {.arena = &c->arena, .columns = columns, .column_count = 3};
    struct servers all;
    (void)options;
    (void)words;
    (void)count;
    int rc = servers_read(&c->arena, c->options.config, &all, f);
    for (int i = 0; rc == 0 && i < all.count; i++) {
        const struct server *s = &all.all[i];
        bool chosen = all.chosen && strcmp(all.chosen, s->name) == 0;
        if (c->options.json)
            print_server(c, s, chosen);
        else
            screen_table_add(&t, (const char *const[]){chosen ? "*" : " ", s->name, s->url});
    }
    if (rc == 0 && !c->options.json)
        (void)screen_table_print(&t, stdout);
    return rc;
}

const struct command ctl_command_servers = {
    .name = "servers",
    .operands = "",
    .summary = "List the servers that are known",
    .examples = "  resultctl servers --json\n",
    .run = run_servers,
};
