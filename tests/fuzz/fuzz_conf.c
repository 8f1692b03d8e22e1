/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: the input as a file, and, split at its lines, as the arguments of a command. */
#include "base/text.h"
#include "core/settings.h"
#include "fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_ARGUMENTS = 32 };

static void check(const struct settings *s)
{
    struct err e;
    FUZZ_ASSERT(s->sweep_batch >= 1 && s->write_batch_limit >= 1 && s->json_depth_limit >= 1 &&
                s->json_depth_limit <= 1000 && s->inline_limit >= 0 && s->max_result_size >= 1 &&
                s->workers >= 1);
    FUZZ_ASSERT(s->data && *s->data && s->listen && s->base_url);
    (void)settings_check(s, &e);
}

static void read_file(const uint8_t *data, size_t size, struct settings *s, struct arena *a)
{
    struct err e = {0};
    char path[40];
    int fd = memfd_create("conf", MFD_CLOEXEC);
    FUZZ_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int rc = conf_file(&settings_conf, a, path, s, &e);
    FUZZ_ASSERT(rc == 0 ||
                (rc == ERR_BAD_VALUE && strlen(e.detail) < sizeof e.detail && strstr(e.detail, " line ")));
    (void)close(fd);
}

static void read_arguments(char *text, struct settings *s, struct arena *a)
{
    char *argv[MAX_ARGUMENTS + 1] = {NULL};
    struct err e;
    int n = 0;
    for (char *end; text && n < MAX_ARGUMENTS; text = end) {
        end = strchr(text, '\n');
        if (end)
            *end++ = '\0';
        argv[n++] = text;
    }
    for (int at = 0; at < n;) {
        int before = at;
        int rc = conf_argument(&settings_conf, a, argv, &at, s, &e);
        FUZZ_ASSERT(rc > 0 ? at > before && at <= n : at == before);
        if (rc <= 0)
            at++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct settings s;
    struct err e;
    FUZZ_ASSERT(conf_defaults(&settings_conf, &a, &s, &e) == 0);
    read_file(data, size, &s, &a);
    check(&s);
    read_arguments(arena_copy(&a, data, size), &s, &a);
    check(&s);
    arena_free(&a);
    return 0;
}
