/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptions of all APIs that are served, made once at the start: /api/v1/openapi.json, and under /-/
 * the documents of the others and pages for people. Nothing in them asks for anything from elsewhere.
 */
#pragma once

#include "api/api.h"

struct docs *docs_new(const struct api_mount *mounts); /* never NULL; immutable from then on */
void docs_free(struct docs *d);

/* Answers with the OpenAPI document of the API that the request came to. */
int docs_send_openapi(struct request *rq, struct err *e);
