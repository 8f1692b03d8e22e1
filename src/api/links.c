/* SPDX-License-Identifier: Apache-2.0 */
/* Signed links: /-/d/…, which need no key because the address itself is one. */
#include "api/converted.h"
#include "api/native.h"
#include "core/format.h"
#include "core/sign.h"

#include <string.h>

static int admit(struct request *rq, struct err *e)
{
    (void)rq;
    (void)e;
    return 0;
}

/* The segments as they were sent: the signature is over these very bytes. */
static int follow(struct request *rq, struct err *e)
{
    const char *token = rq->raw_path + strlen(SIGN_PREFIX);
    const char *slash = strchr(token, '/');
    struct result *r = NULL;
    const char *format = "";
    if (rq->raw_query)
        return err_set(e, ERR_BAD_SIGNATURE, "a link takes no parameters");
    int rc = sign_verify(api_session(rq), arena_copy(&rq->arena, token, (size_t)(slash - token)), slash + 1,
                         &r, &format, e);
    if (rc < 0)
        return rc;
    if (!*format)
        return api_send_content(rq, r, e);
    struct conversion_options o = convert_whole((enum format)format_of_name(format));
    return converted_send(rq, r, &o, e);
}

static const char *const prefixes[] = {"/-/d", NULL};
static const struct route routes[] = {
    {HTTP_GET, SIGN_PREFIX "{}/{}", R_READ, BODY_NONE, ROUTE_OPEN, follow},
};

const struct api api_links = {
    .name = "links",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = API_COUNT(routes),
    .secret_paths = true,
    .admit = admit,
    .fail = native_fail,
};
