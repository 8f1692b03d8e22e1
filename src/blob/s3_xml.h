/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading S3's answers, which are XML from outside: by expat, without document types, with a bounded depth
 * and bounded texts. No input or output; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { S3_XML_DEPTH = 16, S3_XML_TEXT = 8192 };

/* Each element without elements in it, as it ends: its name, that of the one around it, and its text. */
typedef void s3_xml_leaf_fn(void *ctx, const char *parent, const char *name, const char *text);
/* Each element with elements in it, as it ends. */
typedef void s3_xml_close_fn(void *ctx, const char *name);

/* The name of the root is copied to `ret_root` of `size` bytes. False: it is not well-formed, or too large;
 * what was told so far is to be forgotten. */
bool s3_xml_read(const char *bytes, size_t len, char *ret_root, size_t size, s3_xml_leaf_fn *leaf,
                 s3_xml_close_fn *close, void *ctx);

/* An error, also inside of an answer 200: "" where it says none. */
struct s3_fault {
    char code[64];
    char message[160];
};
bool s3_xml_fault(const char *bytes, size_t len, struct s3_fault *ret); /* false: it is something else */

/* The text of one element below the root; false, and *ret as it was: there is none, it is longer, the root is
 * another, or not all of it is XML. */
bool s3_xml_text(const char *bytes, size_t len, const char *root, const char *name, char *ret, size_t size);

/* Of an answer that says of each object whether it was removed: `fault` is NULL if it was. */
typedef void s3_removed_fn(void *ctx, const char *key, const char *fault);
/* False: it is something else, and what was told is to be forgotten. */
bool s3_xml_removed(const char *bytes, size_t len, s3_removed_fn *each, void *ctx);

/* An entry of a list of objects, of uploads or of parts; what does not apply is "" or 0. */
struct s3_entry {
    char key[1100];
    char upload[512];
    char part[16];
    char etag[160];
    int64_t size;
    int64_t time; /* microseconds since 1970 */
};
/* Where the next page begins; both "" at the end. */
struct s3_page {
    char next[1100], next_upload[512];
};
typedef int s3_entry_fn(void *ctx, const struct s3_entry *entry); /* negative ends it */

/* ListBucketResult, ListMultipartUploadsResult or ListPartsResult. Negative what `each` returned; 1: done;
 * 0: it is none of them. */
int s3_xml_list(const char *bytes, size_t len, s3_entry_fn *each, void *ctx, struct s3_page *ret);
