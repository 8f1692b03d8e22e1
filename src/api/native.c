/* SPDX-License-Identifier: Apache-2.0 */
/* The native API: its table of routes and its way to say who asks. */
#include "api/native.h"
#include "api/login.h"
#include "api/received.h"

static const char *const prefixes[] = {NATIVE, NULL};

#define IS(name) native_##name, .operation = &native_op_##name

/* clang-format off */
static const struct route routes[] = {
    {HTTP_POST,   NATIVE "/jobs",                    R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  IS(job_create)},
    {HTTP_GET,    NATIVE "/jobs",                    R_READ,  BODY_NONE,   SCOPE_READ,   IS(job_list)},
    {HTTP_POST,   NATIVE "/jobs/claim",              R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  IS(job_claim)},
    {HTTP_GET,    NATIVE "/jobs/{}",                 R_READ,  BODY_NONE,   SCOPE_READ,   IS(job_get)},
    {HTTP_DELETE, NATIVE "/jobs/{}",                 R_WRITE, BODY_NONE,   SCOPE_DELETE, IS(job_delete)},
    {HTTP_GET,    NATIVE "/jobs/{}/archive.zip",     R_READ,  BODY_NONE,   SCOPE_READ,   IS(job_archive)},
    {HTTP_POST,   NATIVE "/jobs/{}/progress",        R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  IS(job_progress)},
    {HTTP_POST,   NATIVE "/jobs/{}/finish",          R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  IS(job_finish)},
    {HTTP_POST,   NATIVE "/jobs/{}/fail",            R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  IS(job_fail)},
    {HTTP_POST,   NATIVE "/jobs/{}/cancel",          R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  IS(job_cancel)},
    {HTTP_POST,   NATIVE "/jobs/{}/restore",         R_WRITE, BODY_NONE,   SCOPE_DELETE, IS(job_restore)},
    {HTTP_PUT,    NATIVE "/jobs/{}/results/{}",      R_WRITE, BODY_STREAM, SCOPE_WRITE,  received_commit,
                  native_upload_begin, native_upload_render, .last_place = "name", .operation = &native_op_upload},
    {HTTP_POST,   NATIVE "/batches",                 R_WRITE, BODY_WHOLE,  SCOPE_WRITE,  IS(batch_create)},
    {HTTP_GET,    NATIVE "/batches",                 R_READ,  BODY_NONE,   SCOPE_READ,   IS(batch_list)},
    {HTTP_GET,    NATIVE "/batches/{}",              R_READ,  BODY_NONE,   SCOPE_READ,   IS(batch_get)},
    {HTTP_GET,    NATIVE "/batches/{}/archive.zip",  R_READ,  BODY_NONE,   SCOPE_READ,   IS(batch_archive)},
    {HTTP_POST,   NATIVE "/results",                 R_WRITE, BODY_STREAM, SCOPE_WRITE,  received_commit,
                  native_publish_begin, native_upload_render, .operation = &native_op_publish},
    {HTTP_GET,    NATIVE "/results",                 R_READ,  BODY_NONE,   SCOPE_READ,   IS(result_list)},
    {HTTP_GET,    NATIVE "/results/{}",              R_READ,  BODY_NONE,   SCOPE_READ,   IS(result_get)},
    {HTTP_DELETE, NATIVE "/results/{}",              R_WRITE, BODY_NONE,   SCOPE_DELETE, IS(result_delete)},
    {HTTP_GET,    NATIVE "/results/{}/content",      R_READ,  BODY_NONE,   SCOPE_READ,   IS(content)},
    {HTTP_GET,    NATIVE "/results/{}/rows",         R_READ,  BODY_NONE,   SCOPE_READ,   IS(rows)},
    {HTTP_POST,   NATIVE "/results/{}/ack",          R_WRITE, BODY_WHOLE,  SCOPE_ACK,    IS(result_ack),
                  .render = native_result_render},
    {HTTP_POST,   NATIVE "/results/{}/restore",      R_WRITE, BODY_NONE,   SCOPE_DELETE, IS(result_restore)},
    {HTTP_PUT,    NATIVE "/results/{}/keep",         R_WRITE, BODY_NONE,   SCOPE_DELETE, IS(result_keep)},
    {HTTP_DELETE, NATIVE "/results/{}/keep",         R_WRITE, BODY_NONE,   SCOPE_DELETE, IS(result_unkeep)},
    {HTTP_POST,   NATIVE "/results/{}/links",        R_WRITE, BODY_WHOLE,  SCOPE_READ,   IS(result_link)},
    {HTTP_POST,   NATIVE "/storages",                R_WRITE, BODY_WHOLE,  SCOPE_ADMIN,  IS(storage_create)},
    {HTTP_GET,    NATIVE "/storages",                R_READ,  BODY_NONE,   SCOPE_ADMIN,  IS(storage_list)},
    {HTTP_GET,    NATIVE "/storages/{}",             R_READ,  BODY_NONE,   SCOPE_ADMIN,  IS(storage_get)},
    {HTTP_PATCH,  NATIVE "/storages/{}",             R_WRITE, BODY_WHOLE,  SCOPE_ADMIN,  IS(storage_change)},
    {HTTP_DELETE, NATIVE "/storages/{}",             R_WRITE, BODY_NONE,   SCOPE_ADMIN,  IS(storage_delete)},
    {HTTP_POST,   NATIVE "/storages/{}/test",        R_READ,  BODY_NONE,   SCOPE_ADMIN,  IS(storage_test)},
    {HTTP_POST,   NATIVE "/keys",                    R_WRITE, BODY_WHOLE,  SCOPE_ADMIN,  IS(key_create)},
    {HTTP_GET,    NATIVE "/keys",                    R_READ,  BODY_NONE,   SCOPE_ADMIN,  IS(key_list)},
    {HTTP_GET,    NATIVE "/keys/{}",                 R_READ,  BODY_NONE,   SCOPE_ADMIN,  IS(key_get)},
    {HTTP_DELETE, NATIVE "/keys/{}",                 R_WRITE, BODY_NONE,   SCOPE_ADMIN,  IS(key_revoke)},
    {HTTP_POST,   NATIVE "/keys/{}/rotate",          R_WRITE, BODY_NONE,   SCOPE_ADMIN,  IS(key_rotate)},
    {HTTP_POST,   NATIVE "/users",                   R_READ,  BODY_WHOLE,  SCOPE_ADMIN,  IS(user_create)},
    {HTTP_GET,    NATIVE "/users",                   R_READ,  BODY_NONE,   SCOPE_ADMIN,  IS(user_list)},
    {HTTP_GET,    NATIVE "/users/{#}",               R_READ,  BODY_NONE,   SCOPE_ADMIN,  IS(user_get)},
    {HTTP_PATCH,  NATIVE "/users/{#}",               R_READ,  BODY_WHOLE,  SCOPE_ADMIN,  IS(user_change)},
    {HTTP_DELETE, NATIVE "/users/{#}",               R_WRITE, BODY_NONE,   SCOPE_ADMIN,  IS(user_delete)},
    {HTTP_GET,    NATIVE "/usage",                   R_READ,  BODY_NONE,   SCOPE_READ,   IS(usage)},
    {HTTP_GET,    NATIVE "/usage/history",           R_READ,  BODY_NONE,   SCOPE_READ,   IS(usage_history)},
    {HTTP_GET,    NATIVE "/usage/expiring",          R_READ,  BODY_NONE,   SCOPE_READ,   IS(usage_expiring)},
    {HTTP_GET,    NATIVE "/openapi.json",            R_READ,  BODY_NONE,   ROUTE_OPEN,   IS(openapi),
                  .no_database = true},
};
/* clang-format on */

const struct api api_native = {
    .name = "native",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = API_COUNT(routes),
    .admit = login_admit,
    .fail = native_fail,
    .description = &native_description,
};
