/* SPDX-License-Identifier: Apache-2.0 */
/* See ticket.h. A ticket is SIGNING-KEY.PRINCIPAL.SECONDS.MAC: numbers in decimal, seconds since 1970. */
#include "core/ticket.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/text.h"
#include "core/access.h"
#include "core/sign.h"

#include <string.h>

static const char purpose[] = "resultd ticket 1";

enum { NUMBERS = 3, LONGEST = 200, SLACK = 60 };

struct numbers {
    int64_t signing_key, principal, seconds;
};

static int refuse(struct err *e)
{
    return err_set(e, ERR_UNAUTHORIZED,
                   "the session has ended, or its key was changed or revoked: sign in again");
}

/* Over the stored hash, too, which a rotation changes. */
static int sign(struct session *s, const struct principal *p, struct numbers *n, const char **ret,
                struct err *e)
{
    char hash[DIGEST_SHA256_HEX];
    text_hex(p->secret, DIGEST_SHA256_LEN, hash);
    const char *text =
        arena_printf(s->arena, "%lld.%lld.%s", (long long)n->principal, (long long)n->seconds, hash);
    return sign_text(s, purpose, text, strlen(text), &n->signing_key, ret, e);
}

/* A user's secret is another thing, and users have other tokens. */
static int find_key(struct session *s, int64_t pk, struct principal **ret, struct err *e)
{
    int rc = store_principal_by_pk(s->db, s->arena, pk, ret, e);
    if (rc < 0)
        return rc;
    return rc > 0 && (*ret)->public_id && (*ret)->secret_len == DIGEST_SHA256_LEN ? 0 : refuse(e);
}

int ticket_issue(struct session *s, struct ticket *ret, struct err *e)
{
    struct principal *p = NULL;
    const char *mac = NULL;
    int rc = find_key(s, s->actor.pk, &p, e);
    if (rc < 0)
        return rc;
    struct numbers n = {.principal = p->pk,
                        .seconds = s->now / CLOCK_SECOND + core_settings(s->core)->session_ttl};
    if (p->expires_at && p->expires_at / CLOCK_SECOND < n.seconds)
        n.seconds = p->expires_at / CLOCK_SECOND;
    rc = sign(s, p, &n, &mac, e);
    if (rc < 0)
        return rc;
    ret->expires_at = n.seconds * CLOCK_SECOND;
    ret->text = arena_printf(s->arena, "%lld.%lld.%lld.%s", (long long)n.signing_key, (long long)n.principal,
                             (long long)n.seconds, mac);
    return 0;
}

/* Every number in its only form; *ret_mac is what follows them. */
static bool parse(const char *text, struct numbers *ret, const char **ret_mac)
{
    int64_t *const to[NUMBERS] = {&ret->signing_key, &ret->principal, &ret->seconds};
    if (strlen(text) > LONGEST)
        return false;
    for (int i = 0; i < NUMBERS; i++) {
        size_t len = strcspn(text, ".");
        if (!text_uint(text, len, to[i]) || *to[i] == 0 || text[len] != '.')
            return false;
        text += len + 1;
    }
    *ret_mac = text;
    return true;
}

/* Nor is one good for longer than a new one would be: so a shorter session_ttl counts for all, and a clock
 * that was set back revives none for long. The slack is for machines whose clocks differ. */
static bool is_current(const struct session *s, const struct numbers *n)
{
    int64_t now = s->now / CLOCK_SECOND;
    return n->seconds > now && n->seconds - now <= core_settings(s->core)->session_ttl + SLACK;
}

static int verify(struct session *s, struct numbers *n, const char *mac, struct principal **ret,
                  struct err *e)
{
    const char *right = NULL;
    int rc = find_key(s, n->principal, ret, e);
    if (rc == 0)
        rc = sign(s, *ret, n, &right, e);
    if (rc < 0)
        return rc == ERR_BAD_SIGNATURE ? refuse(e) : rc;
    size_t len = strlen(right);
    return strlen(mac) == len && digest_equal(mac, right, len) ? 0 : refuse(e);
}

int ticket_redeem(struct session *s, const char *text, struct ticket *ret, struct err *e)
{
    struct numbers n;
    struct principal *p = NULL;
    const char *mac = NULL;
    if (!parse(text, &n, &mac) || !is_current(s, &n))
        return refuse(e);
    *ret = (struct ticket){text, n.seconds * CLOCK_SECOND};
    /* What is remembered of a ticket is no other credential, whatever its text. */
    const char *credential = arena_printf(s->arena, "%s\n%s", purpose, text);
    if (access_recall(s, credential))
        return 0;
    int rc = verify(s, &n, mac, &p, e);
    if (rc == 0)
        rc = access_assume(s, p, credential, e);
    return rc == ERR_UNAUTHORIZED || rc == ERR_KEY_EXPIRED ? refuse(e) : rc;
}
