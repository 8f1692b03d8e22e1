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
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

enum {
    LONGEST_EXTENSION = 32, /* what is longer belongs to the name */
    ROOM_FOR_NUMBER = 13,   /* " (1000000000)" */
    MOST_FOLDED = 1024,     /* of a name of usual letters; what needs more is allocated */
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

/* --- what is the same name to some system --- */

/* A name as it is compared: systems fold the case of all letters and compare what is canonically equal, and
 * some do not look at what chooses between shapes of a character. */
struct folded {
    const char *bytes;
    size_t len;
    char room[MOST_FOLDED];
};

static bool is_ascii(const char *text)
{
    unsigned char all = 0;
    for (; *text; text++)
        all |= (unsigned char)*text;
    return all < 0x80;
}

static void fold_ascii(struct folded *f, const char *text)
{
    size_t len = 0;
    for (; text[len]; len++)
        f->room[len] = (char)(text[len] >= 'A' && text[len] <= 'Z' ? text[len] - 'A' + 'a' : text[len]);
    f->bytes = f->room;
    f->len = len;
}

/* What only chooses between shapes of the characters beside it: Persian words and emoji are spelt with it. */
static bool is_shaping(ucs4_t c)
{
    return c == 0x200C || c == 0x200D || uc_is_property_variation_selector(c);
}

/* Without these, in `to`, which has room for `text`. Returns the length. */
static size_t drop_shaping(uint8_t *to, const char *text)
{
    uint8_t *end = to;
    ucs4_t c;
    int n;
    for (const uint8_t *at = (const uint8_t *)text; (n = u8_strmbtouc(&c, at)) > 0; at += n)
        if (c < 0x80 || !is_shaping(c)) {
            memcpy(end, at, (size_t)n);
            end += n;
        }
    return (size_t)(end - to);
}

/* Unicode 3.13, D145: canonical caseless matching. */
static void fold_unicode(struct folded *f, const char *text)
{
    uint8_t plain[ZIP_LONGEST_NAME];
    size_t len = MOST_FOLDED;
    uint8_t *bytes =
        u8_casefold(plain, drop_shaping(plain, text), NULL, UNINORM_NFD, (uint8_t *)f->room, &len);
    if (!bytes)
        abort(); /* out of memory, as in mem_alloc */
    f->bytes = (const char *)bytes;
    f->len = len;
}

/* Of at most ZIP_LONGEST_NAME bytes. */
static void fold(struct folded *f, const char *text)
{
    if (is_ascii(text))
        fold_ascii(f, text);
    else
        fold_unicode(f, text);
}

static void unfold(const struct folded *f)
{
    if (f->bytes != f->room)
        free((void *)(uintptr_t)f->bytes);
}

/* --- what is known --- */

static struct known *make_known(enum kind kind, const char *folder, const char *name)
{
    struct folded f, n;
    fold(&f, folder);
    fold(&n, name);
    struct known *k = mem_alloc(sizeof *k + f.len + n.len + 3);
    k->number = 1;
    k->folder = NULL;
    k->word[0] = (char)kind;
    memcpy(k->word + 1, f.bytes, f.len);
    k->word[1 + f.len] = '/';
    memcpy(k->word + 2 + f.len, n.bytes, n.len);
    k->word[2 + f.len + n.len] = '\0';
    unfold(&f);
    unfold(&n);
    return k;
}

/* What is known of a word; *ret_new: nothing until now. */
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

/* What nobody sees, or sees as a change of everything around it: controls, marks of direction, ends of lines.
 */
static bool is_invisible(ucs4_t c)
{
    if (c <= 0x9F || c == 0x2028 || c == 0x2029 || (c >= 0xFFF9 && c <= 0xFFFB))
        return true;
    return uc_is_property_default_ignorable_code_point(c) && !is_shaping(c);
}

static bool is_refused(ucs4_t c)
{
    return c < 0x80 ? is_forbidden((unsigned char)c) : is_invisible(c) || uc_is_property_not_a_character(c);
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
    char *to = safe;
    ucs4_t c;
    int n;
    for (const uint8_t *at = (const uint8_t *)name; (n = u8_strmbtouc(&c, at)) > 0; at += n) {
        if (is_refused(c)) {
            *to++ = '_';
            continue;
        }
        memmove(to, at, (size_t)n);
        to += n;
    }
    *to = '\0';
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
