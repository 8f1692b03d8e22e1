/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured logs on standard error, one line each: time level message key=value …
 *
 * Library code returns errors and does not log; the boundary does (http, the background threads, cmd). Values
 * are quoted where they need it, so one event is one line whatever a client sent. Never give it a key, a
 * signature or a query string.
 */
#pragma once

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

bool log_parse_level(const char *name, enum log_level *ret);
void log_set_level(enum log_level level); /* any time, any thread */
bool log_enabled(enum log_level level);

struct log_field {
    const char *key; /* NULL ends the list */
    const char *value;
};

/* log_line(LOG_INFO, "listening", (struct log_field[]){{"address", a}, {0}}) */
void log_line(enum log_level level, const char *message, const struct log_field *fields);
void log_text(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Lines below LOG_WARN are gathered for up to a second; this writes them now. */
void log_flush(void);
