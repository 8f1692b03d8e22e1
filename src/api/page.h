/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web page: files that the build has bundled and put into the program, or a word that it has not. They
 * are open: what the page shows it asks the native API for, with the session of whoever signed in. No
 * threads, no I/O.
 */
#pragma once

#include "http/request.h"

/* A file of the page; made by tools/page.py. */
struct page_asset {
    const char *name; /* "": the document itself; of others with a hash of what is in them */
    const char *media_type;
    const char *hash; /* of the bytes */
    const unsigned char *gzip;
    size_t gzip_len;
    size_t len; /* not compressed */
};

/* Empty in a build without the page. */
extern const struct page_asset page_assets[];
extern const size_t page_asset_count;

handler_fn page_document; /* GET / */
handler_fn page_file;     /* GET /-/page/{} */
