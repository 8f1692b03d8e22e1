/* SPDX-License-Identifier: Apache-2.0 */
/* See problem.h. Most flags are called as the members that they become; this knows the others. */
#include "cli/problem.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

/* A member, or the whole pointer to it, and the flag that it comes from. The first that the command has
 * counts. */
static const struct alias {
    const char *member, *word;
} aliases[] = {
    {"/name", "new-batch"},          {"expires_in", "expires"}, {"lease_seconds", "lease"},
    {"priority_weight", "priority"}, {"kinds", "kind"},         {"created_after", "after"},
    {"created_before", "before"},
};

/* A request that a sentence names, whatever id is in its middle, the command that sends it, and what is said
 * behind that. The id "…" stands for what was sent. */
static const struct request {
    const char *begins, *ends, *command, *more;
} requests[] = {
    {"DELETE /api/v1/results/", "/keep", "resultctl keep --off", ""},
    {"DELETE /api/v1/results/", "?permanent=true", "resultctl rm --permanent", ""},
    {"POST /api/v1/results/", "/restore", "resultctl restore", ""},
    {"POST /api/v1/jobs/", "/restore", "resultctl job restore", ""},
    {"GET /api/v1/jobs?reference_id=", "&deleted=any", "resultctl job ls --reference-id",
     ", or, if it is in the trash, with --deleted"},
    {"?permanent=true", "", "resultctl rm --permanent", ""},
};

/* As a shell takes it for one word. */
static const char *quoted(struct arena *a, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%+,-./:@_";
    struct buf out = {.arena = a};
    if (*text && !text[strspn(text, plain)])
        return text;
    buf_puts(&out, "'");
    for (const char *c = text; *c; c++)
        if (*c == '\'')
            buf_puts(&out, "'\\''");
        else
            buf_add(&out, c, 1);
    buf_puts(&out, "'");
    return buf_str(&out);
}

static const char *name_command(struct arena *a, const char *detail, const char *sent)
{
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        const char *begin = strstr(detail, requests[i].begins);
        const char *id = begin ? begin + strlen(requests[i].begins) : "";
        const char *end = id + (*requests[i].ends ? strcspn(id, "/?& ") : 0);
        const char *word = arena_copy(a, id, (size_t)(end - id));
        if (strcmp(word, "…") == 0)
            word = quoted(a, sent);
        if (begin && strncmp(end, requests[i].ends, strlen(requests[i].ends)) == 0)
            return arena_printf(a, "%.*s%s%s%s%s%s", (int)(begin - detail), detail, requests[i].command,
                                *word ? " " : "", word, requests[i].more, end + strlen(requests[i].ends));
    }
    return detail;
}

/* "kinds" of "/kinds/0", "message" of "/error/message". */
static const char *member_of(struct arena *a, const char *where)
{
    const char *member = "";
    for (const char *at = where; *at;) {
        at += *at == '/';
        size_t len = strcspn(at, "/");
        if (!isdigit((unsigned char)*at))
            member = arena_copy(a, at, len);
        at += len;
    }
    return member;
}

static const struct args_flag *flag_of(const struct command *c, const char *name)
{
    for (int i = 0; i < c->flag_count; i++)
        if (strcmp(c->flags[i].name, name) == 0)
            return &c->flags[i];
    return NULL;
}

/* Whether "NAME" is one of "NAME" or "ID PART". */
static bool has_operand(const struct command *c, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = c->operands; *at; at += *at == ' ') {
        size_t n = strcspn(at, " ");
        if (n == len && strncmp(at, name, len) == 0)
            return true;
        at += n;
    }
    return false;
}

/* In the form of flags ("reference-id"), or of operands ("KIND"). */
static const char *spelled(struct arena *a, const char *member, bool as_flag)
{
    char *word = arena_strdup(a, member);
    for (char *c = word; *c; c++)
        if (!as_flag)
            *c = (char)toupper((unsigned char)*c);
        else if (*c == '_')
            *c = '-';
    return word;
}

/* NULL: the command has no such word. */
static const char *word_of(struct arena *a, const struct command *c, const char *where,
                           const struct args_flag **ret_flag)
{
    const char *member = member_of(a, where);
    const char *words[sizeof aliases / sizeof aliases[0] + 2];
    int count = 0;
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (strcmp(aliases[i].member, where) == 0 || strcmp(aliases[i].member, member) == 0)
            words[count++] = aliases[i].word;
    words[count++] = spelled(a, member, true);
    words[count++] = spelled(a, member, false);
    for (int i = 0; i < count; i++) {
        *ret_flag = flag_of(c, words[i]);
        if (*ret_flag)
            return arena_printf(a, "--%s", words[i]);
        if (has_operand(c, words[i]))
            return words[i];
    }
    return NULL;
}

/* Whether `*at` goes on with this word and a number; it is behind them then. */
static bool read_number(const char **at, const char *word, int64_t *ret)
{
    size_t len = strlen(word);
    if (strncmp(*at, word, len) != 0)
        return false;
    size_t digits = strspn(*at + len, "0123456789");
    bool is_number = text_uint(*at + len, digits, ret);
    *at += len + digits;
    return is_number;
}

/* "must be a whole number from 1 to 604800", of seconds. */
static const char *in_times(struct arena *a, const char *rest)
{
    const char *at = rest;
    int64_t least = 0;
    int64_t most = 0;
    if (!read_number(&at, " must be a whole number from ", &least) || !read_number(&at, " to ", &most))
        return rest;
    return arena_printf(a, " must be from %s to %s", args_time_text(a, least), args_time_text(a, most));
}

/* What stands behind "the member "x"" or the like; NULL: the sentence begins otherwise. */
static const char *behind_name(const char *detail)
{
    static const char *const begins[] = {"the member \"", "the parameter \""};
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        size_t len = strlen(begins[i]);
        const char *end = strncmp(detail, begins[i], len) == 0 ? strchr(detail + len, '"') : NULL;
        if (end)
            return end + 1;
    }
    return NULL;
}

const char *problem_in_words(struct arena *a, const struct command *command, const char *where,
                             const char *sent, const char *detail)
{
    const struct args_flag *flag = NULL;
    const char *said = command ? name_command(a, detail, sent) : detail;
    const char *word = command && *where ? word_of(a, command, where, &flag) : NULL;
    const char *rest = word ? behind_name(said) : NULL;
    if (rest)
        return arena_printf(a, "%s%s", word, flag && flag->kind == ARGS_TIME ? in_times(a, rest) : rest);
    return word ? arena_printf(a, "%s: %s", word, said) : said;
}
