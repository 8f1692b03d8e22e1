/* SPDX-License-Identifier: Apache-2.0 */
/* See sign.h. The secrets are read from the database each time, or remembered for some milliseconds
 * (access.h), so that a rotation by another process counts. */
#include "core/sign.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/id.h"
#include "base/text.h"
#include "core/access.h"
#include "core/convert.h"
#include "core/deliver.h"
#include "core/event.h"
#include "core/format.h"
#include "core/result.h"

#include <assert.h>
#include <string.h>

enum {
    VERSION = 1,
    AT_KEY = 1,
    AT_EXPIRY = 9,
    AT_RESULT = 17,
    AT_LINK = AT_RESULT + ID_LEN,
    AT_FORMAT = AT_LINK + ID_LEN,
    LONGEST_FORMAT = 16,
};

static void put_number(unsigned char *to, int64_t v)
{
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)((uint64_t)v >> (56 - 8 * i));
}

static int64_t get_number(const unsigned char *from)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | from[i];
    return (int64_t)v;
}

static const char *signature(struct arena *a, const struct signing_key *key, const char *payload,
                             size_t payload_len, const char *name)
{
    unsigned char mac[DIGEST_SHA256_LEN];
    struct buf text = {.arena = a};
    buf_puts(&text, "resultd link 1\n");
    buf_add(&text, payload, payload_len);
    buf_putc(&text, '/');
    buf_puts(&text, name);
    digest_hmac_sha256(key->secret, sizeof key->secret, text.bytes, text.len, mac);
    return text_base64url(a, mac, sizeof mac);
}

/* Read once for a list of results, not for each; a small GET would spend a tenth of its time on it. */
static int find_signing_key(struct session *s, struct err *e)
{
    if (s->signing)
        return 0;
    struct signing_key *key = arena_alloc(s->arena, sizeof *key);
    if (!access_recall_signing(s, key)) {
        int rc = store_signing_current(s->db, key, e);
        if (rc == 0)
            return err_operator(e, ERR_INTERNAL, "links cannot be signed at the moment",
                                "there is no signing key");
        if (rc < 0)
            return rc;
        access_remember_signing(s, key);
    }
    s->signing = key;
    return 0;
}

int sign_make(struct session *s, const struct result *r, const char *format, int64_t seconds,
              struct sign_link *ret, struct err *e)
{
    unsigned char payload[AT_FORMAT + LONGEST_FORMAT] = {VERSION};
    size_t format_len = strlen(format);
    assert(format_len <= LONGEST_FORMAT); /* the caller offers only formats there are */
    int rc = access_require(s, SCOPE_READ, e);
    if (rc == 0)
        rc = find_signing_key(s, e);
    if (rc < 0)
        return rc;
    char *id = arena_alloc(s->arena, ID_SIZE);
    id_new(id);
    int64_t expires_at = s->now + seconds * CLOCK_SECOND;
    put_number(payload + AT_KEY, s->signing->pk);
    put_number(payload + AT_EXPIRY, expires_at);
    memcpy(payload + AT_RESULT, r->id, ID_LEN);
    memcpy(payload + AT_LINK, id, ID_LEN);
    memcpy(payload + AT_FORMAT, format, format_len); /* NOLINT(bugprone-not-null-terminated-result): bytes */
    const char *text = text_base64url(s->arena, payload, AT_FORMAT + format_len);
    int f = format_of_name(format);
    const char *file =
        f < 0 ? deliver_file_name(s->arena, r) : deliver_file_name_as(s->arena, r, format_words[f].extension);
    const char *name = text_percent(s->arena, file, strlen(file));
    *ret = (struct sign_link){
        .id = id,
        .path = arena_printf(s->arena, SIGN_PREFIX "%s.%s/%s", text,
                             signature(s->arena, s->signing, text, strlen(text), name), name),
        .expires_at = expires_at,
    };
    return 0;
}

/* A link promises what can be had now. */
static int check_format(const struct result *r, const char *format, struct err *e)
{
    int f = format_of_name(format);
    if (f < 0)
        return err_at(
            e, ERR_BAD_VALUE, ERR_POINTER, "/format",
            "the format must be json, ndjson, csv, tsv or xlsx, or left out for the original bytes");
    struct conversion_options o = convert_whole((enum format)f);
    struct err why;
    if (convert_check(r, &o, &why) == 0)
        return 0;
    return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/format", "%s", why.detail);
}

int sign_create(struct session *s, const char *result_id, const char *format, const char *note,
                int64_t seconds, struct sign_link *ret, struct err *e)
{
    struct result *r = NULL;
    int rc = result_get(s, result_id, &r, e);
    if (rc == 0)
        rc = result_require_live(s, r, e);
    if (rc == 0 && *format)
        rc = check_format(r, format, e);
    if (rc == 0)
        rc = sign_make(s, r, format, seconds, ret, e);
    if (rc < 0)
        return rc;
    struct link_row row = {ret->id, r->pk, format, note, s->actor.pk, s->now, ret->expires_at};
    rc = store_link_add(s->db, &row, e);
    return rc < 0 ? rc : event_of_link(s, ret->id, r, e);
}

static int refuse(struct err *e)
{
    return err_set(e, ERR_BAD_SIGNATURE,
                   "the signature of this link is not valid: it was changed or cut short");
}

/* The signature is compared as text: base64url has unused bits at its end that would let one character vary.
 */
static int check_signature(struct session *s, const char *token, const char *name, const unsigned char **ret,
                           size_t *ret_len, struct err *e)
{
    struct signing_key key;
    const char *dot = strchr(token, '.');
    char *payload;
    size_t len;
    if (!dot || !text_unbase64url(s->arena, token, (size_t)(dot - token), &payload, &len) ||
        len < AT_FORMAT || len > AT_FORMAT + LONGEST_FORMAT || payload[0] != VERSION)
        return refuse(e);
    int rc = store_signing_get(s->db, get_number((unsigned char *)payload + AT_KEY), &key, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return refuse(e);
    const char *right = signature(s->arena, &key, token, (size_t)(dot - token), name);
    if (strlen(dot + 1) != strlen(right) || !digest_equal(dot + 1, right, strlen(right)))
        return refuse(e);
    *ret = (unsigned char *)payload;
    *ret_len = len;
    return 0;
}

int sign_verify(struct session *s, const char *token, const char *name, struct result **ret,
                const char **ret_format, struct err *e)
{
    const unsigned char *payload = NULL;
    size_t len = 0;
    int rc = check_signature(s, token, name, &payload, &len, e);
    if (rc < 0)
        return rc;
    int64_t expires_at = get_number(payload + AT_EXPIRY);
    if (expires_at <= s->now) {
        err_set(e, ERR_LINK_EXPIRED,
                "this link has expired; whoever gave it to you can make another with POST "
                "/api/v1/results/%.36s/links",
                payload + AT_RESULT);
        e->at = expires_at;
        return e->code;
    }
    const char *id = arena_copy(s->arena, payload + AT_RESULT, ID_LEN);
    s->until = expires_at;
    *ret_format = arena_copy(s->arena, payload + AT_FORMAT, len - AT_FORMAT);
    rc = store_result_by_id(s->db, s->arena, id, ret, e);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "the result of this link is gone");
    return rc < 0 ? rc : result_require_live(s, *ret, e);
}

int sign_text(struct session *s, const char *purpose, const char *text, size_t len, int64_t *key,
              const char **ret, struct err *e)
{
    unsigned char mac[DIGEST_SHA256_LEN];
    unsigned char own[DIGEST_SHA256_LEN];
    struct signing_key numbered;
    int rc = *key ? store_signing_get(s->db, *key, &numbered, e) : find_signing_key(s, e);
    if (rc < 0)
        return rc;
    if (*key && rc == 0)
        return refuse(e);
    const struct signing_key *k = *key ? &numbered : s->signing;
    /* A key of its own for each purpose, so that nobody can have the server sign a link by another name. */
    digest_hmac_sha256(k->secret, sizeof k->secret, purpose, strlen(purpose), own);
    digest_hmac_sha256(own, sizeof own, text, len, mac);
    *key = k->pk;
    *ret = text_base64url(s->arena, mac, sizeof mac);
    return 0;
}

int sign_rotate(struct session *s, struct err *e)
{
    unsigned char secret[32];
    id_random(secret, sizeof secret);
    int rc = store_signing_retire_all(s->db, s->now, e);
    return rc < 0 ? rc : store_signing_add(s->db, secret, s->now, e);
}

int sign_ensure(struct session *s, struct err *e)
{
    struct signing_key key;
    int rc = store_signing_current(s->db, &key, e);
    return rc == 0 ? sign_rotate(s, e) : (rc < 0 ? rc : 0);
}
