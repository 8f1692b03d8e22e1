/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters in, headers out; see request.h. */
#include "http/request.h"

#include "base/clock.h"
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const char *const http_method_names[HTTP_OTHER + 1] = {"GET",    "HEAD",  "POST",    "PUT",
                                                       "DELETE", "PATCH", "OPTIONS", "OTHER"};

/* HEAD must change nothing, which a GET route that writes would; the open ones (/-/ready) change nothing of
 * anybody. */
bool route_takes(const struct route *r, enum http_method m)
{
    return r->method == m ||
           (m == HTTP_HEAD && r->method == HTTP_GET && (r->mode == R_READ || r->need == ROUTE_OPEN));
}

const char *request_query(struct request *rq, const char *key)
{
    for (struct query_pair *p = rq->query; p; p = p->next)
        if (strcmp(p->key, key) == 0)
            return p->value;
    return NULL;
}

static int wrong(const struct param *p, struct err *e, const char *right)
{
    return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, p->name, "the parameter \"%s\" must be %s", p->name,
                  right);
}

static int read_int(const struct param *p, const char *value, int64_t *to, struct err *e)
{
    char right[80];
    int64_t v;
    if (!text_uint(value, strlen(value), &v) || v < p->smallest || v > p->largest) {
        (void)snprintf(right, sizeof right, "a whole number from %lld to %lld", (long long)p->smallest,
                       (long long)p->largest);
        return wrong(p, e, right);
    }
    *to = v;
    return 0;
}

static int read_param(struct request *rq, const struct param *p, const char *value, void *to, struct err *e)
{
    void *at = (char *)to + p->offset;
    int64_t len = (int64_t)strlen(value);
    char right[80];
    switch (p->kind) {
    case PARAM_INT:
        return read_int(p, value, at, e);
    case PARAM_BOOL:
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0 && strcmp(value, "1") != 0 &&
            strcmp(value, "0") != 0)
            return wrong(p, e, "true or false");
        *(bool *)at = *value == 't' || *value == '1';
        return 0;
    case PARAM_TIME:
        if (!clock_parse_rfc3339(value, at))
            return wrong(p, e, "a time like 2026-01-02T03:04:05Z");
        if (*(int64_t *)at == 0) /* which stands for "not given" */
            *(int64_t *)at = 1;
        return 0;
    case PARAM_TEXT:
        break;
    }
    if (len < p->smallest || len > p->largest) {
        (void)snprintf(right, sizeof right, "%lld to %lld bytes long", (long long)p->smallest,
                       (long long)p->largest);
        return wrong(p, e, right);
    }
    if (p->word_count && !text_is_choice(p->words, p->word_count, value)) {
        text_choice(p->words, p->word_count, right, sizeof right);
        return wrong(p, e, right);
    }
    *(const char **)at = arena_strdup(&rq->arena, value);
    return 0;
}

static int need_param(struct request *rq, const struct param *p, struct err *e)
{
    return !p->required || request_query(rq, p->name)
               ? 0
               : err_at(e, ERR_MISSING, ERR_PARAMETER, p->name, "the parameter \"%s\" is required", p->name);
}

static const struct param *find_param(const struct param *params, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(params[i].name, name) == 0)
            return &params[i];
    return NULL;
}

int request_params(struct request *rq, const struct param *params, size_t count, void *to, struct err *e)
{
    for (struct query_pair *pair = rq->query; pair; pair = pair->next) {
        const struct param *p = find_param(params, count, pair->key);
        if (!p)
            return err_at(e, ERR_UNKNOWN_PARAM, ERR_PARAMETER, pair->key,
                          "there is no parameter \"%.80s\" here", pair->key);
        if (request_query(rq, pair->key) != pair->value)
            return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, p->name, "the parameter \"%s\" stands twice",
                          p->name);
        int rc = read_param(rq, p, pair->value, to, e);
        if (rc < 0)
            return rc;
    }
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = need_param(rq, &params[i], e);
    return rc;
}

int request_no_params(struct request *rq, struct err *e)
{
    return request_params(rq, NULL, 0, NULL, e);
}

void response_header(struct request *rq, const char *name, const char *value)
{
    struct response *r = &rq->response;
    assert(r->header_count < RESPONSE_HEADERS);
    r->headers[r->header_count++] = (struct header){name, value};
}

void response_bytes(struct request *rq, int status, const char *media_type, const void *bytes, size_t len)
{
    rq->response.status = status;
    rq->response.bytes = bytes;
    rq->response.size = (int64_t)len;
    response_header(rq, "Content-Type", media_type);
}

void response_empty(struct request *rq, int status)
{
    rq->response.status = status;
    rq->response.bytes = "";
    rq->response.size = 0;
}
