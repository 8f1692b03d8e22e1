/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: METHOD-LETTER PATH ? QUERY through the real tables of routes. */
#include "api/api.h"
#include "base/text.h"
#include "fuzz/fuzz.h"
#include "http/target.h"

#include <string.h>

static void check_query(struct arena *a, const char *raw)
{
    struct query_pair *q;
    struct query_pair *again;
    struct err e;
    struct buf b = {.arena = a};
    if (target_parse_query(a, raw, &q, &e) < 0)
        return;
    int n = 0;
    for (struct query_pair *p = q; p; p = p->next, n++) {
        FUZZ_ASSERT(text_is_utf8(p->key, strlen(p->key)) && text_is_utf8(p->value, strlen(p->value)));
        buf_printf(&b, "%s%s=%s", n ? "&" : "", text_percent(a, p->key, strlen(p->key)),
                   text_percent(a, p->value, strlen(p->value)));
    }
    FUZZ_ASSERT(n <= TARGET_PAIRS);
    FUZZ_ASSERT(target_parse_query(a, buf_str(&b), &again, &e) == 0);
    for (; q; q = q->next, again = again->next)
        FUZZ_ASSERT(again && strcmp(q->key, again->key) == 0 && strcmp(q->value, again->value) == 0);
    FUZZ_ASSERT(!again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct api_mount mounts[] = {{&api_native, ""}, {&api_ricloud, "/ric"}, {&api_playment, ""},
                                              {&api_links, ""},  {&api_ops, ""},         {0}};
    struct request rq = {.method = HTTP_OTHER};
    struct err e = {0};
    if (size == 0)
        return 0;
    rq.method = (enum http_method)(data[0] % (HTTP_OTHER + 1));
    char *path = arena_copy(&rq.arena, data + 1, size - 1);
    char *question = strchr(path, '?');
    if (question)
        *question = '\0';
    rq.raw_path = path;
    int rc = target_find(&rq, mounts, &e);
    FUZZ_ASSERT(rq.api && rq.mount);
    FUZZ_ASSERT(rc < 0 || strncmp(path, rq.mount, strlen(rq.mount)) == 0);
    FUZZ_ASSERT(rc < 0 || rq.route);
    FUZZ_ASSERT(rc != ERR_METHOD || rq.allow);
    FUZZ_ASSERT(rc < 0 || !strstr(rq.route->path, "{}") || rq.places[0]);
    for (int i = 0; rc == 0 && i < REQUEST_PLACES && rq.places[i]; i++)
        FUZZ_ASSERT(*rq.places[i] && text_is_utf8(rq.places[i], strlen(rq.places[i])));
    if (question)
        check_query(&rq.arena, question + 1);
    arena_free(&rq.arena);
    return 0;
}
