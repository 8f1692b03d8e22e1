/* SPDX-License-Identifier: Apache-2.0 */
/* See reference.h. With dlopen, since linked in the ordinary way jansson would call our functions of the same
 * names. */
#include "fuzz/reference.h"

#include <dlfcn.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    json_t *(*loadb)(const char *, size_t, size_t, json_error_t *);
    void (*delete)(json_t *);
    const char *(*string_value)(const json_t *);
    size_t (*string_length)(const json_t *);
    size_t (*array_size)(const json_t *);
    json_t *(*array_get)(const json_t *, size_t);
    size_t (*object_size)(const json_t *);
    json_t *(*object_get)(const json_t *, const char *);
    void *(*object_iter)(json_t *);
    void *(*object_iter_next)(json_t *, void *);
    json_t *(*object_iter_value)(void *);
} jansson;

static void find(void *library, const char *name, void *to)
{
    void *symbol = library ? dlsym(library, name) : NULL;
    if (!symbol) {
        (void)fprintf(stderr, "jansson: %s\n", dlerror());
        abort();
    }
    memcpy(to, &symbol, sizeof symbol);
}

static void load_library(void)
{
    void *library = dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);
    find(library, "json_loadb", &jansson.loadb);
    find(library, "json_delete", &jansson.delete);
    find(library, "json_string_value", &jansson.string_value);
    find(library, "json_string_length", &jansson.string_length);
    find(library, "json_array_size", &jansson.array_size);
    find(library, "json_array_get", &jansson.array_get);
    find(library, "json_object_size", &jansson.object_size);
    find(library, "json_object_get", &jansson.object_get);
    find(library, "json_object_iter", &jansson.object_iter);
    find(library, "json_object_iter_next", &jansson.object_iter_next);
    find(library, "json_object_iter_value", &jansson.object_iter_value);
}

void *reference_load(const void *text, size_t len, bool duplicates, bool *ret_own_limit)
{
    json_error_t error;
    if (!jansson.loadb)
        load_library();
    size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | (duplicates ? 0 : JSON_REJECT_DUPLICATES);
    json_t *j = jansson.loadb(text, len, flags, &error);
    enum json_error_code why = j ? json_error_unknown : json_error_code(&error);
    *ret_own_limit = !j && (why == json_error_numeric_overflow || why == json_error_null_byte_in_key);
    return j;
}

void reference_free(void *value)
{
    if (value)
        jansson.delete(value);
}

enum reference_kind reference_kind(const void *value)
{
    switch (json_typeof((const json_t *)value)) {
    case JSON_OBJECT:
        return REF_OBJECT;
    case JSON_ARRAY:
        return REF_ARRAY;
    case JSON_STRING:
        return REF_STRING;
    case JSON_INTEGER:
    case JSON_REAL:
        return REF_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return REF_BOOL;
    case JSON_NULL:
        break;
    }
    return REF_NULL;
}

bool reference_truth(const void *value)
{
    return json_typeof((const json_t *)value) == JSON_TRUE;
}

const char *reference_string(const void *value, size_t *ret_len)
{
    *ret_len = jansson.string_length(value);
    return jansson.string_value(value);
}

size_t reference_count(const void *value)
{
    return reference_kind(value) == REF_ARRAY ? jansson.array_size(value) : jansson.object_size(value);
}

static size_t leaves_of_object(json_t *object)
{
    size_t n = 0;
    for (void *i = jansson.object_iter(object); i; i = jansson.object_iter_next(object, i)) {
        const json_t *member = jansson.object_iter_value(i);
        bool container = json_is_array(member) || json_is_object(member);
        n += container && reference_count(member) ? reference_leaves(member) : 1;
    }
    return n;
}

size_t reference_leaves(const void *value)
{
    json_t *copy;
    size_t n = 0;
    memcpy(&copy, &value, sizeof copy); /* jansson asks for a value that it could change, and does not */
    if (json_is_object(copy))
        return leaves_of_object(copy);
    for (size_t i = 0; i < reference_count(value); i++) {
        const json_t *item = reference_item(value, i);
        bool container = json_is_array(item) || json_is_object(item);
        n += container && reference_count(item) ? reference_leaves(item) : 1;
    }
    return n;
}

const void *reference_item(const void *value, size_t index)
{
    return jansson.array_get(value, index);
}

const void *reference_member(const void *value, const char *key)
{
    return jansson.object_get(value, key);
}
