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
}

void *reference_load(const void *text, size_t len, bool *ret_own_limit)
{
    json_error_t error;
    if (!jansson.loadb)
        load_library();
    json_t *j = jansson.loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
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

const void *reference_item(const void *value, size_t index)
{
    return jansson.array_get(value, index);
}

const void *reference_member(const void *value, const char *key)
{
    return jansson.object_get(value, key);
}
