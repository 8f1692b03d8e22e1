/* SPDX-License-Identifier: Apache-2.0 */
/* See names.h. */
#include "cli/names.h"

#include "base/text.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { LONGEST = 255, LONGEST_EXTENSION = 16 };

static const struct type {
    const char *extension, *media_type;
    bool table;
} types[] = {
    {"csv", "text/csv", true},
    {"tsv", "text/tab-separated-values", true},
    {"json", "application/json", true},
    {"ndjson", "application/x-ndjson", true},
    {"jsonl", "application/x-ndjson", true},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", true},
    {"txt", "text/plain", false},
    {"log", "text/plain", false},
    {"md", "text/markdown", false},
    {"html", "text/html", false},
    {"htm", "text/html", false},
    {"xml", "application/xml", false},
    {"pdf", "application/pdf", false},
    {"png", "image/png", false},
    {"jpg", "image/jpeg", false},
    {"jpeg", "image/jpeg", false},
    {"gif", "image/gif", false},
    {"webp", "image/webp", false},
    {"svg", "image/svg+xml", false},
    {"tif", "image/tiff", false},
    {"tiff", "image/tiff", false},
    {"mp3", "audio/mpeg", false},
    {"wav", "audio/wav", false},
    {"mp4", "video/mp4", false},
    {"zip", "application/zip", false},
    {"gz", "application/gzip", false},
    {"zst", "application/zstd", false},
    {"tar", "application/x-tar", false},
    {"parquet", "application/vnd.apache.parquet", false},
};

/* Behind the last dot of a name that does not begin with it; the end of the name if there is none, or it is
 * too long for one. */
static const char *extension_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot != name && strlen(dot) <= LONGEST_EXTENSION ? dot + 1 : name + strlen(name);
}

static const struct type *type_of(const char *name)
{
    const char *extension = extension_of(name);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(types[i].extension, extension) == 0)
            return &types[i];
    return NULL;
}

const char *names_media_type(const char *file)
{
    const char *slash = strrchr(file, '/');
    const struct type *type = type_of(slash ? slash + 1 : file);
    return type ? type->media_type : "application/octet-stream";
}

/* The longest beginning of `stem` that leaves room for `rest`. */
static const char *join(struct arena *a, const char *stem, size_t stem_len, const char *rest)
{
    size_t most = LONGEST - strlen(rest);
    if (stem_len > most)
        stem_len = text_utf8_prefix(stem, most);
    return arena_printf(a, "%.*s%s", (int)stem_len, stem, rest);
}

const char *names_file(struct arena *a, const char *name, const char *format)
{
    char *safe = arena_strdup(a, *name ? name : "_");
    for (char *at = safe; *at; at++)
        if (*at == '/')
            *at = '_';
    if (safe[0] == '.')
        safe[0] = '_';
    const struct type *type = type_of(safe);
    size_t stem = strlen(safe);
    if (!*format)
        return join(a, safe, stem, "");
    if (type && type->table)
        stem = (size_t)(extension_of(safe) - 1 - safe);
    return join(a, safe, stem, arena_printf(a, ".%s", format));
}

bool names_result(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= LONGEST && !strchr(name, '/') && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0 && text_is_utf8(name, len) && !text_has_control(name);
}

const char *names_numbered(struct arena *a, const char *name, int n)
{
    const char *extension = extension_of(name);
    size_t stem = (size_t)(extension - name) - (*extension ? 1 : 0);
    if (n <= 1)
        return name;
    return join(a, name, stem, arena_printf(a, " (%d)%s%s", n, *extension ? "." : "", extension));
}

/* FNV-1a */
static uint32_t hash(const struct names *n, const char *name)
{
    uint32_t h = 2166136261U;
    for (; *name; name++)
        h = (h ^ (uint32_t)(unsigned char)(n->folds_case ? tolower((unsigned char)*name) : *name)) *
            16777619U;
    return h;
}

static bool is_same(const struct names *n, const char *a, const char *b)
{
    return (n->folds_case ? strcasecmp(a, b) : strcmp(a, b)) == 0;
}

/* Where it is, or would be; there is room. */
static struct names_slot *find(const struct names *n, const char *name)
{
    uint32_t at = hash(n, name) & (uint32_t)(n->room - 1);
    while (n->slots[at].name && !is_same(n, n->slots[at].name, name))
        at = (at + 1) & (uint32_t)(n->room - 1);
    return &n->slots[at];
}

static void grow(struct names *n)
{
    const struct names before = *n;
    n->room = before.room ? before.room * 2 : 64;
    n->slots = arena_alloc(n->arena, (size_t)n->room * sizeof *n->slots);
    for (int i = 0; i < before.room; i++)
        if (before.slots[i].name)
            *find(n, before.slots[i].name) = before.slots[i];
}

const void *names_give(struct names *n, const char *name, const void *of)
{
    if (2 * (n->count + 1) > n->room)
        grow(n);
    struct names_slot *slot = find(n, name);
    if (slot->name)
        return slot->of;
    *slot = (struct names_slot){name, of};
    n->count++;
    return NULL;
}

const char *names_take(struct names *n, const char *name)
{
    const char *free_name = name;
    for (int i = 2; names_give(n, free_name, n); i++)
        free_name = names_numbered(n->arena, name, i);
    return free_name;
}
