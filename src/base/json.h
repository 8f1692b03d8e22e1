/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259) in and out.
 *
 * The reader is our own, where jansson would do for most, because job inputs come back exactly as they were
 * sent: jansson turns 1.10 into 1.1 and refuses integers beyond 64 bits. Values here keep the slice of text
 * they were read from. It is strict: no comments, no trailing comma, valid UTF-8 only, no lone surrogate, no
 * duplicate member. tests/fuzz/fuzz_json.c compares it with jansson.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    bool truth;      /* of a bool */
    const char *raw; /* the value's own text, borrowed from the text that was parsed */
    size_t raw_len;
    const char *string; /* of a string: decoded, NUL added; may hold NULs inside */
    size_t string_len;
    const char *key; /* of a member: its decoded name */
    size_t key_len;
    struct json *first; /* of an array or object */
    struct json *next;  /* in the same array or object */
};

/* Parses one whole document. Everything lives in `a`; `text` must live as long. ERR_BAD_JSON tells where. */
int json_parse(struct arena *a, const char *text, size_t len, int max_depth, const struct json **ret,
               struct err *e);

/* What a member of a request may be, and where its value goes in a caller's struct. */
enum json_kind {
    JSON_TO_STRING,  /* const char *: without NULs; smallest and largest are lengths in bytes */
    JSON_TO_INT,     /* int64_t */
    JSON_TO_REAL,    /* double */
    JSON_TO_BOOL,    /* bool */
    JSON_TO_VALUE,   /* const struct json *: anything */
    JSON_TO_OBJECT,  /* const struct json *: an object */
    JSON_TO_STRINGS, /* const struct json *: an array of strings; the bounds count them */
};

struct json_field {
    const char *name;
    enum json_kind kind;
    size_t offset;
    bool required;
    int64_t smallest;
    int64_t largest;
    bool raw; /* of VALUE and OBJECT: only the text is wanted, see json_parse_bounded */
    /* For those who ask what can be sent: */
    const char *about;
    const char *types; /* of VALUE: what its reader takes, "boolean" or "integer null"; NULL: anything */
    const char *const *words; /* of STRING: the only ones it can be; json_read refuses others */
    int word_count;
    const struct json_field
        *members; /* of OBJECT: the table that it is read by; of VALUE: or a text instead */
    size_t member_count;
};

/*
 * The same for what comes from outside: a text of n bytes may make a tree of forty times as many. It has at
 * most `values` values, else ERR_BAD_JSON. Members at the top that `fields` calls raw count as one:
 * they are checked like the rest, but keep nothing but type and text.
 */
struct json_bounds {
    int depth;
    int64_t values;
    const struct json_field *fields;
    size_t field_count;
};
int json_parse_bounded(struct arena *a, const char *text, size_t len, const struct json_bounds *b,
                       const struct json **ret, struct err *e);

/*
 * Reads an object by a table. An absent or null member leaves what is in `to`; an unknown, mistyped or
 * out-of-range one is an error whose pointer names it.
 */
int json_read(const struct json *object, const struct json_field *fields, size_t count, void *to,
              struct err *e);
/* The same, but unknown members are passed over. */
int json_read_known(const struct json *object, const struct json_field *fields, size_t count, void *to,
                    struct err *e);

/* NULL: it has none of this name, or is no object. */
const struct json *json_member(const struct json *object, const char *key);

/* The writer adds commas by itself. It never fails: what it is given must be valid UTF-8. */
struct json_out {
    struct buf buf;
    bool comma;
};

void json_begin_object(struct json_out *j);
void json_end_object(struct json_out *j);
void json_begin_array(struct json_out *j);
void json_end_array(struct json_out *j);
void json_key(struct json_out *j, const char *key);                       /* a key that needs no escape */
void json_put_string(struct json_out *j, const char *key, const char *s); /* a key and its value */
void json_put_int(struct json_out *j, const char *key, int64_t v);
void json_put_bool(struct json_out *j, const char *key, bool v);
void json_string(struct json_out *j, const char *s); /* NULL writes null */
void json_string_len(struct json_out *j, const char *s, size_t len);
void json_int(struct json_out *j, int64_t v);
void json_real(struct json_out *j, double v); /* the shortest text that reads back as v */
void json_bool(struct json_out *j, bool v);
void json_null(struct json_out *j);
void json_raw(struct json_out *j, const char *text, size_t len); /* a whole value, as it is */
void json_time(struct json_out *j, int64_t t);                   /* RFC 3339; 0 writes null */
