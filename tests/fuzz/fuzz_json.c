/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON against another reader: both take the same documents and see the same values. Limits of either alone
 * (large numbers and NULs in names there, nesting here) are left out,
 * and so is that a NUL ends the text for the other one.
 */
#include "base/json.h"
#include "fuzz/fuzz.h"
#include "fuzz/reference.h"

#include <string.h>

enum { DEPTH = 200 };

static void compare(const struct json *v, const void *other)
{
    static const enum reference_kind kinds[] = {
        [JSON_NULL] = REF_NULL,     [JSON_BOOL] = REF_BOOL,   [JSON_NUMBER] = REF_NUMBER,
        [JSON_STRING] = REF_STRING, [JSON_ARRAY] = REF_ARRAY, [JSON_OBJECT] = REF_OBJECT};
    size_t n = 0;
    FUZZ_ASSERT(other && reference_kind(other) == kinds[v->type]);
    if (v->type == JSON_BOOL)
        FUZZ_ASSERT(reference_truth(other) == v->truth);
    if (v->type == JSON_STRING) {
        const char *string = reference_string(other, &n);
        FUZZ_ASSERT(n == v->string_len && memcmp(string, v->string, n) == 0);
    }
    if (v->type != JSON_ARRAY && v->type != JSON_OBJECT)
        return;
    for (const struct json *item = v->first; item; item = item->next, n++)
        compare(item, v->type == JSON_ARRAY ? reference_item(other, n) : reference_member(other, item->key));
    FUZZ_ASSERT(n == reference_count(other));
}

static void check_writer(struct arena *a, const struct json *v)
{
    struct json_out out = {.buf = {.arena = a}};
    const struct json *back;
    struct err e;
    if (v->type != JSON_STRING)
        return;
    json_string_len(&out, v->string, v->string_len);
    FUZZ_ASSERT(json_parse(a, out.buf.bytes, out.buf.len, 1, &back, &e) == 0);
    FUZZ_ASSERT(back->string_len == v->string_len && memcmp(back->string, v->string, v->string_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    const struct json *v;
    struct err e;
    bool own_limit;
    int rc = json_parse(&a, (const char *)data, size, DEPTH, &v, &e);
    void *other = reference_load(data, size, false, &own_limit);
    if (rc == 0) {
        FUZZ_ASSERT(v->raw >= (const char *)data && v->raw + v->raw_len <= (const char *)data + size);
        FUZZ_ASSERT(other || own_limit);
        check_writer(&a, v);
        if (other)
            compare(v, other);
    } else {
        FUZZ_ASSERT(rc == ERR_BAD_JSON && e.place == ERR_POINTER);
        FUZZ_ASSERT(!other || strstr(e.detail, "nests deeper") || memchr(data, 0, size));
    }
    reference_free(other);
    arena_free(&a);
    return 0;
}
