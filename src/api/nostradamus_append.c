/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nostradamus: data for a collection. A form with `file` and `separator` is read as it arrives; the file
 * becomes the result of a job that is completed with it, and the job's id is what the client may poll.
 */
#include "api/nostradamus.h"

#include "base/json.h"
#include "core/document.h"
#include "core/name.h"
#include "core/publish.h"
#include "core/upload.h"
#include "http/multipart.h"

#include <string.h>
#include <strings.h>

enum { LONGEST_SEPARATOR = 8 };

enum field { FIELD_OTHER, FIELD_FILE, FIELD_SEPARATOR };

struct append {
    struct request *rq;
    struct multipart *form;
    struct publish publish;
    struct upload *upload; /* once the file has begun */
    enum field field;      /* that is being read */
    char separator[LONGEST_SEPARATOR + 1];
    size_t separator_len;
    struct result *result; /* once it is there */
    bool is_new;
};

/* --- the parts of the form --- */

/* One character, or a word for the tab: as a media type says it. NULL: neither. */
static const char *delimiter_of(const char *separator)
{
    if (strcmp(separator, "\t") == 0 || strcmp(separator, "\\t") == 0 || strcasecmp(separator, "tab") == 0)
        return "tab";
    bool good = *separator >= ' ' && *separator < 0x7F && *separator != '"' && separator[1] == '\0';
    return good ? separator : NULL;
}

/* Without a path: old browsers send it. */
static const char *base_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *backslash = strrchr(name, '\\');
    const char *last = slash > backslash ? slash : backslash;
    return last ? last + 1 : name;
}

/* The file is CSV by contract; what browsers and libraries take for its type often says something else, or
 * nothing. */
static const char *type_of(struct append *a, const char *sent)
{
    static const char *const vague[] = {"application/octet-stream", "text/plain", "application/vnd.ms-excel"};
    for (size_t i = 0; sent && i < API_COUNT(vague); i++)
        if (strncasecmp(sent, vague[i], strlen(vague[i])) == 0)
            sent = NULL;
    if (!sent)
        sent = "text/csv";
    return a->separator_len && strcasecmp(sent, "text/csv") == 0
               ? arena_printf(&a->rq->arena, "text/csv; delimiter=\"%s\"", delimiter_of(a->separator))
               : sent;
}

static int begin_file(struct append *a, const struct multipart_part *part, struct err *e)
{
    struct publish *p = &a->publish;
    struct table_kind kind;
    if (a->upload)
        return err_set(e, ERR_BAD_VALUE, "the form has more than one field \"file\"");
    p->name = part->file_name && *base_name(part->file_name) ? base_name(part->file_name) : "data.csv";
    p->media_type = type_of(a, part->media_type);
    int rc = name_check(p->name, "the name of the file", e);
    if (rc == 0)
        rc = name_check_text(p->media_type, "the Content-Type of the file", e);
    if (rc < 0)
        return rc;
    struct upload_goal goal = publish_goal(p);
    bool is_candidate = table_guess(p->media_type, NULL, p->name, &kind);
    a->upload = upload_new(&api_app(a->rq)->core, -1, is_candidate ? &kind : NULL, &goal, api_wake, a->rq);
    return 0;
}

static int begin_part(void *ctx, const struct multipart_part *part, struct err *e)
{
    struct append *a = ctx;
    a->field = strcmp(part->name, "file") == 0        ? FIELD_FILE
               : strcmp(part->name, "separator") == 0 ? FIELD_SEPARATOR
                                                      : FIELD_OTHER;
    if (a->field == FIELD_SEPARATOR)
        a->separator_len = 0;
    return a->field == FIELD_FILE ? begin_file(a, part, e) : 0;
}

static int take_bytes(void *ctx, const void *bytes, size_t len, struct err *e)
{
    struct append *a = ctx;
    if (a->field == FIELD_FILE)
        return upload_feed(a->upload, bytes, len, e);
    if (a->field == FIELD_SEPARATOR) { /* what is too long is wrong with its first bytes, too */
        size_t room = LONGEST_SEPARATOR - a->separator_len;
        memcpy(a->separator + a->separator_len, bytes, len < room ? len : room);
        a->separator_len += len < room ? len : room;
    }
    return 0;
}

static int end_part(void *ctx, struct err *e)
{
    struct append *a = ctx;
    if (a->field != FIELD_SEPARATOR)
        return 0;
    a->separator[a->separator_len] = '\0';
    if (a->separator_len && !delimiter_of(a->separator))
        return err_set(e, ERR_BAD_VALUE, "the separator must be one character, or the word tab");
    return 0;
}

/* --- the sink --- */

static int feed(void *sink, const void *bytes, size_t len, struct err *e)
{
    return multipart_feed(((struct append *)sink)->form, bytes, len, e);
}

static bool pause_upload(void *sink)
{
    struct append *a = sink;
    return a->upload && upload_pause(a->upload);
}

static bool end(void *sink)
{
    struct append *a = sink;
    return !a->upload || upload_end(a->upload);
}

static void free_upload(void *sink)
{
    upload_free(((struct append *)sink)->upload);
}

static const struct sink_ops append_sink = {feed, pause_upload, end, free_upload};

/* --- the request --- */

static int check_target(struct request *rq, struct err *e)
{
    struct document *d = NULL;
    int rc = document_get(api_session(rq), NOSTRADAMUS_COLLECTION, rq->places[0], &d, e);
    if (rc == ERR_NOT_FOUND)
        return err_set(e, ERR_NOT_FOUND, "there is no such collection");
    return rc < 0 ? rc : name_check_text(rq->places[1], "the type of the data", e);
}

/* The file is smaller than its form by an amount that only the form can tell. */
static int64_t smallest_file(const struct request *rq)
{
    return rq->content_length > MULTIPART_HEADER ? rq->content_length - MULTIPART_HEADER : 0;
}

int nostradamus_append_begin(struct request *rq, struct err *e)
{
    static const struct multipart_ops parts = {begin_part, take_bytes, end_part};
    struct append *a = arena_alloc(&rq->arena, sizeof *a);
    a->rq = rq;
    a->publish = (struct publish){
        .kind = "append",
        .name = "data.csv",
        .type = rq->places[1],
        .media_type = "text/csv",
        .primary = true,
        .content_length = smallest_file(rq),
    };
    int rc = check_target(rq, e);
    if (rc == 0)
        rc = multipart_new(&rq->arena, request_header(rq, "Content-Type"), &parts, a, &a->form, e);
    if (rc == 0)
        rc = publish_prepare(api_session(rq), &a->publish, e);
    if (rc < 0)
        return rc;
    rq->own = a;
    rq->sink = a;
    rq->sink_ops = &append_sink;
    return 0;
}

static void settled(struct request *rq, int rc)
{
    struct append *a = rq->own;
    if (a->upload)
        api_settle_upload(rq, a->upload, a->is_new, rc);
}

static void put_request(struct json_out *j, const struct append *a)
{
    json_key(j, "collectionId");
    json_string(j, a->rq->places[0]);
    json_key(j, "dataType");
    json_string(j, a->rq->places[1]);
    json_key(j, "separator");
    json_string(j, a->separator_len ? a->separator : NULL);
}

static const char *input_of(const struct append *a)
{
    struct json_out j = {.buf = {.arena = &a->rq->arena}};
    json_begin_object(&j);
    put_request(&j, a);
    json_end_object(&j);
    return buf_str(&j.buf);
}

static int send_request(struct request *rq, const struct append *a)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    json_key(&j, "id");
    json_string(&j, a->result->job_id);
    json_key(&j, "status");
    json_string(&j, "completed");
    put_request(&j, a);
    json_end_object(&j);
    return api_send_json(rq, 201, &j);
}

int nostradamus_append(struct request *rq, struct err *e)
{
    struct append *a = rq->own;
    const struct upload_result *bytes = NULL;
    rq->settled = settled;
    int rc = multipart_finish(a->form, e);
    if (rc == 0 && !a->upload)
        rc = err_set(e, ERR_MISSING, "the form needs a field \"file\"");
    if (rc == 0)
        rc = upload_finished(a->upload, &bytes, e);
    if (rc < 0)
        return rc;
    a->publish.input = input_of(a);
    rc = publish_commit(api_session(rq), &a->publish, bytes, &a->result, &a->is_new, e);
    return rc < 0 ? rc : send_request(rq, a);
}
