/* SPDX-License-Identifier: Apache-2.0 */
/* An API, described by its own tables (operation.h): as OpenAPI 3.1 for programs, as a page for people. */
#pragma once

#include "api/operation.h"

/* An API whose routes are its own and those that are described with it. */
struct api describe_whole(struct arena *a, const struct api *api);

/* The whole document. `server` is the address that its paths go on from; a relative one begins at the
 * document's own. */
void describe_openapi(struct json_out *j, const struct api *api, const char *server);

/* One schema of it; `describe_schema_of` writes a reference where the shape has a name. */
void describe_schema(struct json_out *j, const struct shape *s);
void describe_schema_of(struct json_out *j, const struct shape *s, enum answer_form form);
void describe_param_schema(struct json_out *j, const struct param *p);
void describe_body_schema(struct json_out *j, const struct json_field *fields, size_t count, bool is_open);
void describe_example(struct json_out *j, const struct shape *s, enum answer_form form);

/* All shapes with names that an API's bodies and answers use, each once. Their number. */
enum { DESCRIBE_SHAPES = 64 };
size_t describe_shapes(const struct api *api, const struct shape *ret[DESCRIBE_SHAPES]);

/* The path of a route with the names of its places, without the mount: "/jobs/{id}". */
const char *describe_path(struct arena *a, const struct route *r);

/* What an operation takes in the query, limit and cursor and those of tables included. */
enum { DESCRIBE_PARAMS = 32 };
size_t describe_params(const struct operation *o, struct param ret[DESCRIBE_PARAMS]);

/* What a header field of an answer says. */
const char *describe_header(const char *name);

/* All statuses that refuse an operation, in order. */
enum { DESCRIBE_REFUSALS = 24 };
size_t describe_refusals(const struct api *api, const struct route *r, int ret[DESCRIBE_REFUSALS]);
const char *describe_refusal(const struct api *api, int status);

/* The page of one API, and the one that leads to all; HTML. */
void describe_page(struct buf *b, const struct api *api, const char *mount);
void describe_index(struct buf *b, const struct api_mount *mounts);
void describe_style(struct buf *b); /* CSS of both */
