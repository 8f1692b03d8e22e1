/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Playment's API: attachments. The address of a result, as a job shows it, leads to a signed link.
 *
 * "The API will redirect to a signed URL of the attachment": of what is stored here. The address given is
 * never fetched, and no part of it gets into the answer; only the id of the result is taken from it, and only
 * if all around it is as this server writes it. Another server's address is refused even if it looks the
 * same, so that nobody takes the answer for that server's.
 */
#include "api/native.h"
#include "api/playment.h"
#include "base/id.h"
#include "base/text.h"
#include "core/result.h"
#include "core/sign.h"
#include "http/address.h"

#include <string.h>

enum { LINK_SECONDS = 3600 };

static int refuse(struct err *e)
{
    return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "url",
                  "url must be the result of a job of this project, as this server's own API shows it");
}

static bool is_at(const char *text, const struct address_place *other)
{
    struct address_place own;
    return text && address_parse_place(text, strlen(text), &own) && address_same(&own, other);
}

/* What is behind this server's own place in an address: by the name that it is configured to have, that this
 * request used, or that it listens at. NULL: it is another server's. */
static const char *behind_own(struct request *rq, const char *address)
{
    const struct settings *set = core_settings(&api_app(rq)->core);
    struct address_place place;
    struct address_place base;
    const char *rest = NULL;
    const char *below = NULL;
    if (!address_parse(address, &place, &rest))
        return NULL;
    if (*set->base_url && address_parse(api_base_url(rq), &base, &below) && address_same(&base, &place) &&
        strncmp(rest, below, strlen(below)) == 0)
        return rest + strlen(below);
    return is_at(request_header(rq, "Host"), &place) || is_at(set->listen, &place) ? rest : NULL;
}

/* The id in …/api/v1/results/ID/content, and nothing else. */
static const char *id_in(struct request *rq, const char *path)
{
    static const char before[] = NATIVE "/results/";
    if (strncmp(path, before, sizeof before - 1) != 0)
        return NULL;
    path += sizeof before - 1;
    if (strlen(path) <= ID_LEN || strcmp(path + ID_LEN, "/content") != 0)
        return NULL;
    return arena_copy(&rq->arena, path, ID_LEN);
}

/* Everything behind the first url=, decoded: clients append the address as it is, with whatever is in it. */
static int read_address(struct request *rq, const char **ret, struct err *e)
{
    const char *at = rq->raw_query;
    char *text = NULL;
    size_t len = 0;
    while (at && strncmp(at, "url=", 4) != 0) {
        at = strchr(at, '&');
        at = at ? at + 1 : NULL;
    }
    if (!at)
        return err_at(e, ERR_MISSING, ERR_PARAMETER, "url", "the parameter \"url\" is missing");
    if (!text_unpercent(&rq->arena, at + 4, strlen(at + 4), false, &text, &len) || strlen(text) != len)
        return refuse(e);
    *ret = text;
    return 0;
}

static int find_result(struct request *rq, struct result **ret, struct err *e)
{
    const char *address = NULL;
    int rc = read_address(rq, &address, e);
    if (rc < 0)
        return rc;
    const char *path = behind_own(rq, address);
    const char *id = path ? id_in(rq, path) : NULL;
    if (!id)
        return refuse(e);
    rc = result_get(api_session(rq), id, ret, e);
    if (rc == ERR_NOT_FOUND)
        return refuse(e);
    if (rc == 0)
        rc = result_require_live(api_session(rq), *ret, e);
    if (rc < 0)
        err_locate(e, ERR_PARAMETER, "url");
    return rc;
}

int playment_attachment(struct request *rq, struct err *e)
{
    struct json_out j;
    struct sign_link l = {0};
    struct result *r = NULL;
    int rc = find_result(rq, &r, e);
    if (rc == 0)
        rc = sign_make(api_session(rq), r, "", LINK_SECONDS, &l, e);
    if (rc < 0)
        return rc;
    /* Where nobody has said what the server is called, who follows stays with the name that they have used.
     */
    bool named = *core_settings(&api_app(rq)->core)->base_url;
    const char *to = arena_printf(&rq->arena, "%s%s", api_base_url(rq), l.path);
    response_header(rq, "Location", named ? to : l.path);
    playment_begin(&j, rq);
    playment_put(&j, "url", to);
    return playment_send(rq, 302, &j);
}
