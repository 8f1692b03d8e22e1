/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request as handlers see it, the table of routes that leads to them, and the response that they fill in.
 *
 * A handler is a plain synchronous function. Its route says where it runs: R_READ in the event-loop thread
 * that received it, or where the database may take its time in a reader's thread while the connection sleeps;
 * R_WRITE in the writer's thread, likewise. It returns 0 with rq->response filled in, or an error that its
 * API then renders. A R_WRITE handler may run twice (the transaction was retried), each time with an empty
 * response.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_PATCH,
    HTTP_OPTIONS,
    HTTP_OTHER /* matches no route */
};
extern const char *const http_method_names[HTTP_OTHER + 1];

enum route_mode { R_READ, R_WRITE };
enum route_body { BODY_NONE, BODY_WHOLE, BODY_STREAM };

struct request;
typedef int handler_fn(struct request *rq, struct err *e);

struct route {
    enum http_method method; /* HEAD goes to the GET route, if that is R_READ or open */
    const char *path;        /* whole segments; {} matches one of any content, {#} one of digits */
    enum route_mode mode;
    enum route_body body; /* WHOLE: in rq->body, up to the limit; STREAM: to the sink that `begin` opens */
    unsigned need;        /* what the API's admit checks */
    handler_fn *handle;
    handler_fn *begin; /* of BODY_STREAM: runs like a R_READ handler, before the first byte is read. What it
                        * and `admit` do before they first ask the database may be done twice. */
    /* Of R_WRITE, if set: fills in the response after the commit, in the event loop and outside any
       transaction, so that the writer's time is not spent on it. It cannot fail. */
    void (*render)(struct request *rq);
    bool exact;       /* of an API with trailing_slash: not for this route */
    bool no_database; /* of R_READ: admit and the handler ask for nothing of it: always in the event loop */
    const char *last_place;            /* what errors call the last {} of the path; NULL: nothing */
    const struct operation *operation; /* what it is to those who call it: the API's own */
};

enum { ROUTE_OPEN = 0 }; /* `need` of a route that anybody may call */

bool route_takes(const struct route *r, enum http_method m);

struct api {
    const char *name;
    const char *const *prefixes; /* ends with NULL; "/results" owns /results and /results/… */
    const struct route *routes;
    size_t route_count;
    bool trailing_slash; /* one / at the end of an address is as if it were not there */
    bool as_sent;        /* places and query are not decoded: every byte of its addresses counts */
    bool secret_paths;   /* its addresses open something by themselves: logs show the route instead */
    /* Before anything else, in a read transaction: who asks, and may they. */
    handler_fn *admit;
    /* Renders an error in this API's words; never fails. */
    void (*fail)(struct request *rq, const struct err *e);
    const struct description *description; /* like a route's operation; NULL: it is not described */
};

/* An API and the place of its paths: "", or like "/there", before all of them. */
struct api_mount {
    const struct api *api;
    const char *at;
};

/* Takes a body piece by piece, in the event-loop thread. */
struct sink_ops {
    int (*feed)(void *sink, const void *bytes, size_t len, struct err *e); /* 1: behind, see pause */
    bool (*pause)(void *sink); /* asked while the connection sleeps: true if request_wake will be called */
    bool (*end)(void *sink);   /* while it sleeps; true: done; false: request_wake will be called */
    void (*free)(void *sink);
};

struct header {
    const char *name;
    const char *value;
};

enum { RESPONSE_HEADERS = 16, RESPONSE_LATER = 1 };

struct response {
    int status;
    struct header headers[RESPONSE_HEADERS];
    int header_count;
    int64_t left;      /* bytes that a proxy sends in our place: the body is empty */
    const void *bytes; /* the body: in the request's arena, or static */
    int64_t size;      /* -1: not known yet, then `read_some` gives it */
    int fd;            /* or `size` bytes of this file from `offset` on; -1: none; closed by the server */
    int64_t offset;
    /* or whatever this reads: 0 or an error */
    int (*read)(void *ctx, int64_t offset, void *to, size_t len, struct err *e);
    /* or up to `max` bytes, of what may not be there yet: RESPONSE_LATER; where `size` is not known a
     * *ret_len of 0 is the end */
    int (*read_some)(void *ctx, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e);
    bool (*read_wait)(
        void *ctx); /* after that: true: request_wake will be called; false: there is more already */
    /* Of `read_some`, if set: asked in the event loop before the answer begins, as long as it says
     * RESPONSE_LATER and read_wait has slept; an error takes the place of the answer. */
    int (*read_begin)(void *ctx, struct err *e);
    void (*read_done)(void *ctx); /* always called in the end if set; any thread */
    void *read_ctx;
    /* If set: called once when the answer to anything but a HEAD has ended, in the event loop: how many bytes
     * of its body were sent (of one that broke off none may be told), and whether all were and `to_end`. */
    void (*sent)(void *ctx, int64_t bytes, bool to_end);
    void *sent_ctx;
    bool to_end; /* the last byte of what is represented is among them */
    bool slow;   /* `read` and `read_some` may wait for a database: where there is a thread that may, they are
                  * called there while the connection sleeps; else in an event-loop thread */
};

struct query_pair {
    const char *key;
    const char *value;
    struct query_pair *next;
};

enum { REQUEST_PLACES = 4 };

struct request {
    struct arena arena;
    enum http_method method;
    const char *raw_path;               /* as it was sent, without the query */
    const char *raw_query;              /* NULL: none */
    const char *places[REQUEST_PLACES]; /* what {} and {#} matched; decoded, unless `as_sent`, without NULs */
    struct query_pair *query;
    const char *id;         /* X-Request-Id */
    int64_t content_length; /* -1: chunked */
    bool has_body;
    const char *body; /* BODY_WHOLE */
    size_t body_len;
    void *sink;
    const struct sink_ops *sink_ops;
    const struct api *api;
    const char *mount; /* where that API is: before every path of its own that an answer names */
    const struct route *route;
    const char *allow; /* of a 405 */
    void *session;     /* what `session` in server_hooks gave for the time of a call */
    void *actor;       /* the API's own: who was admitted */
    void *app;         /* ctx of server_hooks */
    void *own;         /* the handlers' own, between begin and handle */
    /* Set by a R_WRITE handler that needs to know how its transaction ended; called once, in the writer's
     * thread. */
    void (*settled)(struct request *rq, int rc);
    /*
     * Set by a R_READ handler that cannot answer yet, instead of a response. Called while the connection
     * sleeps: true: request_wake will be called, and then the handler once more; false: at once.
     */
    bool (*sleep)(struct request *rq);
    /*
     * Set by a R_WRITE handler instead of a response: runs like a R_READ handler when what it wrote is
     * durable, sees it, and may sleep.
     */
    handler_fn *then;
    void (*done)(
        struct request *rq); /* set by a handler: called once at the end of the request, however it ends */
    bool http_1_0;           /* such a client does not know a length that is not known yet */
    struct response response;
};

const char *request_header(struct request *rq, const char *name); /* the first line; NULL: absent */
/* All lines of a field that is a list (RFC 9110 section 5.3), with commas between them; NULL: absent. */
const char *request_header_list(struct request *rq, const char *name);
const char *request_query(struct request *rq, const char *key); /* the first of that name, or NULL */

/* The sink's own thread has caught up or is done. Any thread. */
void request_wake(struct request *rq);
/* While a request sleeps, by whoever will wake it: whether its connection was reset. Before the answer has
 * begun also whether the client sends no more: most of those have left, and the library would close the
 * connections of many of the others when it resumes them. Once it is gone the request is not answered, but
 * ends when it is woken. */
bool request_gone(struct request *rq);

/*
 * For a R_READ handler that would rather answer when something has changed. True: instead of a response, the
 * handler returns 0 and is run once more after the next change of the database, or at `until` (monotonic)
 * at the latest. False: that time has come, or the server is being stopped: it answers what there is.
 */
bool request_wait(struct request *rq, int64_t until);

/* Whether the client has closed the connection, or its half: who is about to do much more for it asks. In a
 * handler. */
bool request_was_left(struct request *rq);

/* A table of query parameters, like base/json.h's of members. */
enum param_kind { PARAM_TEXT, PARAM_INT, PARAM_BOOL, PARAM_TIME };

struct param {
    const char *name;
    enum param_kind kind; /* const char *, int64_t, bool, int64_t microseconds */
    size_t offset;
    int64_t smallest; /* of a text: its length in bytes */
    int64_t largest;
    const char *about;        /* for those who ask what can be sent */
    const char *const *words; /* of a text: the only ones it can be */
    int word_count;
    bool required;
    bool is_list;        /* may stand there again; not for request_params */
    const char *example; /* as `about`; of a text with `words`, of a truth value and a time there is one */
};

/* Unknown, repeated and malformed parameters are errors that name them. Absent ones leave `to` as it is. */
int request_params(struct request *rq, const struct param *params, size_t count, void *to, struct err *e);
int request_no_params(struct request *rq, struct err *e);

void response_header(struct request *rq, const char *name, const char *value); /* both live as long as rq */
void response_bytes(struct request *rq, int status, const char *media_type, const void *bytes, size_t len);
void response_empty(struct request *rq, int status);
