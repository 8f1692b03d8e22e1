/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a route is to those who call it: what it takes, what it answers, and the sentences that explain it. A
 * route points to its operation; what /api/v1/openapi.json and /-/docs show is made of these
 * (api/describe.h).
 *
 * Nothing stands here that a handler could have otherwise. Query and body of the native API are read by the
 * tables of the operation (api_read), its objects are written by their shapes (shape_put). Where another API
 * writes its answers by hand, the tests hold every answer that they get against the shape of its operation.
 */
#pragma once

#include "api/api.h"
#include "base/json.h"

/* --- what is answered --- */

enum shape_kind {
    SHAPE_TEXT,   /* const char *; NULL writes null */
    SHAPE_CHARS,  /* char[]: a text in the struct itself */
    SHAPE_UUID,   /* const char *, like TEXT */
    SHAPE_URL,    /* const char *, like TEXT */
    SHAPE_TIME,   /* int64_t microseconds; 0 writes null */
    SHAPE_INT,    /* int64_t */
    SHAPE_COUNT,  /* int64_t; a negative one writes null */
    SHAPE_REAL,   /* double */
    SHAPE_BOOL,   /* bool */
    SHAPE_WORD,   /* an enum: index of `words` */
    SHAPE_JSON,   /* const char *: the text of any value; NULL writes null */
    SHAPE_OBJECT, /* `of`; a struct at this place */
};

struct shape;

struct member {
    const char *name;
    enum shape_kind kind;
    size_t offset; /* in the struct that shape_put is given */
    const char *about;
    const char *example; /* JSON */
    bool can_be_null;
    bool can_be_absent;
    bool is_list;
    const char *const *words; /* of a WORD, or the only ones that a TEXT may have */
    int word_count;
    const struct shape *of;            /* of an OBJECT; NULL: one of any members */
    const struct shape *const *either; /* or one of these, which have names; ends with NULL */
    /* Writes the value instead, if set: what is no plain member of the struct. */
    void (*put)(struct json_out *j, struct request *rq, const void *object);
};

struct shape {
    const char *name; /* in the description; NULL: it stands where it is used */
    const char *about;
    const struct member *members;
    size_t count;
    bool is_open;               /* has other members, of which nothing is said */
    const struct shape *others; /* its other members, of any names, are of this shape */
};

/* Writes `object`, a struct that the shape's members are offsets of, as a JSON object. */
void shape_put(struct json_out *j, struct request *rq, const struct shape *s, const void *object);

enum answer_form {
    ANSWER_ONE,  /* the shape; without one there is no body */
    ANSWER_LIST, /* an array of it */
    ANSWER_PAGE, /* {"data": […], "next": …}, see native_page_send */
};

struct answer {
    int status;
    const char *about;
    const struct shape *shape;
    enum answer_form form;
    const char *media_type; /* of bytes, or where it is not application/json */
    const char *headers[8]; /* names, which describe.c explains */
};

/* --- an operation --- */

struct operation {
    const char *id; /* unique in its API: generated clients call their functions by it */
    const char *group;
    const char *summary;
    const char *about;                  /* Markdown; may be NULL */
    const char *places[REQUEST_PLACES]; /* names of what {} and {#} stand for */
    const char *place_examples[REQUEST_PLACES];
    const struct param *params;
    size_t param_count;
    bool asks_key;               /* for anybody's key, by its handler: its route is open */
    bool query_open;             /* passes over what it does not know, and what is repeated */
    bool has_pages;              /* takes `limit` and `cursor`, too */
    const struct param *headers; /* fields of the head that mean something here alone */
    size_t header_count;
    unsigned converts;               /* takes the parameters of tables, too: of enum converted_what */
    const struct json_field *fields; /* of the body */
    size_t field_count;
    const struct shape *body; /* of one that no such table could read */
    bool body_optional;
    bool body_open;         /* other members are passed over */
    const char *body_media; /* of bytes, or of a form that has `fields`; NULL: JSON */
    const char *body_example;
    struct answer answers[4]; /* a refusal stands here, too, if its body is not the API's error */
    int refusals[8];          /* statuses besides those that every operation of the API may have */
};

/* A whole API, where it describes itself. */
struct description {
    const char *title;
    const char *about;  /* Markdown */
    unsigned key_forms; /* of enum key_form */
    const struct api
        *beside; /* described with this one, in its words; where it is does not depend on the mount */
    const char *error_media_type;
    const struct shape *error;
    int always[12]; /* statuses that any operation may refuse with; those about keys only where one is needed
                     */
    struct {
        int status;
        const char *about;
    } refusals[24]; /* what a status of a refusal means here */
};

/*
 * Reads what was sent by the tables of the route's operation: the query into `params`, the body into `body`;
 * either may be NULL where there are no such tables. What they do not know is an error that names it.
 */
int api_read(struct request *rq, void *params, void *body, struct err *e);
