/* SPDX-License-Identifier: Apache-2.0 */
/* resultd openapi: the description of an API, without a server. */
#include "cmd/cmd.h"

#include "api/describe.h"

#include <stdio.h>
#include <string.h>

static const struct api *find(const char *name)
{
    static const struct api *const all[] = {&api_native,      &api_ricloud,    &api_playment,
                                            &api_nostradamus, &api_datafiniti, &api_ufdl};
    for (size_t i = 0; i < API_COUNT(all); i++)
        if (all[i]->description && strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

static int run(const struct command *c, int argc, char **argv)
{
    struct cmd_args a;
    struct err e;
    int status = cmd_parse(c, argc, argv, NULL, 0, 1, &a);
    if (status)
        return status < 0 ? 0 : status;
    const struct api *api = find(a.words[0]);
    struct json_out j = {.buf = {.arena = &a.arena}};
    if (api) {
        describe_openapi(&j, api, "/");
        (void)printf("%s\n", buf_str(&j.buf));
    } else {
        (void)err_set(
            &e, ERR_BAD_VALUE,
            "there is no API \"%.60s\"; they are native, ricloud, playment, nostradamus, datafiniti "
            "and ufdl",
            a.words[0]);
        status = cmd_fail(&e);
    }
    cmd_free(&a);
    return status;
}

const struct command cmd_openapi = {
    .name = "openapi",
    .usage = "API",
    .help = "Prints the OpenAPI 3.1 document of native, ricloud, playment, nostradamus, datafiniti or ufdl.",
    .run = run,
};
