/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that can be unpacked anywhere; see zip.h. What is known is one balanced tree of words (tsearch), so
 * that no choice of names makes it slow. A word's first letter says of what kind it is: a path that is taken,
 * the last number of a family of names, or the key of a folder.
 *
 * A family is all names that would get their numbers into the same place: its numbers only grow, so that
 * thousands of results of one name take thousands of steps and not their square.
 */
#include "render/zip.h"

#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    LONGEST_EXTENSION = 32, /* what is longer belongs to the name */
    ROOM_FOR_NUMBER = 13,   /* " (1000000000)" */
};

enum kind { PATH = 'p', FAMILY = 'n', FOLDER = 'f' };

struct known {
    int number;         /* of a family: the last one that was tried */
    const char *folder; /* of a folder's key */
    char word[];
};

struct zip_names {
    void *tree;
};

struct zip_names *zip_names_new(void)
{
    struct zip_names *n = mem_alloc(sizeof *n);
    n->tree = NULL;
    return n;
}

void zip_names_free(struct zip_names *n)
{
    if (!n)
        return;
    tdestroy(n->tree, free);
    free(n);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct known *)a)->word, ((const struct known *)b)->word);
}

/* Appends `text` with ASCII letters in lower case, and returns the new end. */
static char *add_folded(char *to, const char *text)
{
    for (; *text; text++)
        *to++ = (char)(*text >= 'A' && *text <= 'Z' ? *text - 'A' + 'a' : *text);
    *to = '\0';
    return to;
}

static struct known *make_known(enum kind kind, const char *folder, const char *name)
{
    struct known *k = mem_alloc(sizeof *k + strlen(folder) + strlen(name) + 3);
    k->number = 1;
    k->folder = NULL;
    k->word[0] = (char)kind;
    char *end = add_folded(k->word + 1, folder);
    *end = '/';
    (void)add_folded(end + 1, name);
    return k;
}

/* What is known of a word, the case of ASCII letters aside; *ret_new: nothing until now. */
static struct known *know(struct zip_names *n, enum kind kind, const char *folder, const char *name,
                          bool *ret_new)
{
    struct known *k = make_known(kind, folder, name);
    struct known **found = tsearch(k, &n->tree, compare);
    if (!found)
        abort(); /* out of memory, as in mem_alloc */
    struct known *there = *found;
    *ret_new = there == k;
    if (there != k)
        free(k);
    return there;
}

/* --- names that every system takes --- */

static bool is_forbidden(unsigned char c)
{
    return c < 0x20 || c == 0x7F || strchr("<>:\"/\\|?*", c);
}

/* C1, U+0080 to U+009F, which has two bytes in UTF-8. */
static bool is_long_control(const unsigned char *c)
{
    return c[0] == 0xC2 && c[1] >= 0x80 && c[1] <= 0x9F;
}

/* Windows: devices, whatever extension they have, and also with blanks before it. */
static bool is_reserved(const char *name)
{
    static const char *const devices[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
    static const char *const digits[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"};
    size_t len = strcspn(name, ".");
    while (len > 0 && name[len - 1] == ' ')
        len--;
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        if (len == strlen(devices[i]) && strncasecmp(name, devices[i], len) == 0)
            return true;
    if (len < 4 || (strncasecmp(name, "COM", 3) != 0 && strncasecmp(name, "LPT", 3) != 0))
        return false;
    for (size_t i = 0; i < sizeof digits / sizeof *digits; i++)
        if (len - 3 == strlen(digits[i]) && memcmp(name + 3, digits[i], len - 3) == 0)
            return true;
    return false;
}

/* From its last dot on; "" if it has none. */
static const char *extension(const char *name)
{
    const char *dot = strrchr(name, '.');
    size_t len = strlen(name);
    if (!dot || dot == name || (size_t)(name + len - dot) > LONGEST_EXTENSION)
        return name + len;
    return dot;
}

/* How much of the first `len` bytes to keep for it to be at most `most`: whole characters. */
static int cut(const char *name, size_t len, size_t most)
{
    if (len <= most)
        return (int)len;
    while (most > 0 && ((unsigned char)name[most] & 0xC0) == 0x80)
        most--;
    return (int)most;
}

/* Windows takes dots and blanks off the end. */
static void mend_end(char *name)
{
    for (size_t len = strlen(name); len > 0 && (name[len - 1] == '.' || name[len - 1] == ' '); len--)
        name[len - 1] = '_';
}

static char *replace_forbidden(struct arena *a, const char *name)
{
    char *safe = arena_strdup(a, name);
    size_t len = 0;
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        bool skipped = is_long_control(c);
        safe[len++] = (char)(skipped || is_forbidden(*c) ? '_' : *c);
        c += skipped;
    }
    safe[len] = '\0';
    mend_end(safe);
    return safe;
}

static char *make_safe(struct arena *a, const char *name)
{
    char *safe = replace_forbidden(a, name);
    if (is_reserved(safe) || !*safe)
        safe = arena_printf(a, "_%s", safe);
    const char *end = extension(safe);
    int stem = cut(safe, (size_t)(end - safe), ZIP_LONGEST_NAME - strlen(end));
    memmove(safe + stem, end, strlen(end) + 1);
    mend_end(safe);
    return safe;
}

/* --- unique ones --- */

static const char *add_number(struct zip_names *n, struct arena *a, const char *folder, const char *safe)
{
    const char *end = extension(safe);
    int stem = cut(safe, (size_t)(end - safe), ZIP_LONGEST_NAME - ROOM_FOR_NUMBER - strlen(end));
    bool is_new;
    struct known *family = know(n, FAMILY, folder, arena_printf(a, "%.*s%s", stem, safe, end), &is_new);
    const char *name;
    do {
        name = arena_printf(a, "%.*s (%d)%s", stem, safe, ++family->number, end);
        (void)know(n, PATH, folder, name, &is_new);
    } while (!is_new);
    return name;
}

static const char *join(struct arena *a, const char *folder, const char *name)
{
    size_t len = strlen(folder);
    size_t name_size = strlen(name) + 1;
    char *path = arena_alloc(a, len + 1 + name_size);
    memcpy(path, folder, len + 1);
    path[len] = '/';
    memcpy(path + len + 1, name, name_size);
    return path;
}

const char *zip_name(struct zip_names *n, struct arena *a, const char *folder, const char *name)
{
    bool is_new;
    const char *within = folder ? folder : "";
    const char *unique = make_safe(a, name);
    (void)know(n, PATH, within, unique, &is_new);
    if (!is_new)
        unique = add_number(n, a, within, unique);
    return folder ? join(a, folder, unique) : unique;
}

const char *zip_folder(struct zip_names *n, struct arena *a, const char *key, const char *name)
{
    bool is_new;
    struct known *k = know(n, FOLDER, "", key, &is_new);
    if (is_new)
        k->folder = zip_name(n, a, NULL, name);
    return k->folder;
}
