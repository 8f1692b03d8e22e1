/* SPDX-License-Identifier: Apache-2.0 */
/* See pg_statement.h. The table of statements is that of sqlite.c: WAYS places for each, the least recently
 * used one gives way. */
#include "db/pg_statement.h"

#include "base/arena.h"

#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_SIZE = 256, WAYS = 8, NAME_SIZE = 24, NUMBER_SIZE = 32 };
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_OID = 26
};
enum { OID_FLOAT4 = 700, OID_FLOAT8 = 701, OID_NUMERIC = 1700 };

struct statement {
    const char *text;
    uint64_t used;
    uint64_t number;     /* its name on the server; 0: not prepared */
    unsigned generation; /* of the connection that has it */
    int count;
    Oid *types; /* 0: the server's choice */
};

/* A value as it is sent, where it is not sent from where it is. */
union sent {
    int64_t integer;
    double real;
    char text[NUMBER_SIZE];
};

struct pg_statements {
    uint64_t ticks;
    uint64_t number;
    uint64_t kept;
    struct statement all[CACHE_SIZE];
    int room; /* of the following */
    const char **values;
    int *lengths;
    int *formats;
    union sent *sent;
};

struct pg_statements *pg_statements_new(void)
{
    struct pg_statements *all = mem_alloc(sizeof *all);
    *all = (struct pg_statements){0};
    return all;
}

static void forget(struct statement *s)
{
    free(s->types);
    *s = (struct statement){0};
}

void pg_statements_free(struct pg_statements *all)
{
    for (int i = 0; i < CACHE_SIZE; i++)
        forget(&all->all[i]);
    free(all->values);
    free(all->lengths);
    free(all->formats);
    free(all->sent);
    free(all);
}

static uint64_t hash_of(const struct stmt *st)
{
    return ((uintptr_t)st->text >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 32;
}

static struct statement *find(struct pg_statements *all, const struct stmt *st, bool *ret_known)
{
    uint64_t hash = hash_of(st);
    struct statement *best = NULL;
    *ret_known = true;
    for (unsigned i = 0; i < WAYS; i++) {
        struct statement *s = &all->all[(hash + i) % CACHE_SIZE];
        if (s->text == st->text)
            return s;
        if (!best || s->used < best->used)
            best = s;
    }
    *ret_known = false;
    return best;
}

/* --- preparing --- */

static Oid type_of(const struct db_value *v)
{
    switch (v->type) {
    case DB_INT:
        return OID_INT8;
    case DB_REAL:
        return OID_FLOAT8;
    case DB_TEXT:
        return OID_TEXT;
    case DB_BLOB:
        return OID_BYTEA;
    case DB_NULL:
        break;
    }
    return 0;
}

/* The largest n of a $n, and which of them there are. */
static int find_args(const char *text, bool *there, int count)
{
    int largest = 0;
    for (const char *p = strchr(text, '$'); p; p = strchr(p + 1, '$')) {
        int n = (int)strtol(p + 1, NULL, 10);
        if (n == 0) /* of a path into JSON */
            continue;
        assert(n > 0 && n <= count);
        there[n - 1] = true;
        largest = n > largest ? n : largest;
    }
    return largest;
}

/* Of as many parameters as the text has; NULL if that is none. */
static Oid *types_of(const char *text, const struct db_value *args, int count, int *ret_count)
{
    bool *there = mem_alloc((size_t)count * sizeof *there + 1);
    memset(there, 0, (size_t)count * sizeof *there);
    int n = find_args(text, there, count);
    Oid *types = n ? mem_alloc((size_t)n * sizeof *types) : NULL;
    for (int i = 0; i < n; i++) /* what is not there has no type to be found */
        types[i] = there[i] ? type_of(&args[i]) : OID_TEXT;
    free(there);
    *ret_count = n;
    return types;
}

static int let_go(struct link *l, const struct statement *s, struct err *e)
{
    char text[NAME_SIZE + 20];
    if (!s->number || s->generation != link_generation(l))
        return 0;
    (void)snprintf(text, sizeof text, "DEALLOCATE s%llu", (unsigned long long)s->number);
    return link_plain(l, text, NULL, e);
}

static int prepare(struct pg_statements *all, struct link *l, const struct stmt *st, struct statement *s,
                   const struct db_value *args, int count, struct err *e)
{
    char name[NAME_SIZE];
    int rc = let_go(l, s, e);
    if (rc < 0)
        return rc;
    forget(s);
    s->text = st->text;
    s->types = types_of(st->text, args, count, &s->count);
    s->number = ++all->number;
    s->generation = link_generation(l);
    (void)snprintf(name, sizeof name, "s%llu", (unsigned long long)s->number);
    return link_prepare(l, name, s->text, s->count, s->types, e);
}

uint64_t pg_statements_number(const struct pg_statements *all)
{
    return all->number;
}

void pg_statements_keep(struct pg_statements *all, uint64_t number)
{
    all->kept = number > all->kept ? number : all->kept;
}

void pg_statements_doubt(struct pg_statements *all)
{
    for (int i = 0; i < CACHE_SIZE; i++)
        if (all->all[i].number > all->kept)
            forget(&all->all[i]);
}

/* --- sending --- */

static void make_room(struct pg_statements *all, int count)
{
    if (count <= all->room)
        return;
    free(all->values);
    free(all->lengths);
    free(all->formats);
    free(all->sent);
    all->room = count + 16;
    size_t n = (size_t)all->room;
    all->values = mem_alloc(n * sizeof *all->values);
    all->lengths = mem_alloc(n * sizeof *all->lengths);
    all->formats = mem_alloc(n * sizeof *all->formats);
    all->sent = mem_alloc(n * sizeof *all->sent);
}

static int bind_bytes(struct pg_statements *all, int i, const struct db_value *v, struct err *e)
{
    if (v->type == DB_TEXT && v->len && memchr(v->bytes, '\0', v->len))
        return err_set(e, ERR_BAD_VALUE, "a text has a NUL character, which cannot be stored");
    all->values[i] = v->len ? v->bytes : "";
    all->lengths[i] = (int)v->len;
    all->formats[i] = 1;
    return 0;
}

static void bind_number(struct pg_statements *all, int i, const struct db_value *v, Oid type)
{
    union sent *to = &all->sent[i];
    uint64_t bits;
    bool integer = v->type == DB_INT;
    all->values[i] = to->text;
    all->formats[i] = type == (integer ? OID_INT8 : OID_FLOAT8);
    if (!all->formats[i]) {
        if (integer)
            (void)snprintf(to->text, sizeof to->text, "%lld", (long long)v->integer);
        else
            (void)snprintf(to->text, sizeof to->text, "%.17g", v->real);
        return;
    }
    memcpy(&bits, integer ? (const void *)&v->integer : (const void *)&v->real, sizeof bits);
    bits = htobe64(bits);
    memcpy(to->text, &bits, sizeof bits);
    all->lengths[i] = sizeof bits;
}

static int bind(struct pg_statements *all, int i, const struct db_value *v, Oid type, struct err *e)
{
    switch (v->type) {
    case DB_INT:
    case DB_REAL:
        bind_number(all, i, v, type);
        return 0;
    case DB_TEXT:
    case DB_BLOB:
        return bind_bytes(all, i, v, e);
    case DB_NULL:
        break;
    }
    all->values[i] = NULL;
    all->lengths[i] = all->formats[i] = 0;
    return 0;
}

static int bind_all(struct pg_statements *all, const struct db_value *args, int count, const Oid *types,
                    struct err *e)
{
    int rc = 0;
    make_room(all, count);
    for (int i = 0; rc == 0 && i < count; i++)
        rc = bind(all, i, &args[i], types[i], e);
    return rc;
}

static int send_once(struct pg_statements *all, struct link *l, const struct stmt *st,
                     const struct db_value *args, int count, struct link_rows *rows, struct err *e)
{
    int n;
    Oid *types = types_of(st->text, args, count, &n);
    int rc = bind_all(all, args, n, types, e);
    if (rc == 0)
        rc = link_once(l, st->text, n, types, all->values, all->lengths, all->formats, rows, e);
    free(types);
    return rc;
}

int pg_statements_send(struct pg_statements *all, struct link *l, const struct stmt *st,
                       const struct db_value *args, int count, struct link_rows *rows, struct err *e)
{
    char name[NAME_SIZE];
    bool known;
    int rc = 0;
    if (st->dynamic)
        return send_once(all, l, st, args, count, rows, e);
    struct statement *s = find(all, st, &known);
    if (!known || !s->number || s->generation != link_generation(l))
        rc = prepare(all, l, st, s, args, count, e);
    s->used = ++all->ticks;
    if (rc == 0)
        rc = bind_all(all, args, s->count, s->types, e);
    if (rc < 0)
        return rc;
    (void)snprintf(name, sizeof name, "s%llu", (unsigned long long)s->number);
    return link_execute(l, name, s->count, all->values, all->lengths, all->formats, rows, e);
}

/* --- columns --- */

static uint64_t big_endian(const char *p, int len)
{
    uint64_t v = 0;
    for (int i = 0; i < len; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

enum db_type pg_type(const PGresult *r, int row, int column)
{
    if (PQgetisnull(r, row, column))
        return DB_NULL;
    switch (PQftype(r, column)) {
    case OID_BOOL:
    case OID_INT8:
    case OID_INT2:
    case OID_INT4:
    case OID_OID:
    case OID_NUMERIC:
        return DB_INT;
    case OID_FLOAT4:
    case OID_FLOAT8:
        return DB_REAL;
    case OID_BYTEA:
        return DB_BLOB;
    default:
        return DB_TEXT;
    }
}

/* A sum of integers: groups of four digits, the first worth 10000 to the power of `weight`. */
static int64_t numeric(const char *p)
{
    int groups = (int)big_endian(p, 2);
    int weight = (int16_t)big_endian(p + 2, 2);
    bool negative = big_endian(p + 4, 2) != 0;
    int64_t v = 0;
    for (int i = 0; i <= weight; i++)
        v = v * 10000 + (i < groups ? (int64_t)big_endian(p + 8 + (size_t)2 * (size_t)i, 2) : 0);
    return negative ? -v : v;
}

int64_t pg_int(const PGresult *r, int row, int column)
{
    const char *p = PQgetvalue(r, row, column);
    if (PQgetisnull(r, row, column))
        return 0;
    switch (PQftype(r, column)) {
    case OID_BOOL:
        return *p;
    case OID_INT2:
        return (int16_t)big_endian(p, 2);
    case OID_INT4:
        return (int32_t)big_endian(p, 4);
    case OID_OID:
        return (int64_t)big_endian(p, 4);
    case OID_INT8:
        return (int64_t)big_endian(p, 8);
    case OID_NUMERIC:
        return numeric(p);
    case OID_FLOAT4:
    case OID_FLOAT8:
        return (int64_t)pg_real(r, row, column);
    default:
        return strtoll(p, NULL, 10);
    }
}

double pg_real(const PGresult *r, int row, int column)
{
    uint64_t bits;
    double v;
    if (PQgetisnull(r, row, column) || PQftype(r, column) != OID_FLOAT8)
        return PQftype(r, column) == OID_FLOAT8 ? 0 : (double)pg_int(r, row, column);
    bits = big_endian(PQgetvalue(r, row, column), 8);
    memcpy(&v, &bits, sizeof v);
    return v;
}
