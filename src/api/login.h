/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in by a cookie: for the web page, which speaks the native API. */
#pragma once

#include "api/api.h"

/*
 * Who asks, and whether the route's scopes are there: by a key in any form or, where none is sent, by the
 * cookie. With the cookie alone the request must come from our own page: see login.c.
 */
int login_admit(struct request *rq, struct err *e);
