/* SPDX-License-Identifier: Apache-2.0 */
/* Signed links: /-/d/…, which need no key because the address itself is one. */
#include "api/converted.h"
#include "api/native.h"
#include "core/format.h"
#include "core/sign.h"

static int admit(struct request *rq, struct err *e)
{
    (void)rq;
    (void)e;
    return 0;
}

/* The places are as they were sent (`as_sent`): the signature is over these very bytes. */
static int follow(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    const char *format = "";
    if (rq->raw_query)
        return err_set(e, ERR_BAD_SIGNATURE, "a link takes no parameters");
    int rc = sign_verify(api_session(rq), rq->places[0], rq->places[1], &r, &format, e);
    if (rc < 0)
        return rc;
    if (!*format)
        return api_send_content(rq, r, e);
    struct conversion_options o = convert_whole((enum format)format_of_name(format));
    return converted_send(rq, r, &o, e);
}

/* Who was given a link need not know where the bytes are. */
static void fail(struct request *rq, const struct err *e)
{
    struct err neutral = *e;
    if (e->code == ERR_STORAGE)
        (void)err_operator(&neutral, ERR_STORAGE, "the bytes cannot be read at the moment; try again later",
                           "%s", *e->log ? e->log : e->detail);
    native_fail(rq, &neutral);
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
    .as_sent = true,
    .secret_paths = true,
    .admit = admit,
    .fail = fail,
};
