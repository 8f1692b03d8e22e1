/* SPDX-License-Identifier: Apache-2.0 */
/* See bucket.h. */
#include "core/bucket.h"

#include "base/text.h"
#include "core/making.h"
#include "net/outgoing.h"

#include <string.h>

static bool is_stopping(void *core)
{
    return makings_stopping(((struct core *)core)->makings);
}

static const char *address_of(struct arena *a, const struct bucket *b, const char *region)
{
    const char *endpoint = b->endpoint ? b->endpoint : arena_printf(a, "https://s3.%s.amazonaws.com", region);
    return arena_printf(a, "%s/%s?list-type=2&max-keys=1&prefix=%s", endpoint, b->name,
                        text_percent(a, b->prefix, strlen(b->prefix)));
}

static const char *judge(struct arena *a, int status, const char **ret_sentence)
{
    *ret_sentence = arena_printf(a, "the bucket's server answers with status %d", status);
    switch (status) {
    case 200:
        return NULL;
    case 401:
    case 403:
        return "access-denied";
    case 404:
        return "no-such-bucket";
    default:
        return "unexpected-answer";
    }
}

const char *bucket_test(struct core *core, struct arena *a, const struct bucket *b, const char **ret_sentence)
{
    const char *region = b->region ? b->region : "us-east-1";
    struct outgoing o = {
        .url = address_of(a, b, region),
        .access_key_id = b->access_key_id,
        .secret_access_key = b->secret_access_key,
        .region = region,
        .private_addresses = core_settings(core)->private_endpoints,
        .stop = is_stopping,
        .ctx = core,
    };
    const char *reason = "";
    int status = 0;
    switch (outgoing_get(a, &o, &status, &reason)) {
    case OUTGOING_ANSWERED:
        return judge(a, status, ret_sentence);
    case OUTGOING_REFUSED:
        *ret_sentence = "the endpoint has an address of this machine or of a private network; the setting "
                        "private_endpoints allows these";
        return "address-not-allowed";
    case OUTGOING_FAILED:
        break;
    }
    *ret_sentence = arena_printf(a, "the bucket's server cannot be reached: %s", reason);
    return "connection-failed";
}
