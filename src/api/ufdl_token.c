/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: `Authorization: Bearer`, or a key in any of the forms that every API takes. */
#include "api/ufdl.h"

#include "core/access.h"

#include <string.h>

int ufdl_admit_bearer(struct request *rq, struct err *e)
{
    const char *key = api_key_of(rq, KEY_BEARER | KEY_HEADER);
    if (!key)
        return err_set(e, ERR_UNAUTHORIZED, "Authentication credentials were not provided.");
    int rc = access_authenticate(api_session(rq), key, e);
    if (rc == ERR_UNAUTHORIZED)
        return err_at(e, ERR_UNAUTHORIZED, ERR_HEADER, "token_not_valid",
                      "Given token not valid for any token type");
    return rc;
}
