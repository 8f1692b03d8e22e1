/* SPDX-License-Identifier: Apache-2.0 */
/* See answers.h. Other members may come with any version, these do not go. */
#include "cli/answers.h"

#include <stdbool.h>
#include <string.h>

struct member {
    const char *name; /* NULL: the end */
    enum json_type type;
    size_t length; /* of a text; 0: any */
};

enum { SUM_LENGTH = 64 };

/* The first whose path begins and goes on so counts. */
static const struct answer {
    const char *begins, *holds;
    struct member members[7];
    bool or_none; /* 204 says something, too */
} answers[] = {
    {"/jobs/claim", "", {{"id", JSON_STRING}, {"lease", JSON_STRING}}, true},
    {"/jobs/",
     "/results/",
     {{"id", JSON_STRING},
      {"name", JSON_STRING},
      {"sha256", JSON_STRING, SUM_LENGTH},
      {"size", JSON_NUMBER}}},
    {"/jobs",
     "",
     {{"id", JSON_STRING}, {"pk", JSON_NUMBER}, {"status", JSON_STRING}, {"progress", JSON_NUMBER}}},
    {"/batches", "", {{"id", JSON_STRING}, {"name", JSON_STRING}}},
    {"/results/", "/links", {{"url", JSON_STRING}}},
    {"/results/", "/rows", {{"columns", JSON_ARRAY}, {"rows", JSON_ARRAY}}},
    {"/results",
     "",
     {{"id", JSON_STRING},
      {"pk", JSON_NUMBER},
      {"name", JSON_STRING},
      {"sha256", JSON_STRING, SUM_LENGTH},
      {"size", JSON_NUMBER},
      {"state", JSON_STRING}}},
    {"/keys", "", {{"id", JSON_STRING}, {"name", JSON_STRING}}},
    {"/users", "", {{"pk", JSON_NUMBER}, {"name", JSON_STRING}}},
    {"/usage", "", {{"results", JSON_NUMBER}, {"by_state", JSON_OBJECT}, {"trash", JSON_OBJECT}}},
};

static const struct answer *find(const char *path)
{
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        if (strncmp(path, answers[i].begins, strlen(answers[i].begins)) == 0 &&
            strstr(path, answers[i].holds))
            return &answers[i];
    return NULL;
}

static int lacks(const char *name, struct failure *f)
{
    return failure_set(
        f, FAILURE_DAMAGED,
        "the server's answer has no \"%s\" as it should: is it a resultd, and of this version?", name);
}

static int check_object(const struct answer *a, const struct json *object, struct failure *f)
{
    for (const struct member *m = a->members; m->name; m++) {
        const struct json *value = json_member(object, m->name);
        if (!value || value->type != m->type || (m->length && value->string_len != m->length))
            return lacks(m->name, f);
    }
    return 0;
}

int answers_check(const char *path, const struct json *answer, struct failure *f)
{
    const struct answer *a = find(path);
    const struct json *page = json_member(answer, "data");
    int rc = 0;
    if (!a)
        return 0;
    if (!page)
        return check_object(a, answer, f);
    if (page->type != JSON_ARRAY)
        return lacks("data", f);
    for (const struct json *item = page->first; rc == 0 && item; item = item->next)
        rc = check_object(a, item, f);
    return rc;
}

int answers_check_empty(const char *path, int status, struct failure *f)
{
    const struct answer *a = find(path);
    if (status == 204 && a && a->or_none)
        return 0;
    return failure_set(f, FAILURE_DAMAGED,
                       "the server's answer is empty: is it a resultd, and of this version?");
}
