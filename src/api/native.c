/* SPDX-License-Identifier: Apache-2.0 */
/* The native API: its table of routes and its way to say who asks. */
#include "api/native.h"
#include "api/login.h"
#include "api/received.h"

static const char *const prefixes[] = {NATIVE, NULL};

/* clang-format off */
static const struct route routes[] = {
    {HTTP_POST,   NATIVE "/jobs",                    R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  native_job_create},
    {HTTP_GET,    NATIVE "/jobs",                    R_READ,  BODY_NONE,   SCOPE_READ,   native_job_list},
    {HTTP_POST,   NATIVE "/jobs/claim",              R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  native_job_claim},
    {HTTP_GET,    NATIVE "/jobs/{}",                 R_READ,  BODY_NONE,   SCOPE_READ,   native_job_get},
    {HTTP_DELETE, NATIVE "/jobs/{}",                 R_WRITE, BODY_NONE,   SCOPE_DELETE, native_job_delete},
    {HTTP_GET,    NATIVE "/jobs/{}/archive.zip",     R_READ,  BODY_NONE,   SCOPE_READ,   native_job_archive},
    {HTTP_POST,   NATIVE "/jobs/{}/progress",        R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  native_job_progress},
    {HTTP_POST,   NATIVE "/jobs/{}/finish",          R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  native_job_finish},
    {HTTP_POST,   NATIVE "/jobs/{}/fail",            R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  native_job_fail},
    {HTTP_POST,   NATIVE "/jobs/{}/cancel",          R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  native_job_cancel},
    {HTTP_POST,   NATIVE "/jobs/{}/restore",         R_WRITE, BODY_NONE,   SCOPE_DELETE, native_job_restore},
    {HTTP_PUT,    NATIVE "/jobs/{}/results/{}",      R_WRITE, BODY_STREAM, SCOPE_WRITE,  received_commit,
                  native_upload_begin, native_upload_render, .last_place = "name"},
    {HTTP_POST,   NATIVE "/batches",                 R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  native_batch_create},
    {HTTP_GET,    NATIVE "/batches",                 R_READ,  BODY_NONE,   SCOPE_READ,   native_batch_list},
    {HTTP_GET,    NATIVE "/batches/{}",              R_READ,  BODY_NONE,   SCOPE_READ,   native_batch_get},
    {HTTP_GET,    NATIVE "/batches/{}/archive.zip",  R_READ,  BODY_NONE,   SCOPE_READ,   native_batch_archive},
    {HTTP_POST,   NATIVE "/results",                 R_WRITE, BODY_STREAM, SCOPE_WRITE,  received_commit,
                  native_publish_begin, native_upload_render},
    {HTTP_GET,    NATIVE "/results",                 R_READ,  BODY_NONE,   SCOPE_READ,   native_result_list},
    {HTTP_GET,    NATIVE "/results/{}",              R_READ,  BODY_NONE,   SCOPE_READ,   native_result_get},
    {HTTP_DELETE, NATIVE "/results/{}",              R_WRITE, BODY_NONE,   SCOPE_DELETE, native_result_delete},
    {HTTP_GET,    NATIVE "/results/{}/content",      R_READ,  BODY_NONE,   SCOPE_READ,   native_content},
    {HTTP_GET,    NATIVE "/results/{}/rows",         R_READ,  BODY_NONE,   SCOPE_READ,   native_rows},
    {HTTP_POST,   NATIVE "/results/{}/ack",          R_WRITE, BODY_WHOLE,  SCOPE_ACK,    native_result_ack,
                  NULL, native_result_render},
    {HTTP_POST,   NATIVE "/results/{}/restore",      R_WRITE, BODY_NONE,   SCOPE_DELETE, native_result_restore},
    {HTTP_PUT,    NATIVE "/results/{}/keep",         R_WRITE, BODY_NONE,   SCOPE_DELETE, native_result_keep},
    {HTTP_DELETE, NATIVE "/results/{}/keep",         R_WRITE, BODY_NONE,   SCOPE_DELETE, native_result_unkeep},
    {HTTP_POST,   NATIVE "/results/{}/links",        R_WRITE, BODY_WHOLE,  SCOPE_READ,   native_result_link},
    {HTTP_POST,   NATIVE "/storages",                R_WRITE, BODY_WHOLE,  SCOPE_ADMIN,  native_storage_create},
    {HTTP_GET,    NATIVE "/storages",                R_READ,  BODY_NONE,   SCOPE_ADMIN,  native_storage_list},
    {HTTP_GET,    NATIVE "/storages/{}",             R_READ,  BODY_NONE,   SCOPE_ADMIN,  native_storage_get},
    {HTTP_PATCH,  NATIVE "/storages/{}",             R_WRITE, BODY_WHOLE,  SCOPE_ADMIN,  native_storage_change},
    {HTTP_DELETE, NATIVE "/storages/{}",             R_WRITE, BODY_NONE,   SCOPE_ADMIN,  native_storage_delete},
    {HTTP_POST,   NATIVE "/storages/{}/test",        R_READ,  BODY_NONE,   SCOPE_ADMIN,  native_storage_test},
    {HTTP_POST,   NATIVE "/keys",                    R_WRITE, BODY_WHOLE,  SCOPE_ADMIN,  native_key_create},
    {HTTP_GET,    NATIVE "/keys",                    R_READ,  BODY_NONE,   SCOPE_ADMIN,  native_key_list},
    {HTTP_GET,    NATIVE "/keys/{}",                 R_READ,  BODY_NONE,   SCOPE_ADMIN,  native_key_get},
    {HTTP_DELETE, NATIVE "/keys/{}",                 R_WRITE, BODY_NONE,   SCOPE_ADMIN,  native_key_revoke},
    {HTTP_POST,   NATIVE "/keys/{}/rotate",          R_WRITE, BODY_NONE,   SCOPE_ADMIN,  native_key_rotate},
    {HTTP_POST,   NATIVE "/users",                   R_READ,  BODY_WHOLE,  SCOPE_ADMIN,  native_user_create},
    {HTTP_GET,    NATIVE "/users",                   R_READ,  BODY_NONE,   SCOPE_ADMIN,  native_user_list},
    {HTTP_GET,    NATIVE "/users/{#}",               R_READ,  BODY_NONE,   SCOPE_ADMIN,  native_user_get},
    {HTTP_PATCH,  NATIVE "/users/{#}",               R_READ,  BODY_WHOLE,  SCOPE_ADMIN,  native_user_change},
    {HTTP_DELETE, NATIVE "/users/{#}",               R_WRITE, BODY_NONE,   SCOPE_ADMIN,  native_user_delete},
    {HTTP_GET,    NATIVE "/usage",                   R_READ,  BODY_NONE,   SCOPE_READ,   native_usage},
    {HTTP_GET,    NATIVE "/usage/history",           R_READ,  BODY_NONE,   SCOPE_READ,   native_usage_history},
    {HTTP_GET,    NATIVE "/usage/expiring",          R_READ,  BODY_NONE,   SCOPE_READ,   native_usage_expiring},
};
/* clang-format on */

const struct api api_native = {
    .name = "native",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = API_COUNT(routes),
    .admit = login_admit,
    .fail = native_fail,
};
