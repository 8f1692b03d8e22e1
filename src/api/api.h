/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all APIs share: the application behind the handlers, and how a request becomes a session of core.
 *
 * An API is a table of routes, an `admit` and a `fail`. Its handlers parse, make one or two calls of core,
 * and render in the words of that API; they decide nothing.
 */
#pragma once

#include "core/core.h"
#include "core/readers.h"
#include "core/writer.h"
#include "http/metrics.h"
#include "http/request.h"

struct executor;
struct upload;

/* The process, as handlers see it; made by cmd_serve. */
struct replica;
struct tls;

struct app {
    struct core core;
    struct writer *writer;
    struct readers *readers; /* NULL: reads stay in the event loops */
    struct replica *replica; /* NULL: there is none */
    struct metrics *metrics;
    struct tls *tls;           /* NULL: clients do not speak TLS */
    struct executor *executor; /* cmd's own: where handlers run */
    struct docs *docs;
    int64_t started_at;
};

extern const struct api api_native, api_docs, api_ops, api_links, api_login, api_playment, api_ricloud,
    api_nostradamus, api_datafiniti, api_ufdl;

/* Valid inside a handler, begin or admit. */
static inline struct session *api_session(struct request *rq)
{
    return rq->session;
}

static inline struct app *api_app(struct request *rq)
{
    return rq->app;
}

/* The key that a request carries in any of the forms that `forms` allows, or NULL. */
enum key_form {
    KEY_BEARER = 1,
    KEY_TOKEN = 2,
    KEY_BASIC = 4,
    KEY_HEADER = 8,
    KEY_SESSION = 16, /* these two are login.c's: a cookie, and the field that goes with it */
    KEY_PAGE = 32,
};
const char *api_key_of(struct request *rq, unsigned forms);

enum { KEY_ANY = KEY_BEARER | KEY_TOKEN | KEY_BASIC | KEY_HEADER };

/* Keeps who was found to ask: s->actor as rq->actor. */
void api_keep_actor(struct request *rq);

/* Authenticates by such a key, checks the route's scopes, sets rq->actor and the session's actor. */
int api_admit_key(struct request *rq, unsigned forms, struct err *e);

/* "http://host:port", or https: the setting base_url, or the Host that the client itself used, of which the
 * server takes names and addresses only. */
const char *api_base_url(struct request *rq);

/* It has the header field that browsers let no page but ours send along with a cookie; see login.c. */
bool api_names_page(struct request *rq);

/* Sends a result's bytes: a representation with validators and ranges. */
int api_send_content(struct request *rq, const struct result *r, struct err *e);

/* The answer is a download of that result: what is sent of it is counted, unless our page asks for it by a
 * cookie to show it itself (Resultd-Page: 1). */
void api_count_download(struct request *rq, const struct result *r);

struct representation;
struct blob;
/* Sets where a representation's bytes come from: a descriptor, or what is fetched while the request sleeps.
 * `b` is taken over, of which the length is known. */
void api_source(struct request *rq, struct blob *b, struct representation *ret);
/* The same of the blob of that key, which a proxy may send where it has proved itself. */
void api_source_of(struct request *rq, struct blob *b, const char *key, struct representation *ret);
/* Makes all of it the body of the response, whose size is set. */
void api_send_blob(struct request *rq, struct blob *b);

/*
 * For `settled` of a request that published an upload: a file whose transaction failed in a way that leaves
 * open whether it took place stays. If there is no row, it is an orphan that the sweeper takes; if there is
 * one, the row must not be without it.
 */
void api_settle_upload(struct request *rq, struct upload *u, bool is_new, int rc);

/* request_wake for those who know a request as a void *. Any thread. */
void api_wake(void *rq);
bool api_gone(void *rq); /* request_gone */

struct json;
struct json_out;
struct json_field;

/* The JSON body, whatever its Content-Type; NULL if it is empty and `optional`. */
int api_parse_body(struct request *rq, bool optional, const struct json **ret, struct err *e);
/* The same, of which members at the top that `fields` calls raw keep their text alone. */
int api_parse_fields(struct request *rq, bool optional, const struct json_field *fields, size_t count,
                     const struct json **ret, struct err *e);
/* The JSON body by a table; an absent body is an empty object if `optional`. */
int api_read_body(struct request *rq, bool optional, const struct json_field *fields, size_t count, void *to,
                  struct err *e);
/* The same for clients that send more than is known here. */
int api_read_known(struct request *rq, bool optional, const struct json_field *fields, size_t count, void *to,
                   struct err *e);

int api_send_json(struct request *rq, int status, const struct json_out *j);

#define API_COUNT(array) (sizeof(array) / sizeof((array)[0]))
