/* SPDX-License-Identifier: Apache-2.0 */
/* What resultctl is told by servers and strangers: header fields of answers, names of results. */
#include "base/text.h"
#include "cli/args.h"
#include "cli/http.h"
#include "cli/names.h"
#include "cli/problem.h"
#include "cli/screen.h"
#include "fuzz/fuzz.h"

#include <string.h>

static void try_header(const char *text, size_t size)
{
    struct arena a = {0};
    struct http_request r = {.arena = &a, .answer_length = -1, .answer_of = -1};
    http_note_header(&r, text, size);
    FUZZ_ASSERT(strlen(r.etag) < sizeof r.etag);
    FUZZ_ASSERT(strlen(r.media_type) < sizeof r.media_type);
    FUZZ_ASSERT(strlen(r.digest) == 0 || strlen(r.digest) == 64);
    FUZZ_ASSERT(r.answer_length >= -1 && r.answer_from >= 0 && r.answer_of >= -1 && r.wait >= 0);
    arena_free(&a);
}

static void try_screen(const char *text, int columns)
{
    struct arena a = {0};
    const char *safe = screen_safe(&a, text);
    FUZZ_ASSERT(text_is_utf8(safe, strlen(safe)));
    for (const char *at = safe; *at; at++)
        FUZZ_ASSERT((unsigned char)*at >= 0x20 && *at != 0x7f);
    FUZZ_ASSERT(strcmp(screen_safe(&a, safe), safe) == 0);
    FUZZ_ASSERT(screen_columns(screen_cut(&a, safe, columns)) <= columns);
    arena_free(&a);
}

static void try_name(const char *text, const char *format)
{
    struct arena a = {0};
    struct names given = {.arena = &a};
    const char *name = names_file(&a, text, format);
    FUZZ_ASSERT(*name && strlen(name) <= 255 && *name != '.' && !strchr(name, '/'));
    const char *first = names_take(&given, name);
    const char *second = names_take(&given, name);
    FUZZ_ASSERT(strcmp(first, name) == 0 && strcmp(second, name) != 0 && strlen(second) <= 255);
    (void)names_media_type(text);
    arena_free(&a);
}

static void try_problem(const char *text)
{
    static const struct args_flag flags[] = {{"expires", 'e', ARGS_TIME, 0, "TIME", "", NULL}};
    static const struct command command = {.operands = "ID PART", .flags = flags, .flag_count = 1};
    struct arena a = {0};
    FUZZ_ASSERT(strncmp(problem_in_words(&a, &command, "/expires_in", text, text), "--expires", 9) == 0);
    FUZZ_ASSERT(strcmp(problem_in_words(&a, NULL, "/expires_in", text, text), text) == 0);
    FUZZ_ASSERT(strlen(problem_in_words(&a, &command, text, text, text)) > 0 || !*text);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    int64_t seconds = 0;
    const char *text = arena_copy(&a, data, size);
    try_header(text, size);
    try_screen(text, (int)(size % 90));
    try_name(text, "");
    try_name(text, "csv");
    try_problem(text);
    if (args_time(text, &seconds))
        FUZZ_ASSERT(seconds >= 0 && seconds <= INT64_C(3155760000));
    arena_free(&a);
    return 0;
}
