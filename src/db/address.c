/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the address of a PostgreSQL; see db.h. What libpq does not understand it connects to
 * neither. */
#include "db/db.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

static const char *value_of(const PQconninfoOption *o, const char *name)
{
    for (; o && o->keyword; o++)
        if (strcmp(o->keyword, name) == 0 && o->val)
            return o->val;
    return "";
}

/* A password with a / in it ends up in the port. */
bool db_address_valid(const char *where)
{
    PQconninfoOption *o = PQconninfoParse(where, NULL);
    const char *port = value_of(o, "port");
    bool valid = o && port[strspn(port, "0123456789,")] == '\0';
    PQconninfoFree(o);
    return valid;
}

bool db_address_has_password(const char *where)
{
    PQconninfoOption *o = PQconninfoParse(where, NULL);
    bool has = *value_of(o, "password") || *value_of(o, "sslpassword");
    PQconninfoFree(o);
    return has;
}

void db_address_name(const char *where, char *ret, size_t size)
{
    PQconninfoOption *o = PQconninfoParse(where, NULL);
    const char *port = value_of(o, "port");
    (void)snprintf(ret, size, "postgresql://%s%s%s/%s", value_of(o, "host"), *port ? ":" : "", port,
                   value_of(o, "dbname"));
    PQconninfoFree(o);
}
