/* SPDX-License-Identifier: Apache-2.0 */
/* What an upload says of itself: media type, encoding, name. See table.h. */
#include "core/table.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NO_SOURCE = -1, BY_NAME = -2 };

static const struct {
    const char *media_type;
    int source;
    char delimiter;
} media_types[] = {
    {"application/json", SOURCE_JSON, 0},
    {"text/json", SOURCE_JSON, 0},
    {"application/x-ndjson", SOURCE_NDJSON, 0},
    {"application/ndjson", SOURCE_NDJSON, 0},
    {"application/jsonl", SOURCE_NDJSON, 0},
    {"application/x-jsonlines", SOURCE_NDJSON, 0},
    {"application/jsonlines", SOURCE_NDJSON, 0},
    {"text/csv", SOURCE_CSV, 0},
    {"application/csv", SOURCE_CSV, 0},
    {"text/tab-separated-values", SOURCE_CSV, '\t'},
    /* These say nothing; the last one is what curl sends with --data-binary. */
    {"application/octet-stream", BY_NAME, 0},
    {"binary/octet-stream", BY_NAME, 0},
    {"text/plain", BY_NAME, 0},
    {"application/gzip", BY_NAME, 0},
    {"application/x-gzip", BY_NAME, 0},
    {"application/zstd", BY_NAME, 0},
    {"application/x-www-form-urlencoded", BY_NAME, 0},
};

static const struct {
    const char *extension;
    int source;
    char delimiter;
} extensions[] = {
    {".json", SOURCE_JSON, 0}, {".ndjson", SOURCE_NDJSON, 0}, {".jsonl", SOURCE_NDJSON, 0},
    {".csv", SOURCE_CSV, 0},   {".tsv", SOURCE_CSV, '\t'},
};

static bool same_word(const char *word, const char *s, size_t len)
{
    return strlen(word) == len && strncasecmp(word, s, len) == 0;
}

static bool ends_with(const char *s, size_t len, const char *tail)
{
    size_t n = strlen(tail);
    return len > n && strncasecmp(s + len - n, tail, n) == 0;
}

static enum compression compression_of_name(const char *name)
{
    size_t len = strlen(name);
    if (ends_with(name, len, ".gz"))
        return COMPRESSION_GZIP;
    return ends_with(name, len, ".zst") ? COMPRESSION_ZSTD : COMPRESSION_NONE;
}

static int source_of_name(const char *name, char *ret_delimiter)
{
    static const size_t ends[] = {[COMPRESSION_NONE] = 0, [COMPRESSION_GZIP] = 3, [COMPRESSION_ZSTD] = 4};
    size_t len = strlen(name) - ends[compression_of_name(name)];
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++)
        if (ends_with(name, len, extensions[i].extension)) {
            *ret_delimiter = extensions[i].delimiter;
            return extensions[i].source;
        }
    return NO_SOURCE;
}

static int source_of_media_type(const char *type, size_t len, char *ret_delimiter)
{
    if (len == 0)
        return BY_NAME;
    for (size_t i = 0; i < sizeof media_types / sizeof media_types[0]; i++)
        if (same_word(media_types[i].media_type, type, len)) {
            *ret_delimiter = media_types[i].delimiter;
            return media_types[i].source;
        }
    return ends_with(type, len, "+json") ? SOURCE_JSON : NO_SOURCE;
}

/* The value of a parameter of a media type, quotes removed; NULL: it has none of that name. */
static const char *parameter(const char *media_type, const char *name, size_t *ret_len)
{
    for (const char *p = strchr(media_type, ';'); p; p = strchr(p, ';')) {
        p += 1 + strspn(p + 1, " \t");
        size_t len = strcspn(p, "=; \t");
        if (p[len] != '=' || !same_word(name, p, len))
            continue;
        p += len + 1;
        bool quoted = *p == '"';
        p += quoted;
        *ret_len = strcspn(p, quoted ? "\"" : "; \t");
        return p;
    }
    return NULL;
}

/* Words from outside are repeated only if they are plain ones. */
static void say_unread(struct table_kind *k, const char *what, const char *word, size_t len)
{
    static const char plain[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-._:";
    if (len > 0 && len <= 40 && strspn(word, plain) >= len)
        (void)snprintf(k->unread, sizeof k->unread, "%s %.*s is not read", what, (int)len, word);
    else
        (void)snprintf(k->unread, sizeof k->unread, "this %s is not read", what);
}

static void read_charset(const char *media_type, struct table_kind *k)
{
    static const struct {
        const char *name;
        enum charset charset;
    } names[] = {
        {"utf-8", CHARSET_UTF8},
        {"utf8", CHARSET_UTF8},
        {"us-ascii", CHARSET_UTF8},
        {"utf-16", CHARSET_UTF16},
        {"utf-16le", CHARSET_UTF16},
        {"utf-16be", CHARSET_UTF16},
        {"windows-1252", CHARSET_WINDOWS_1252},
        {"cp1252", CHARSET_WINDOWS_1252},
        {"iso-8859-1", CHARSET_WINDOWS_1252}, /* as every browser takes it */
        {"latin1", CHARSET_WINDOWS_1252},
    };
    size_t len;
    const char *value = parameter(media_type, "charset", &len);
    k->charset = CHARSET_UTF8;
    for (size_t i = 0; value && i < sizeof names / sizeof names[0]; i++)
        if (same_word(names[i].name, value, len)) {
            k->charset = names[i].charset;
            return;
        }
    if (value)
        say_unread(k, "charset", value, len);
}

static void read_encoding(const char *encoding, struct table_kind *k)
{
    size_t len = encoding ? strlen(encoding) : 0;
    k->compression = COMPRESSION_NONE;
    if (len == 0 || same_word("identity", encoding, len))
        return;
    if (same_word("gzip", encoding, len) || same_word("x-gzip", encoding, len))
        k->compression = COMPRESSION_GZIP;
    else if (same_word("zstd", encoding, len))
        k->compression = COMPRESSION_ZSTD;
    else
        say_unread(k, "Content-Encoding", encoding, len);
}

/* One character, or the word tab; anything else says nothing. */
static char read_delimiter(const char *media_type, char otherwise)
{
    size_t len;
    const char *value = parameter(media_type, "delimiter", &len);
    if (value && same_word("tab", value, len))
        return '\t';
    if (value && len == 1 && *value >= ' ' && *value < 0x7F)
        return *value;
    return otherwise;
}

bool table_guess(const char *media_type, const char *content_encoding, const char *name,
                 struct table_kind *ret)
{
    size_t len = strcspn(media_type, "; \t");
    struct table_kind k = {0};
    int source = source_of_media_type(media_type, len, &k.delimiter);
    if (source == BY_NAME)
        source = source_of_name(name, &k.delimiter);
    if (source < 0)
        return false;
    read_charset(media_type, &k);
    read_encoding(content_encoding, &k);
    size_t header_len;
    const char *header = parameter(media_type, "header", &header_len);
    k.header_absent = header && same_word("absent", header, header_len);
    k.source = (enum table_source)source;
    k.named = compression_of_name(name);
    if (source == SOURCE_CSV)
        k.delimiter = read_delimiter(media_type, k.delimiter);
    *ret = k;
    return true;
}
