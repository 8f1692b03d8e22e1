/* SPDX-License-Identifier: Apache-2.0 */
/* See args.h. */
#include "cli/args.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST_TIME INT64_C(3155760000) /* seconds: a hundred years */

struct parse {
    struct arena *arena;
    const struct args_flag *common;
    void *common_to;
    struct args *to;
    char **argv;
    int at;
};

/* How many of argv's first words are the command's name; 0: it is another. */
static int words_of(const char *name, int argc, char **argv)
{
    int n = 0;
    while (*name) {
        size_t len = strcspn(name, " ");
        if (n == argc || strlen(argv[n]) != len || strncmp(argv[n], name, len) != 0)
            return 0;
        n++;
        name += len + (name[len] == ' ');
    }
    return n;
}

static const struct unit {
    char letter;
    int64_t seconds;
} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};

const char *args_time_text(struct arena *a, int64_t seconds)
{
    const struct unit *best = &units[0];
    for (const struct unit *u = units; u->letter != 'w'; u++) /* "7d", "365d" */
        if (seconds > 0 && seconds % u->seconds == 0)
            best = u;
    return arena_printf(a, "%lld%c", (long long)(seconds / best->seconds), best->letter);
}

bool args_time(const char *text, int64_t *ret_seconds)
{
    size_t digits = strspn(text, "0123456789");
    int64_t n = 0;
    int64_t each = text[digits] ? 0 : 1;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (text[digits] == units[i].letter && !text[digits + 1])
            each = units[i].seconds;
    if (!each || !text_uint(text, digits, &n) || n > LONGEST_TIME / each)
        return false;
    *ret_seconds = n * each;
    return true;
}

static int add_text(struct arena *a, struct args_texts *to, const char *text)
{
    const char **texts = arena_alloc(a, (size_t)(to->count + 1) * sizeof *texts);
    if (to->count > 0)
        memcpy(texts, to->texts, (size_t)to->count * sizeof *texts);
    texts[to->count++] = text;
    to->texts = texts;
    return 0;
}

static int set_word(const struct args_flag *flag, const char *value, const char **to, struct arena *a,
                    struct failure *f)
{
    struct buf all = {.arena = a};
    for (const char *const *w = flag->words; *w; w++) {
        if (strcmp(*w, value) == 0) {
            *to = *w;
            return 0;
        }
        buf_printf(&all, "%s%s", w == flag->words ? "" : w[1] ? ", " : " or ", *w);
    }
    return failure_set(f, FAILURE_USAGE, "--%s is %s, not \"%.100s\"", flag->name, buf_str(&all), value);
}

static int set_value(struct arena *a, const struct args_flag *flag, const char *value, void *options,
                     struct failure *f)
{
    char *to = (char *)options + flag->offset;
    if (flag->kind != ARGS_GIVEN &&
        !*value) /* a shell's variable that nobody has set: it would filter nothing */
        return failure_set(f, FAILURE_USAGE, "--%s is empty: say its %s, or leave it out", flag->name,
                           flag->value);
    switch (flag->kind) {
    case ARGS_GIVEN:
        *(bool *)(void *)to = true;
        return 0;
    case ARGS_TEXT:
        *(const char **)(void *)to = value;
        return 0;
    case ARGS_TEXTS:
        return add_text(a, (struct args_texts *)(void *)to, value);
    case ARGS_COUNT:
    case ARGS_PLACE:
        if (text_uint(value, strlen(value), (int64_t *)(void *)to) &&
            (flag->kind == ARGS_PLACE || *(int64_t *)(void *)to > 0))
            return 0;
        return failure_set(f, FAILURE_USAGE, "--%s is a whole number%s, not \"%.100s\"", flag->name,
                           flag->kind == ARGS_PLACE ? "" : " above 0", value);
    case ARGS_TIME:
        if (args_time(value, (int64_t *)(void *)to) && *(int64_t *)(void *)to > 0)
            return 0;
        return failure_set(f, FAILURE_USAGE,
                           "--%s is a time from 1s to 36525d, such as 90s, 5m, 2h or 7d, not \"%.100s\"",
                           flag->name, value);
    case ARGS_WORD:
        return set_word(flag, value, (const char **)(void *)to, a, f);
    }
    return 0;
}

/* NULL: there is none such. *ret_options: where its value goes. */
static const struct args_flag *find_flag(const struct parse *p, const char *name, size_t len, char letter,
                                         void **ret_options)
{
    const struct command *c = p->to->command;
    for (int i = 0; c && i < c->flag_count; i++)
        if (name ? strlen(c->flags[i].name) == len && memcmp(c->flags[i].name, name, len) == 0
                 : c->flags[i].letter == letter) {
            *ret_options = p->to->options;
            return &c->flags[i];
        }
    for (const struct args_flag *flag = p->common; flag->name; flag++)
        if (name ? strlen(flag->name) == len && memcmp(flag->name, name, len) == 0 : flag->letter == letter) {
            *ret_options = p->common_to;
            return flag;
        }
    return NULL;
}

static int unknown(const struct parse *p, struct failure *f)
{
    return failure_set(f, FAILURE_USAGE, "there is no flag %.100s; see: resultctl %s%s--help", p->argv[p->at],
                       p->to->command ? p->to->command->name : "", p->to->command ? " " : "");
}

/* `value`: what stands in the same word, or NULL. */
static int take_flag(struct parse *p, const struct args_flag *flag, const char *value, void *options,
                     struct failure *f)
{
    const char *whole = p->argv[p->at++];
    if (flag->kind != ARGS_GIVEN && !value) {
        if (!p->argv[p->at])
            return failure_set(f, FAILURE_USAGE, "a value is missing after %s: %s", whole, flag->value);
        value = p->argv[p->at++];
    }
    return set_value(p->arena, flag, value, options, f);
}

static int take_long(struct parse *p, struct failure *f)
{
    const char *name = p->argv[p->at] + 2;
    size_t len = strcspn(name, "=");
    void *options = NULL;
    const struct args_flag *flag = find_flag(p, name, len, 0, &options);
    if (strcmp(name, "help") == 0) {
        p->to->help = true;
        p->at++;
        return 0;
    }
    if (!flag)
        return unknown(p, f);
    if (name[len] && flag->kind == ARGS_GIVEN)
        return failure_set(f, FAILURE_USAGE, "--%s takes no value", flag->name);
    return take_flag(p, flag, name[len] ? name + len + 1 : NULL, options, f);
}

/* -j, -o DIR, -oDIR; several letters in one word are not taken: that is where typing errors hide. */
static int take_short(struct parse *p, struct failure *f)
{
    const char *word = p->argv[p->at];
    void *options = NULL;
    const struct args_flag *flag = find_flag(p, NULL, 0, word[1], &options);
    if (word[1] == 'h' && !word[2] && !flag) {
        p->to->help = true;
        p->at++;
        return 0;
    }
    if (!flag || (word[2] && flag->kind == ARGS_GIVEN))
        return unknown(p, f);
    return take_flag(p, flag, word[2] ? word + 2 : NULL, options, f);
}

static int take_all(struct parse *p, int argc, struct failure *f)
{
    bool over = false; /* after -- */
    int rc = 0;
    while (rc == 0 && p->at < argc) {
        const char *word = p->argv[p->at];
        if (!over && strcmp(word, "--") == 0) {
            over = true;
            p->at++;
        } else if (!over && word[0] == '-' && word[1] == '-') {
            rc = take_long(p, f);
        } else if (!over && word[0] == '-' && word[1]) {
            rc = take_short(p, f);
        } else {
            p->to->words[p->to->count++] = word;
            p->at++;
        }
    }
    return rc;
}

static int check_count(const struct args *args, struct failure *f)
{
    const struct command *c = args->command;
    if (args->count < c->least)
        return failure_set(f, FAILURE_USAGE, "something is missing; usage: resultctl %s [flags] %s", c->name,
                           c->operands);
    if (args->count > c->most)
        return failure_set(f, FAILURE_USAGE, "\"%.100s\" is too much; usage: resultctl %s [flags] %s",
                           args->words[c->most], c->name, c->operands);
    for (int i = 0; i < args->count; i++) /* a shell's variable that nobody has set */
        if (!*args->words[i])
            return failure_set(f, FAILURE_USAGE, "a word is empty; usage: resultctl %s [flags] %s", c->name,
                               c->operands);
    return 0;
}

/* Flags that all commands have may stand before the command's name. */
static int take_leading(struct parse *p, int argc, struct failure *f)
{
    int rc = 0;
    while (rc == 0 && p->at < argc && p->argv[p->at][0] == '-' && p->argv[p->at][1])
        rc = p->argv[p->at][1] == '-' ? take_long(p, f) : take_short(p, f);
    return rc;
}

/* Of a command of two words only the first was said: what may follow. "": there is no such command. */
static const char *second_words(struct arena *a, const struct command *const *commands, const char *first)
{
    struct buf out = {.arena = a};
    size_t len = strlen(first);
    for (; *commands; commands++)
        if (strncmp((*commands)->name, first, len) == 0 && (*commands)->name[len] == ' ')
            buf_printf(&out, "%s%s", out.len ? ", " : "", (*commands)->name + len + 1);
    return buf_str(&out);
}

static int find_command(struct parse *p, const struct command *const *commands, int argc, struct failure *f)
{
    for (const struct command *const *c = commands; *c; c++) {
        int n = words_of((*c)->name, argc - p->at, p->argv + p->at);
        if (n > 0) {
            p->to->command = *c;
            p->to->options = arena_alloc(p->arena, (*c)->options_size + 1);
            p->at += n;
            return 0;
        }
    }
    const char *second = second_words(p->arena, commands, p->argv[p->at]);
    if (*second)
        return failure_set(f, FAILURE_USAGE, "after \"%s\" comes one of: %s; see: resultctl --help",
                           p->argv[p->at], second);
    return failure_set(f, FAILURE_USAGE, "there is no command \"%.100s\"; see: resultctl --help",
                       p->argv[p->at]);
}

int args_parse(struct arena *a, const struct command *const *commands, const struct args_flag *common,
               void *common_to, int argc, char **argv, struct args *ret, struct failure *f)
{
    struct parse p = {a, common, common_to, ret, argv, 1};
    *ret = (struct args){.words = arena_alloc(a, (size_t)(argc + 1) * sizeof(char *))};
    int rc = take_leading(&p, argc, f);
    if (rc == 0 && (p.at < argc || !ret->help))
        rc = p.at < argc ? find_command(&p, commands, argc, f)
                         : failure_set(f, FAILURE_USAGE, "a command is missing; see: resultctl --help");
    if (rc == 0 && ret->command)
        rc = take_all(&p, argc, f);
    if (rc == 0 && ret->command && !ret->help)
        rc = check_count(ret, f);
    return rc;
}

/* ---- for people ---- */

enum { SUMMARY_AT = 20, HELP_AT = 26 };

static void pad(struct buf *out, size_t from, size_t to)
{
    if (out->len - from >= to) {
        buf_putc(out, '\n');
        from = out->len;
    }
    while (out->len - from < to)
        buf_putc(out, ' ');
}

void args_overview(const struct command *const *commands, struct buf *out)
{
    for (; *commands; commands++) {
        size_t from = out->len;
        if ((*commands)->hidden)
            continue;
        buf_printf(out, "  %s", (*commands)->name);
        pad(out, from, SUMMARY_AT);
        buf_printf(out, "%s\n", (*commands)->summary);
    }
}

static void add_flag(struct buf *out, const struct args_flag *flag)
{
    size_t from = out->len;
    buf_puts(out, "  ");
    if (flag->letter)
        buf_printf(out, "-%c, ", flag->letter);
    buf_printf(out, "--%s", flag->name);
    if (flag->value)
        buf_printf(out, " %s", flag->value);
    pad(out, from, HELP_AT);
    buf_printf(out, "%s\n", flag->help);
}

void args_help(const struct command *c, const struct args_flag *common, struct buf *out)
{
    buf_printf(out, "usage: resultctl %s%s%s%s\n\n%s.\n", c->name, c->flag_count ? " [flags]" : "",
               *c->operands ? " " : "", c->operands, c->summary);
    if (c->help)
        buf_printf(out, "\n%s\n", c->help);
    if (c->flag_count)
        buf_puts(out, "\nFlags:\n");
    for (int i = 0; i < c->flag_count; i++)
        add_flag(out, &c->flags[i]);
    buf_puts(out, "\nFlags of every command:\n");
    for (const struct args_flag *flag = common; flag->name; flag++)
        add_flag(out, flag);
    if (c->examples)
        buf_printf(out, "\nExamples:\n%s", c->examples);
}
