/* SPDX-License-Identifier: Apache-2.0 */
/* The native API: its table of routes and its way to say who asks. */
#include "api/native.h"

static int admit(struct request *rq, struct err *e)
{
    return api_admit_key(rq, KEY_BEARER | KEY_TOKEN | KEY_BASIC | KEY_HEADER, e);
}

static const char *const prefixes[] = {NATIVE, NULL};

/* clang-format off */
static const struct route routes[] = {
    {HTTP_POST,   NATIVE "/jobs",                    R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  native_job_create, NULL},
    {HTTP_GET,    NATIVE "/jobs",                    R_READ,  BODY_NONE,   SCOPE_READ,   native_job_list, NULL},
    {HTTP_POST,   NATIVE "/jobs/claim",              R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  native_job_claim, NULL},
    {HTTP_GET,    NATIVE "/jobs/{}",                 R_READ,  BODY_NONE,   SCOPE_READ,   native_job_get, NULL},
    {HTTP_DELETE, NATIVE "/jobs/{}",                 R_WRITE, BODY_NONE,   SCOPE_DELETE, native_job_delete, NULL},
    {HTTP_POST,   NATIVE "/jobs/{}/progress",        R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  native_job_progress, NULL},
    {HTTP_POST,   NATIVE "/jobs/{}/finish",          R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  native_job_finish, NULL},
    {HTTP_POST,   NATIVE "/jobs/{}/fail",            R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  native_job_fail, NULL},
    {HTTP_POST,   NATIVE "/jobs/{}/cancel",          R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  native_job_cancel, NULL},
    {HTTP_POST,   NATIVE "/jobs/{}/restore",         R_WRITE, BODY_NONE,   SCOPE_DELETE, native_job_restore, NULL},
    {HTTP_PUT,    NATIVE "/jobs/{}/results/{}",      R_WRITE, BODY_STREAM, SCOPE_WRITE,  native_upload,
                  native_upload_begin},
    {HTTP_POST,   NATIVE "/batches",                 R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  native_batch_create, NULL},
    {HTTP_GET,    NATIVE "/batches",                 R_READ,  BODY_NONE,   SCOPE_READ,   native_batch_list, NULL},
    {HTTP_GET,    NATIVE "/batches/{}",              R_READ,  BODY_NONE,   SCOPE_READ,   native_batch_get, NULL},
    {HTTP_POST,   NATIVE "/results",                 R_WRITE, BODY_STREAM, SCOPE_WRITE,  native_upload,
                  native_publish_begin},
    {HTTP_GET,    NATIVE "/results",                 R_READ,  BODY_NONE,   SCOPE_READ,   native_result_list, NULL},
    {HTTP_GET,    NATIVE "/results/{}",              R_READ,  BODY_NONE,   SCOPE_READ,   native_result_get, NULL},
    {HTTP_DELETE, NATIVE "/results/{}",              R_WRITE, BODY_NONE,   SCOPE_DELETE, native_result_delete, NULL},
    {HTTP_GET,    NATIVE "/results/{}/content",      R_READ,  BODY_NONE,   SCOPE_READ,   native_content, NULL},
    {HTTP_POST,   NATIVE "/results/{}/ack",          R_WRITE, BODY_WHOLE,  SCOPE_ACK,    native_result_ack, NULL},
    {HTTP_POST,   NATIVE "/results/{}/restore",      R_WRITE, BODY_NONE,   SCOPE_DELETE, native_result_restore, NULL},
    {HTTP_PUT,    NATIVE "/results/{}/keep",         R_WRITE, BODY_NONE,   SCOPE_DELETE, native_result_keep, NULL},
    {HTTP_DELETE, NATIVE "/results/{}/keep",         R_WRITE, BODY_NONE,   SCOPE_DELETE, native_result_unkeep, NULL},
    {HTTP_POST,   NATIVE "/results/{}/links",        R_WRITE, BODY_WHOLE,  SCOPE_READ,   native_result_link, NULL},
    {HTTP_GET,    NATIVE "/usage",                   R_READ,  BODY_NONE,   SCOPE_READ,   native_usage, NULL},
};
/* clang-format on */

const struct api api_native = {
    .name = "native",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = API_COUNT(routes),
    .admit = admit,
    .fail = native_fail,
};
