/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions and exact numbers. Lines: a condition, then up to three texts that cells of its column hold. */
#include "base/json.h"
#include "base/text.h"
#include "fuzz/fuzz.h"
#include "render/select.h"

#include <string.h>

static bool same(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

/* What was parsed says the same again when it is written with its column quoted. */
static void check_again(struct arena *a, const struct where *w)
{
    static const char *const signs[] = {"=", "!=", "<", "<=", ">", ">=", "~"};
    struct buf text = {.arena = a};
    struct where *again;
    struct err e;
    buf_putc(&text, '"');
    for (size_t i = 0; i < w->column_len; i++)
        buf_puts(&text, w->column[i] == '"' ? "\"\"" : (const char[]){w->column[i], '\0'});
    buf_printf(&text, "\"%s%s", signs[w->op], w->value.bytes);
    FUZZ_ASSERT(where_parse(a, buf_str(&text), &again, &e) == 0);
    FUZZ_ASSERT(again->op == w->op && again->value.kind == w->value.kind);
    FUZZ_ASSERT(same(again->column, again->column_len, w->column, w->column_len));
    FUZZ_ASSERT(same(again->value.bytes, again->value.len, w->value.bytes, w->value.len));
}

/* Exactly one of less, equal and greater holds, and the other operators follow from these three. */
static void check_operators(struct where w, const struct cell *cell)
{
    bool holds[WHERE_CONTAINS + 1];
    for (w.op = WHERE_EQ; w.op <= WHERE_CONTAINS; w.op++)
        holds[w.op] = where_holds(&w, cell);
    FUZZ_ASSERT(holds[WHERE_LT] + holds[WHERE_EQ] + holds[WHERE_GT] == 1);
    FUZZ_ASSERT(holds[WHERE_NE] == !holds[WHERE_EQ]);
    FUZZ_ASSERT(holds[WHERE_LE] == !holds[WHERE_GT] && holds[WHERE_GE] == !holds[WHERE_LT]);
    if (same(cell->bytes, cell->len, w.value.bytes, w.value.len))
        FUZZ_ASSERT(holds[WHERE_EQ] && holds[WHERE_CONTAINS]);
}

static void check_condition(struct arena *a, const char *text, const struct cell *cells, int count)
{
    struct where *w;
    struct err e;
    if (where_parse(a, text, &w, &e) < 0) {
        FUZZ_ASSERT(e.code == ERR_BAD_VALUE && e.place == ERR_PARAMETER && !strcmp(e.where, "where"));
        FUZZ_ASSERT(!text_is_utf8(text, strlen(text)) || text_is_utf8(e.detail, strlen(e.detail)));
        return;
    }
    FUZZ_ASSERT(!w->next &&
                decimal_is_number(w->value.bytes, w->value.len) == (w->value.kind == CELL_NUMBER));
    check_again(a, w);
    for (int i = 0; i < count; i++)
        check_operators(*w, &cells[i]);
}

/* The JSON reader knows numbers on its own. */
static bool reader_has_number(struct arena *a, const char *text, size_t len)
{
    const struct json *v;
    struct err e;
    return json_parse(a, text, len, 4, &v, &e) == 0 && v->type == JSON_NUMBER && v->raw_len == len;
}

/* Whether a long double tells it from all others like it: at most 15 digits, an exponent of at most three. */
static bool is_short(const struct cell *n)
{
    const char *end = n->bytes + n->len;
    const char *digits_end = n->bytes;
    while (digits_end < end && (*digits_end | 0x20) != 'e')
        digits_end++;
    return digits_end - n->bytes <= 15 && end - digits_end <= 4;
}

static long double value_of(const struct cell *n)
{
    char text[24] = "";
    memcpy(text, n->bytes, n->len);
    return strtold(text, NULL);
}

static int compare(const struct cell *x, const struct cell *y)
{
    return decimal_compare(x->bytes, x->len, y->bytes, y->len);
}

static void check_pair(const struct cell *x, const struct cell *y)
{
    int order = compare(x, y);
    FUZZ_ASSERT(order >= -1 && order <= 1 && order == -compare(y, x));
    FUZZ_ASSERT(compare(x, x) == 0);
    if (is_short(x) && is_short(y))
        FUZZ_ASSERT(order == (value_of(x) > value_of(y)) - (value_of(x) < value_of(y)));
}

static void check_numbers(const struct cell *n)
{
    check_pair(&n[0], &n[1]);
    check_pair(&n[1], &n[2]);
    check_pair(&n[0], &n[2]);
    for (int i = 0; i < 6; i++) { /* each order of the three */
        const struct cell *x = &n[i % 3];
        const struct cell *y = &n[(i + 1 + i / 3) % 3];
        const struct cell *z = &n[(i + 2 - i / 3) % 3];
        if (compare(x, y) <= 0 && compare(y, z) <= 0)
            FUZZ_ASSERT(compare(x, z) == (compare(x, y) || compare(y, z) ? -1 : 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct cell cells[3];
    char *condition = arena_copy(&a, data, size);
    char *line = strchr(condition, '\n');
    int count = 0;
    int numbers = 0;
    while (line && count < 3) {
        *line++ = '\0';
        char *end = strchr(line, '\n');
        size_t len = end ? (size_t)(end - line) : strlen(line);
        bool number = decimal_is_number(line, len);
        FUZZ_ASSERT(number == reader_has_number(&a, line, len));
        char *exact = arena_alloc(&a, len); /* so that a sanitizer sees a read beyond the end */
        memcpy(exact, line, len);
        cells[count++] = (struct cell){number ? CELL_NUMBER : CELL_TEXT, exact, len};
        numbers += number;
        line = end;
    }
    check_condition(&a, condition, cells, count);
    if (numbers == 3)
        check_numbers(cells);
    arena_free(&a);
    return 0;
}
