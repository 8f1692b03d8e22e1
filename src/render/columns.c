/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See columns.h. Steps and their keys live in an arena and are found by a hash table over (parent, key);
 * mostly the guess of the caller is right, since rows tend to have their members in the same order.
 */
#include "render/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 256 };

struct bucket {
    struct step *first;
};

struct columns {
    struct arena arena;
    struct arena names;
    int limit;
    size_t bytes_left;
    size_t bytes_limit;
    struct step root;
    struct bucket *buckets;
    size_t bucket_count; /* a power of two */
    size_t step_count;
    struct column *list;
    int count;
    int room;
};

static void reset(struct columns *c)
{
    c->bytes_left = c->bytes_limit;
    c->root = (struct step){.column = -1};
    c->bucket_count = FIRST_BUCKETS;
    c->buckets = mem_alloc(c->bucket_count * sizeof *c->buckets);
    memset(c->buckets, 0, c->bucket_count * sizeof *c->buckets);
    c->step_count = 0;
    c->count = 0;
}

struct columns *columns_new(int limit, size_t bytes_limit)
{
    struct columns *c = mem_alloc(sizeof *c);
    *c = (struct columns){.limit = limit, .bytes_limit = bytes_limit};
    reset(c);
    return c;
}

void columns_clear(struct columns *c)
{
    arena_free(&c->arena);
    arena_free(&c->names);
    free(c->buckets);
    reset(c);
}

void columns_free(struct columns *c)
{
    if (!c)
        return;
    arena_free(&c->arena);
    arena_free(&c->names);
    free(c->buckets);
    free(c->list);
    free(c);
}

struct step *columns_root(struct columns *c)
{
    return &c->root;
}

/* Where the root lies is unknown outside, so nobody can choose keys that all fall into one bucket. */
static size_t hash_of(const struct step *parent, const char *key, size_t len)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ ((uintptr_t)parent >> 4);
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)key[i]) * UINT64_C(0x100000001B3);
    return (size_t)(h ^ h >> 29);
}

static bool is_step(const struct step *s, const struct step *parent, const char *key, size_t len)
{
    return s->parent == parent && s->key_len == len && (len == 0 || memcmp(s->key, key, len) == 0);
}

static void grow_buckets(struct columns *c)
{
    size_t count = c->bucket_count * 2;
    struct bucket *bigger = mem_alloc(count * sizeof *bigger);
    memset(bigger, 0, count * sizeof *bigger);
    for (size_t i = 0; i < c->bucket_count; i++)
        for (struct step *s = c->buckets[i].first, *next; s; s = next) {
            struct bucket *bucket = &bigger[hash_of(s->parent, s->key, s->key_len) & (count - 1)];
            next = s->next_in_bucket;
            s->next_in_bucket = bucket->first;
            bucket->first = s;
        }
    free(c->buckets);
    c->buckets = bigger;
    c->bucket_count = count;
}

static bool is_plain(const char *key, size_t len)
{
    bool plain = true;
    for (size_t i = 0; i < len; i++)
        plain = plain && (unsigned char)key[i] >= 0x20 && key[i] != '"' && key[i] != '\\';
    return plain;
}

static struct step *add_step(struct columns *c, struct step *parent, const char *key, size_t len)
{
    size_t bytes = sizeof(struct step) + len + KEY_BEYOND;
    if (bytes > c->bytes_left)
        return NULL;
    if (c->step_count >= c->bucket_count)
        grow_buckets(c);
    c->bytes_left -= bytes;
    struct step *s = arena_alloc(&c->arena, sizeof *s);
    char *copy = arena_alloc(&c->arena, len + KEY_BEYOND);
    if (len)
        memcpy(copy, key, len);
    *s = (struct step){
        .parent = parent, .key = copy, .key_len = len, .column = -1, .plain = is_plain(copy, len)};
    struct bucket *bucket = &c->buckets[hash_of(parent, key, len) & (c->bucket_count - 1)];
    s->next_in_bucket = bucket->first;
    bucket->first = s;
    c->step_count++;
    if (!parent->first_child)
        parent->first_child = s;
    return s;
}

struct step *columns_step(struct columns *c, struct step *parent, struct step *guess, const char *key,
                          size_t key_len)
{
    if (guess && is_step(guess, parent, key, key_len))
        return guess;
    struct step *s = c->buckets[hash_of(parent, key, key_len) & (c->bucket_count - 1)].first;
    while (s && !is_step(s, parent, key, key_len))
        s = s->next_in_bucket;
    return s ? s : add_step(c, parent, key, key_len);
}

static int depth_of(const struct step *s)
{
    int depth = 0;
    for (; s->parent; s = s->parent)
        depth++;
    return depth;
}

int columns_of_step(struct columns *c, struct step *s, struct err *e)
{
    if (s->column >= 0)
        return s->column;
    if (c->count == c->limit)
        return err_set(e, ERR_LIMIT, "more than %d columns", c->limit);
    if (c->count == c->room) {
        c->room = c->room ? 2 * c->room : 64;
        c->list = mem_realloc(c->list, (size_t)c->room * sizeof *c->list);
    }
    c->list[c->count] = (struct column){.name = "", .at = s, .depth = depth_of(s)};
    s->column = c->count++;
    return s->column;
}

void columns_truncate(struct columns *c, int count)
{
    while (c->count > count) {
        struct step *s = c->list[--c->count].at;
        s->column = -1;
    }
}

int columns_count(const struct columns *c)
{
    return c->count;
}

struct column *columns_get(struct columns *c, int index)
{
    return &c->list[index];
}

/* --- names --- */

static const char symbol_for_nul[] = "\xE2\x90\x80";

static size_t name_piece(char *to, const struct step *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->key_len; i++) {
        size_t len = s->key[i] ? 1 : sizeof symbol_for_nul - 1;
        if (to)
            memcpy(to + n, s->key[i] ? &s->key[i] : symbol_for_nul, len);
        n += len;
    }
    return n;
}

static size_t path_length(const struct step *s)
{
    size_t len = 0;
    for (; s->parent; s = s->parent)
        len += name_piece(NULL, s) + (s->parent->parent != NULL);
    return len;
}

static void join_path(struct columns *c, struct column *column)
{
    size_t end = path_length(column->at);
    char *name = arena_alloc(&c->names, end + 1);
    column->name = name;
    column->name_len = end;
    for (const struct step *s = column->at; s->parent; s = s->parent) {
        end -= name_piece(NULL, s);
        (void)name_piece(name + end, s);
        if (s->parent->parent)
            name[--end] = '.';
    }
}

/* The names that are taken: a table over their indexes, filled to a half at most. */
struct taken {
    int *slots; /* index + 1; 0: free */
    size_t mask;
};

/* Takes the name of column `index`: NULL, or the column that has it already. */
static struct column *take(struct columns *c, struct taken *t, int index)
{
    const struct column *mine = &c->list[index];
    for (size_t i = hash_of(&c->root, mine->name, mine->name_len) & t->mask;; i = (i + 1) & t->mask) {
        if (!t->slots[i]) {
            t->slots[i] = index + 1;
            return NULL;
        }
        struct column *other = &c->list[t->slots[i] - 1];
        if (other->name_len == mine->name_len && memcmp(other->name, mine->name, mine->name_len) == 0)
            return other;
    }
}

static void give_name(struct columns *c, struct taken *t, int index)
{
    struct column *column = &c->list[index];
    join_path(c, column);
    const char *plain = column->name;
    struct column *first = take(c, t, index);
    for (struct column *other = first; other; other = take(c, t, index)) {
        first->copies += first->copies ? 1 : 2;
        column->name = arena_printf(&c->names, "%s_%d", plain, first->copies);
        column->name_len = strlen(column->name);
    }
}

void columns_name(struct columns *c)
{
    struct taken t = {.mask = 15};
    while (t.mask < 2 * (size_t)c->count)
        t.mask = 2 * t.mask + 1;
    t.slots = mem_alloc((t.mask + 1) * sizeof *t.slots);
    memset(t.slots, 0, (t.mask + 1) * sizeof *t.slots);
    arena_free(&c->names);
    for (int i = 0; i < c->count; i++)
        c->list[i].copies = 0;           /* of an earlier naming */
    for (int pass = 0; pass < 2; pass++) /* a member of the row itself has the first right to its name */
        for (int i = 0; i < c->count; i++)
            if ((c->list[i].depth > 1) == (pass == 1))
                give_name(c, &t, i);
    free(t.slots);
}

const char *column_type(const struct column *c)
{
    const unsigned boolean = 1U << CELL_FALSE | 1U << CELL_TRUE;
    const unsigned text = 1U << CELL_TEXT | 1U << CELL_NESTED;
    unsigned seen = c->seen & ~(1U << CELL_ABSENT | 1U << CELL_NULL);
    if (!seen)
        return "null";
    if (seen == 1U << CELL_NUMBER)
        return c->fraction ? "number" : "integer";
    if ((seen & ~boolean) == 0)
        return "boolean";
    return (seen & ~text) == 0 ? "text" : "mixed";
}
