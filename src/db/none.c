/* SPDX-License-Identifier: Apache-2.0 */
/* See none.h. */
#include "db/none.h"

static int refuse(struct db *db, const struct stmt *s, const struct db_value *args, int count,
                  struct db_cursor **ret, struct err *e)
{
    (void)args;
    (void)count;
    (void)ret;
    ((struct db_none *)db)->asked = true;
    return err_operator(e, ERR_DB, "the database is not available here", "%s: asked without a database",
                        s->name);
}

static int refuse_to_run(struct db *db, const struct stmt *s, const struct db_value *args, int count,
                         struct err *e)
{
    return refuse(db, s, args, count, NULL, e);
}

static const struct db_ops none_ops = {.name = "none", .query = refuse, .run = refuse_to_run};

void db_none_init(struct db_none *none)
{
    *none = (struct db_none){.db = {.ops = &none_ops, .in_tx = true}};
}
