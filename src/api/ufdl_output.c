/* SPDX-License-Identifier: Apache-2.0 */
/* UFDL's job-outputs. From the API's document: "Gets the information about a specific job output." */
#include "api/ufdl.h"

#include "core/result.h"

/* "pk, job, name, type, creator, creation_time, deletion_time", in this order. */
void ufdl_put_output(struct json_out *j, const struct result *r)
{
    json_begin_object(j);
    json_key(j, "pk");
    if (r->pk)
        json_int(j, r->pk);
    else
        json_null(j);
    json_key(j, "job");
    json_int(j, r->job_pk);
    json_key(j, "name");
    json_string(j, r->name);
    json_key(j, "type");
    json_string(j, r->type);
    json_key(j, "creator");
    json_int(j, r->creator);
    json_key(j, "creation_time");
    json_time(j, r->created_at);
    json_key(j, "deletion_time");
    json_time(j, r->deleted_at);
    json_end_object(j);
}

static int find(struct request *rq, struct result **ret, struct err *e)
{
    int64_t pk;
    int rc = ufdl_pk(rq, 0, &pk, e);
    return rc < 0 ? rc : result_by_pk(api_session(rq), pk, ret, e);
}

static int send_output(struct request *rq, const struct result *r)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    ufdl_put_output(&j, r);
    return ufdl_send(rq, &j);
}

int ufdl_output_retrieve(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = find(rq, &r, e);
    return rc < 0 ? rc : send_output(rq, r);
}
