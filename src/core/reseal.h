/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing anew, by the first key of its file, what the second one sealed (core/secret.h): the database's
 * proof of its key (core/instance.h), secrets of storages, and members of documents whose names begin with an
 * underscore, sealed for the document's kind. Some rows in one write transaction, so that nobody waits long
 * for the writer.
 */
#pragma once

#include "core/core.h"

struct reseal {
    struct secrets *secrets;
    int64_t after_storage, after_document; /* the last that were looked at */
    bool done;
    int64_t resealed;
    int64_t lost; /* that no key opens: left as they are */
};
int reseal_some(struct session *s, struct reseal *r, struct err *e);
