/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickets: what stands for a key for some hours, where the key itself should not be kept: in a browser. A
 * ticket is signed text; nothing is stored. It names its key and is signed together with what is stored of
 * that key's secret, so one whose key was revoked, rotated or has expired is worth nothing.
 */
#pragma once

#include "core/core.h"

struct ticket {
    const char *text; /* of letters, digits, '.', '-' and '_' */
    int64_t expires_at;
};

/* For the session's actor, which is a key: good for session_ttl, but no longer than the key. */
int ticket_issue(struct session *s, struct ticket *ret, struct err *e);

/* Fills s->actor like access_authenticate. ERR_UNAUTHORIZED. */
int ticket_redeem(struct session *s, const char *text, struct ticket *ret, struct err *e);
