/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UFDL's job outputs by the name and type that they have in their job. A node uploads them while it runs the
 * job: from the API's document: "Each job, as a result of its execution, may upload one or more outputs to
 * the server. … Outputs are instead added to job via the add-output action on jobs."
 */
#include "api/received.h"
#include "api/ufdl.h"

#include "core/job.h"
#include "core/result.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/* --- add-output --- */

/* Staff, or the node that has acquired the job; and the job is being worked on. */
static int find_open(struct request *rq, struct job **ret, struct err *e)
{
    struct document *node = NULL;
    int rc = ufdl_node(rq, &node, e);
    if (rc == 0 && !node && !api_session(rq)->actor.staff)
        rc = ufdl_forbidden(e);
    if (rc == 0)
        rc = ufdl_job(rq, ret, e);
    if (rc < 0)
        return rc;
    const struct job *j = *ret;
    assert(j);
    if (!api_session(rq)->actor.staff && !(node && j->holder == node->pk))
        return ufdl_forbidden(e);
    if (j->deleted_at)
        return err_set(e, ERR_WRONG_STATE, "the job is deleted; reinstate it first");
    if (j->status == JOB_QUEUED)
        return err_set(e, ERR_NOT_STARTED, "the job has not been started: outputs are added once it has");
    if (j->status != JOB_RUNNING)
        return err_set(e, ERR_WRONG_STATE, "the job is over: it takes no outputs any more");
    return 0;
}

/* "no filename in Content-Disposition 400" */
static int check_file_name(struct request *rq, struct err *e)
{
    const char *value = request_header(rq, "Content-Disposition");
    const char *name = value ? strcasestr(value, "filename") : NULL;
    name = name ? name + strlen("filename") : "";
    name += *name == '*';
    name += strspn(name, " ");
    if (*name != '=' || !name[1 + strspn(name + 1, " \"")])
        return err_at(e, ERR_MISSING, ERR_HEADER, "Content-Disposition",
                      "Missing filename. Request should include a Content-Disposition header with a "
                      "filename parameter.");
    return 0;
}

static int bad_name(struct request *rq, const char *what, struct err *e)
{
    const char *name = rq->places[1];
    return err_set(e, ERR_BAD_VALUE, "Bad name '%.80s': %s (%.80s/%.80s)", name, what, name, rq->places[2]);
}

int ufdl_add_output_begin(struct request *rq, struct err *e)
{
    struct publish p = {.name = rq->places[1], .type = rq->places[2]};
    struct job *job = NULL;
    int rc = find_open(rq, &job, e);
    if (rc == 0)
        rc = check_file_name(rq, e);
    if (rc < 0)
        return rc;
    p.job = job->id;
    rc = received_begin(rq, &p, e);
    return rc == ERR_TAKEN ? bad_name(rq, "Job already has an output by this name/type", e) : rc;
}

/* The job may have been taken away from the node while the bytes came. */
int ufdl_add_output(struct request *rq, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    const struct received *in = rq->own;
    struct job *job = NULL;
    int rc = find_open(rq, &job, e);
    if (rc == 0)
        rc = received_commit(rq, e);
    if (rc == ERR_TAKEN || (rc == 0 && !in->is_new))
        return bad_name(rq, "Job already has an output by this name/type", e);
    if (rc < 0)
        return rc;
    ufdl_put_output(&j, in->result);
    return ufdl_send(rq, 200, &j);
}

/* --- outputs that are there --- */

static int find(struct request *rq, struct result **ret, struct err *e)
{
    struct job *job = NULL;
    int rc = ufdl_job(rq, &job, e);
    if (rc == 0)
        rc = result_by_name(api_session(rq), job, rq->places[1], rq->places[2], ret, e);
    else
        return rc;
    return rc == ERR_NOT_FOUND ? bad_name(rq, "Job has no output by this name/type", e) : rc;
}

static int send_output(struct request *rq, const struct result *r)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    ufdl_put_output(&j, r);
    return ufdl_send(rq, 200, &j);
}

int ufdl_get_output(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = find(rq, &r, e);
    return rc < 0 ? rc : ufdl_send_bytes(rq, r, NULL, e);
}

int ufdl_get_output_info(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = find(rq, &r, e);
    return rc < 0 ? rc : send_output(rq, r);
}

int ufdl_delete_output(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = find(rq, &r, e);
    if (rc == 0)
        rc = result_delete(api_session(rq), r->id, e);
    if (rc < 0)
        return rc;
    assert(r);
    if (!r->deleted_at)
        r->deleted_at = api_session(rq)->now;
    return send_output(rq, r);
}
