/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a bucket's prefix is: the object PREFIX/resultd-store. See blob.h. */
#include "blob/s3_inside.h"

#include <string.h>

static void call_of(struct s3_call *c, struct s3 *s, const char *method)
{
    s3_call_init(c, s, method, "");
    c->name = arena_printf(&c->arena, "%s" BLOB_OWNER, s->place.prefix);
}

static int read_answer(const struct s3_call *c, struct blob_mark *ret, struct err *e)
{
    if (!blob_mark_parse(c->answer.bytes, c->answer.len, ret))
        return s3_fail(c->s3, e, ERR_STORAGE, "the object %.150s is not as it was made", c->name);
    return 1;
}

int s3_owner(struct blob_store *store, struct blob_mark *ret, struct err *e)
{
    struct s3_call c;
    call_of(&c, (struct s3 *)store, "GET");
    s3_call_run(&c);
    int rc = c.good ? read_answer(&c, ret, e) : s3_call_error(&c, e);
    s3_call_free(&c);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* Somebody else's is there, or on its way there; or it is ours, and only the answer was lost. */
static bool is_taken(const struct s3_call *c)
{
    return c->transfer.outcome == TRANSFER_ANSWERED &&
           (c->transfer.status == 412 || c->transfer.status == 409);
}

int s3_own(struct blob_store *store, const struct blob_mark *mark, bool replace, struct err *e)
{
    char text[BLOB_MARK_SIZE];
    struct s3_call c;
    int rc = 0;
    call_of(&c, (struct s3 *)store, "PUT");
    blob_mark_format(mark, text);
    if (!replace)
        s3_call_header(&c, "if-none-match", "*");
    c.transfer.body = text;
    c.transfer.body_size = (int64_t)strlen(text);
    s3_add_md5(&c, text, strlen(text));
    s3_call_run(&c);
    if (!c.good && (replace || !is_taken(&c)))
        rc = s3_call_error(&c, e);
    s3_call_free(&c);
    return rc;
}
