/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies that become results: what routes of BODY_STREAM have in common that publish what they receive.
 * `received_begin` is for `begin`, `received_commit` for the handler; in between the server feeds the bytes.
 */
#pragma once

#include "api/api.h"
#include "core/publish.h"

/* rq->own, from received_begin on. */
struct received {
    struct publish publish;
    struct upload *upload;
    struct result *result; /* once it is committed */
    bool is_new;           /* else it is what an equal upload made before */
};

/*
 * Reads what the header says of the body (Content-Type, Content-Encoding, lengths and digests) into a copy of
 * `p`, decides whether the body is wanted, and opens the sink for it.
 */
int received_begin(struct request *rq, const struct publish *p, struct err *e);
int received_commit(struct request *rq, struct err *e);
