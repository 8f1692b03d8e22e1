/* SPDX-License-Identifier: Apache-2.0 */
/* See cors.h. */
#include "http/cors.h"

#include <string.h>
#include <strings.h>

const char cors_exposed[] =
    "Accept-Ranges, Allow, Content-Disposition, Content-Encoding, Content-Range, ETag, Link, "
    "Location, Repr-Digest, Retry-After, WWW-Authenticate, X-Request-Id";

static const char accepted[] =
    "Authorization, Content-Type, Node-Id, X-API-Key, Range, If-None-Match, If-Range, "
    "If-Match, Content-Digest, Repr-Digest, Content-MD5, Content-Disposition, "
    "Ricloud-Await, X-Request-Id";

const char *cors_allow(const char *list, const char *origin)
{
    size_t wanted = strlen(origin);
    for (const char *p = list + strspn(list, ", "); *p; p += strspn(p, ", ")) {
        size_t len = strcspn(p, ", ");
        if (len == 1 && *p == '*')
            return "*";
        if (len == wanted && strncasecmp(p, origin, len) == 0)
            return origin;
        p += len;
    }
    return NULL;
}

void cors_answer_preflight(struct request *rq, const char *methods)
{
    response_empty(rq, 204);
    response_header(rq, "Access-Control-Allow-Methods", methods);
    response_header(rq, "Access-Control-Allow-Headers", accepted);
    response_header(rq, "Access-Control-Max-Age", "86400");
}
