/* SPDX-License-Identifier: Apache-2.0 */
/* resultctl completion, manual: the tables of commands and flags, for shells and for man. */
#include "cli/ctl.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- shells ---- */

static bool begins_anew(const struct command *const *c)
{
    size_t len = strcspn((*c)->name, " ");
    for (const struct command *const *before = ctl_commands; before < c; before++)
        if (strcspn((*before)->name, " ") == len && strncmp((*before)->name, (*c)->name, len) == 0)
            return false;
    return true;
}

/* The first word of several commands, at the first of them; else NULL. */
static const char *group_of(struct arena *a, const struct command *const *c)
{
    const char *second = strchr((*c)->name, ' ');
    return second && begins_anew(c) ? arena_copy(a, (*c)->name, (size_t)(second - (*c)->name)) : NULL;
}

/* All first words, or the second words behind `first`. */
static void add_words(struct buf *out, const char *first)
{
    size_t len = first ? strlen(first) : 0;
    for (const struct command *const *c = ctl_commands; *c; c++) {
        const char *name = (*c)->name;
        size_t head = strcspn(name, " ");
        if ((*c)->hidden)
            continue;
        if (!first && begins_anew(c))
            buf_printf(out, "%s%.*s", out->len && out->bytes[out->len - 1] != '"' ? " " : "", (int)head,
                       name);
        if (first && head == len && strncmp(name, first, len) == 0 && name[head])
            buf_printf(out, "%s%s", out->len && out->bytes[out->len - 1] != '"' ? " " : "", name + head + 1);
    }
}

static void add_flag_names(struct buf *out, const struct args_flag *flags, int count)
{
    for (int i = 0; i < count && flags[i].name; i++)
        buf_printf(out, " --%s", flags[i].name);
}

static void bash(struct buf *out)
{
    buf_puts(out, "# bash completion of resultctl\n"
                  "_resultctl() {\n"
                  "    local word=${COMP_WORDS[COMP_CWORD]} first=${COMP_WORDS[1]} second=${COMP_WORDS[2]}\n"
                  "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W \"");
    add_words(out, NULL);
    buf_puts(out, "\" -- \"$word\"))\n        return\n    fi\n    case \"$first $COMP_CWORD\" in\n");
    for (const struct command *const *c = ctl_commands; *c; c++) {
        const char *group = group_of(out->arena, c);
        if (!group)
            continue;
        buf_printf(out, "    \"%s 2\") COMPREPLY=($(compgen -W \"", group);
        add_words(out, group);
        buf_puts(out, "\" -- \"$word\")) && return ;;\n");
    }
    buf_puts(out, "    esac\n    case \"$first $second\" in\n");
    for (const struct command *const *c = ctl_commands; *c; c++) {
        buf_printf(out, "    %s\"%s\"%s) set --", "", (*c)->name, strchr((*c)->name, ' ') ? "" : "\" \"*");
        add_flag_names(out, (*c)->flags, (*c)->flag_count);
        buf_puts(out, " ;;\n");
    }
    buf_puts(out, "    *) set -- ;;\n    esac\n    if [[ $word == -* ]]; then\n"
                  "        COMPREPLY=($(compgen -W \"$*");
    add_flag_names(out, ctl_flags, 100);
    buf_puts(out,
             " --help\" -- \"$word\"))\n    else\n        COMPREPLY=()\n    fi\n}\n"
             "complete -o bashdefault -o default -F _resultctl resultctl\n"); /* names of files, by itself */
}

/* In single quotes of a shell. */
static void add_quoted(struct buf *out, const char *text)
{
    buf_putc(out, '\'');
    for (; *text; text++)
        if (*text == '\'')
            buf_puts(out, "'\\''");
        else
            buf_putc(out, *text);
    buf_putc(out, '\'');
}

static void add_zsh_flag(struct buf *out, const struct args_flag *flag)
{
    struct buf text = {.arena = out->arena};
    buf_printf(&text, "--%s[", flag->name);
    for (const char *at = flag->help; *at; at++)
        buf_printf(&text, "%s%c", *at == '[' || *at == ']' || *at == ':' ? "\\" : "", *at);
    buf_putc(&text, ']');
    if (flag->value)
        buf_printf(&text, ":%s:_files", flag->value);
    buf_putc(out, ' ');
    add_quoted(out, buf_str(&text));
}

/* First words, or what follows `first`, each with its summary. */
static void add_zsh_words(struct buf *out, const char *first)
{
    size_t len = first ? strlen(first) : 0;
    for (const struct command *const *c = ctl_commands; *c; c++) {
        const char *second = strchr((*c)->name, ' ');
        if (first ? strncmp((*c)->name, first, len) != 0 || !second || second != (*c)->name + len
                  : second != NULL || (*c)->hidden)
            continue;
        buf_putc(out, ' ');
        add_quoted(out, arena_printf(out->arena, "%s:%s", first ? second + 1 : (*c)->name, (*c)->summary));
    }
}

static void zsh(struct buf *out)
{
    buf_puts(
        out,
        "#compdef resultctl\n_resultctl() {\n    local -a words_of\n    case $CURRENT in\n    2) words_of=(");
    add_zsh_words(out, NULL);
    for (const struct command *const *c = ctl_commands; *c; c++)
        if (group_of(out->arena, c))
            buf_printf(out, " '%s:several commands'", group_of(out->arena, c));
    buf_puts(out, ")\n        _describe command words_of; return ;;\n    3) case $words[2] in\n");
    for (const struct command *const *c = ctl_commands; *c; c++) {
        const char *group = group_of(out->arena, c);
        if (!group)
            continue;
        buf_printf(out, "        %s) words_of=(", group);
        add_zsh_words(out, group);
        buf_puts(out, ")\n            _describe command words_of; return ;;\n");
    }
    buf_puts(out, "        esac ;;\n    esac\n    case \"$words[2] $words[3]\" in\n");
    for (const struct command *const *c = ctl_commands; *c; c++) {
        buf_printf(out, "    '%s'%s) _arguments", (*c)->name, strchr((*c)->name, ' ') ? "" : "' '*");
        for (int i = 0; i < (*c)->flag_count; i++)
            add_zsh_flag(out, &(*c)->flags[i]);
        for (const struct args_flag *flag = ctl_flags; flag->name; flag++)
            add_zsh_flag(out, flag);
        buf_puts(out, " '*:file:_files' ;;\n");
    }
    buf_puts(out, "    esac\n}\n_resultctl \"$@\"\n");
}

static void add_fish_flags(struct buf *out, const char *condition, const struct args_flag *flags, int count)
{
    for (int i = 0; i < count && flags[i].name; i++) {
        buf_printf(out, "complete -c resultctl%s -l %s", condition, flags[i].name);
        if (flags[i].letter)
            buf_printf(out, " -s %c", flags[i].letter);
        buf_printf(out, "%s -d ", flags[i].value ? " -r" : "");
        add_quoted(out, flags[i].help);
        buf_putc(out, '\n');
    }
}

/* The words so far, without flags, are those of a command; or, with `only`, nothing but them. */
static const char fish_head[] =
    "# fish completion of resultctl\n"
    "function __resultctl_words\n"
    "    string match --invert -- '-*' (commandline -opc)\n"
    "end\n"
    "function __resultctl_in\n"
    "    string match -q -- \"resultctl $argv *\" (string join ' ' (__resultctl_words) '')\n"
    "end\n"
    "function __resultctl_at\n"
    "    test \"resultctl $argv\" = (string join ' ' (__resultctl_words))\n"
    "end\n";

static void add_fish_word(struct buf *out, const char *condition, const char *word, const char *summary)
{
    buf_printf(out, "complete -c resultctl -n %s -f -a %s", condition, word);
    if (summary) {
        buf_puts(out, " -d ");
        add_quoted(out, summary);
    }
    buf_putc(out, '\n');
}

static void fish(struct buf *out)
{
    struct arena *a = out->arena;
    buf_puts(out, fish_head);
    for (const struct command *const *c = ctl_commands; *c; c++) {
        const char *name = (*c)->name;
        const char *second = strchr(name, ' ');
        const char *first = arena_copy(a, name, strcspn(name, " "));
        if ((*c)->hidden)
            continue;
        if (second && begins_anew(c))
            add_fish_word(out, "__fish_use_subcommand", first, NULL);
        if (second)
            add_fish_word(out, arena_printf(a, "'__resultctl_at %s'", first), second + 1, (*c)->summary);
        else
            add_fish_word(out, "__fish_use_subcommand", first, (*c)->summary);
        add_fish_flags(out, arena_printf(a, " -n '__resultctl_in %s'", name), (*c)->flags, (*c)->flag_count);
    }
    add_fish_flags(out, "", ctl_flags, 100);
}

static int run_completion(struct ctl *c, const void *options, const char **words, int count,
                          struct failure *f)
{
    struct buf out = {.arena = &c->arena};
    (void)options;
    (void)count;
    if (strcmp(words[0], "bash") == 0)
        bash(&out);
    else if (strcmp(words[0], "zsh") == 0)
        zsh(&out);
    else if (strcmp(words[0], "fish") == 0)
        fish(&out);
    else
        return failure_set(f, FAILURE_USAGE, "the shell is bash, zsh or fish, not \"%.100s\"", words[0]);
    (void)fputs(buf_str(&out), stdout);
    return 0;
}

const struct command ctl_command_completion = {
    .name = "completion",
    .operands = "bash|zsh|fish",
    .least = 1,
    .most = 1,
    .summary = "Print what makes a shell complete commands and flags",
    .examples = "  resultctl completion bash > ~/.local/share/bash-completion/completions/resultctl\n"
                "  resultctl completion fish > ~/.config/fish/completions/resultctl.fish\n",
    .run = run_completion,
};

/* ---- man ---- */

/* What mdoc would take for its own is escaped, and each sentence begins a line. */
static void add_text(struct buf *out, const char *text)
{
    bool first = true;
    for (; *text; text++) {
        bool begins = *text == ' ' && !first && strchr(".!?", text[-1]);
        if (first && (*text == '.' || *text == '\''))
            buf_puts(out, "\\&");
        if (begins)
            buf_putc(out, '\n');
        else if (*text == '\\')
            buf_puts(out, "\\e");
        else if (*text == '-')
            buf_puts(out, "\\-");
        else
            buf_putc(out, *text);
        first = begins || *text == '\n';
    }
}

static void add_flags(struct buf *out, const struct args_flag *flags, int count)
{
    buf_puts(out, ".Bl -tag -width Ds\n");
    for (int i = 0; i < count && flags[i].name; i++) {
        buf_puts(out, ".It ");
        if (flags[i].letter)
            buf_printf(out, "Fl %c , ", flags[i].letter);
        buf_printf(out, "Fl \\-%s", flags[i].name);
        if (flags[i].value)
            buf_printf(out, " Ar %s", flags[i].value);
        buf_putc(out, '\n');
        add_text(out, flags[i].help);
        buf_puts(out, ".\n");
    }
    buf_puts(out, ".El\n");
}

static void add_command(struct buf *out, const struct command *c)
{
    buf_printf(out, ".Ss %s%s", c->name, *c->operands ? " " : "");
    add_text(out, c->operands);
    buf_puts(out, *c->operands ? "\\&\n" : "\n");
    add_text(out, c->summary);
    buf_puts(out, ".\n");
    if (c->help) {
        add_text(out, c->help);
        buf_putc(out, '\n');
    }
    if (c->flag_count)
        add_flags(out, c->flags, c->flag_count);
    if (c->examples) {
        buf_puts(out, ".Bd -literal\n");
        add_text(out, c->examples);
        buf_puts(out, ".Ed\n");
    }
}

static int run_manual(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    struct buf out = {.arena = &c->arena};
    (void)options;
    (void)words;
    (void)count;
    (void)f;
    for (const struct command *const *command = ctl_commands; *command; command++)
        if (!(*command)->hidden)
            add_command(&out, *command);
    buf_puts(&out, ".Ss Flags of every command\n");
    add_flags(&out, ctl_flags, 100);
    (void)fputs(buf_str(&out), stdout);
    return 0;
}

const struct command ctl_command_manual = {
    .name = "manual",
    .operands = "",
    .hidden = true,
    .summary = "Print the manual page's part about commands and flags",
    .run = run_manual,
};
