/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing rows and columns of a table, and the exact comparison of numbers that conditions rest on. */
#include "render/select.h"
#include "support/test.h"

#include <string.h>

enum { MOST = 6 };

static struct arena a;
static struct err e;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&a);
    return 0;
}

/* Ascending; those of one line are equal. Put in order by Python's decimal. */
static const char *const ascending[][MOST] = {
    {"-1e999999999999", "-10e999999999998"},
    {"-1e999999999998"},
    {"-12345678901234567890"},
    {"-12345678901234567889.9"},
    {"-1.10", "-1.1", "-11e-1"},
    {"-1", "-0.1e1", "-100E-2"},
    {"-1e-999999999999"},
    {"-1e-1000000000000"},
    {"0", "-0", "0.0", "-0e5", "0e999999999999", "0.000E-7"},
    {"1e-1000000000000", "10e-1000000000001"},
    {"1e-999999999999", "0.001e-999999999996"},
    {"5e-324"},
    {"0.000123", "1.23e-4", "123e-6"},
    {"0.09999999999999999999"},
    {"0.1", "1e-1"},
    {"0.10000000000000000001"},
    {"0.1000000000000000055511151231257827"},
    {"1", "1.0", "1.000e0", "1E+00", "10e-1"},
    {"1.1", "1.10", "11e-1"},
    {"9.99"},
    {"10", "1e1", "1.0E1", "0.1e2"},
    {"99"},
    {"100"},
    {"9007199254740992"},
    {"9007199254740992.5"},
    {"9007199254740993"},
    {"18446744073709551616", "1.8446744073709551616e19"},
    {"1e308"},
    {"1.7976931348623157e308"},
    {"1e309"},
    {"1e999999999998"},
    {"1e999999999999", "0.1e1000000000000"},
    {"1.00001e999999999999"},
};

static int compare(const char *x, const char *y)
{
    return decimal_compare(x, strlen(x), y, strlen(y));
}

static void compare_lines(size_t line, size_t other)
{
    int wanted = (line > other) - (line < other);
    for (int i = 0; i < MOST && ascending[line][i]; i++)
        for (int j = 0; j < MOST && ascending[other][j]; j++)
            if (compare(ascending[line][i], ascending[other][j]) != wanted)
                fail_msg("%s against %s is not %d", ascending[line][i], ascending[other][j], wanted);
}

static void numbers_compare_as_python_has_them(void **state)
{
    const size_t lines = sizeof ascending / sizeof ascending[0];
    (void)state;
    for (size_t i = 0; i < lines; i++)
        for (size_t j = 0; j < lines; j++)
            compare_lines(i, j);
}

/* Beyond what Python can hold. */
static void exponents_may_have_any_length(void **state)
{
    static const char nines[] = "1e99999999999999999999999999999999999999999999999999999999999999";
    static const char tenfold[] = "0.01e100000000000000000000000000000000000000000000000000000000000001";
    static const char more[] = "1e100000000000000000000000000000000000000000000000000000000000000";
    static const char padded[] = "1e000000000000000000000000000000000000000000000000000000000000000007";
    (void)state;
    assert_int_equal(compare(nines, tenfold), 0);
    assert_int_equal(compare(nines, more), -1);
    assert_int_equal(compare("1e-99999999999999999999", "1e99999999999999999999"), -1);
    assert_int_equal(compare("-1e-99999999999999999999", "-1e99999999999999999999"), 1);
    assert_int_equal(compare("1e-18446744073709551616", "1"), -1);
    assert_int_equal(compare("1e18446744073709551616", "1"), 1);
    assert_int_equal(compare(padded, "10000000"), 0);
}

static void exponents_stand_for_digits(void **state)
{
    enum { ZEROS = 20000 };
    char *thousands = arena_alloc(&a, ZEROS + 2);
    char *fraction = arena_alloc(&a, ZEROS + 4);
    (void)state;
    thousands[0] = '1';
    memset(thousands + 1, '0', ZEROS);
    memcpy(fraction, "0.", 2);
    memset(fraction + 2, '0', ZEROS);
    fraction[ZEROS + 1] = '1';
    assert_int_equal(compare(thousands, "1e20000"), 0);
    assert_int_equal(compare(thousands, "1e20001"), -1);
    assert_int_equal(compare(thousands, "1e19999"), 1);
    assert_int_equal(compare(fraction, "1e-20000"), 0);
    assert_int_equal(compare(fraction, "1e-20001"), 1);
    assert_int_equal(compare(fraction, "1e-19999"), -1);
}

static void numbers_are_those_of_json(void **state)
{
    static const char *const bad[] = {"",    "-",   "+1",  ".5",    "5.",    "01",   "-01", "00",  "1e",
                                      "1e+", "e1",  "1.e", "1 ",    " 1",    "0x1",  "1_0", "NaN", "inf",
                                      "1,0", "--1", "1-",  "1.2.3", "1e5.0", "1e5e", "-.1", "1E-", "١"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (decimal_is_number(bad[i], strlen(bad[i])))
            fail_msg("%s is taken for a number", bad[i]);
    for (size_t i = 0; i < sizeof ascending / sizeof ascending[0]; i++)
        for (int j = 0; j < MOST && ascending[i][j]; j++)
            assert_true(decimal_is_number(ascending[i][j], strlen(ascending[i][j])));
    assert_true(decimal_is_number("1x", 1));
    assert_false(decimal_is_number("1\0", 2));
    assert_false(decimal_is_number(NULL, 0));
}

static struct where *parsed(const char *text)
{
    struct where *w = NULL;
    must(where_parse(&a, text, &w, &e), &e);
    return w;
}

static void parses_as(const char *text, const char *column, enum where_op op, const char *value)
{
    const struct where *w = parsed(text);
    if (w->column_len != strlen(column) || memcmp(w->column, column, w->column_len) != 0 || w->op != op ||
        w->value.len != strlen(value) || memcmp(w->value.bytes, value, w->value.len) != 0)
        fail_msg("%s: column %.*s, operator %d, value %.*s", text, (int)w->column_len, w->column, (int)w->op,
                 (int)w->value.len, w->value.bytes);
}

static void a_column_ends_at_the_first_operator(void **state)
{
    (void)state;
    parses_as("price=10", "price", WHERE_EQ, "10");
    parses_as("price!=10", "price", WHERE_NE, "10");
    parses_as("price<10", "price", WHERE_LT, "10");
    parses_as("price<=10", "price", WHERE_LE, "10");
    parses_as("price>10", "price", WHERE_GT, "10");
    parses_as("price>=10", "price", WHERE_GE, "10");
    parses_as("price~10", "price", WHERE_CONTAINS, "10");
    parses_as("name=", "name", WHERE_EQ, "");
    parses_as("name!=", "name", WHERE_NE, "");
    parses_as("a=b>=c", "a", WHERE_EQ, "b>=c");
    parses_as("a==b", "a", WHERE_EQ, "=b");
    parses_as("a<>b", "a", WHERE_LT, ">b");
    parses_as("hot!~x", "hot!", WHERE_CONTAINS, "x");
    parses_as(" a = b ", " a ", WHERE_EQ, " b ");
    parses_as("größe>1", "größe", WHERE_GT, "1");
    parses_as("say \"hi\"=1", "say \"hi\"", WHERE_EQ, "1");
}

static void a_quoted_column_may_have_operators_inside(void **state)
{
    (void)state;
    parses_as("\"a>b\">=3", "a>b", WHERE_GE, "3");
    parses_as("\"5\"\" pipe\"=1", "5\" pipe", WHERE_EQ, "1");
    parses_as("\"\"\"\"~\"", "\"", WHERE_CONTAINS, "\"");
    parses_as("\"\"=x", "", WHERE_EQ, "x");
    parses_as("\"=\"!==", "=", WHERE_NE, "=");
}

static void a_value_is_a_number_only_if_json_has_it_so(void **state)
{
    (void)state;
    assert_int_equal(parsed("a=1e5")->value.kind, CELL_NUMBER);
    assert_int_equal(parsed("a=-0.0")->value.kind, CELL_NUMBER);
    assert_int_equal(parsed("a=007")->value.kind, CELL_TEXT);
    assert_int_equal(parsed("a= 1")->value.kind, CELL_TEXT);
    assert_int_equal(parsed("a=")->value.kind, CELL_TEXT);
    assert_int_equal(parsed("a=true")->value.kind, CELL_TEXT);
    assert_null(parsed("a=1")->next);
}

static void refused(const char *text, const char *why)
{
    struct where *w = NULL;
    must_fail(where_parse(&a, text, &w, &e), ERR_BAD_VALUE);
    assert_int_equal(e.place, ERR_PARAMETER);
    assert_string_equal(e.where, "where");
    assert_null(w);
    if (!strstr(e.detail, why) || !strstr(e.detail, "price>=10"))
        fail_msg("%s: %s", text, e.detail);
}

static void conditions_that_are_none(void **state)
{
    char lengthy[400];
    (void)state;
    refused("", "has no operator");
    refused("price", "the condition price has no operator");
    refused("price!", "has no operator");
    refused(">=10", "the condition >=10 has no column");
    refused("=", "has no column");
    refused("\"price", "without a closing quote");
    refused("\"price\"\"=1", "without a closing quote");
    refused("\"", "without a closing quote");
    refused("\"a\"b=1", "has no operator after its quoted column");
    refused("\"a\"", "has no operator after its quoted column");
    for (size_t i = 0; i + 2 < sizeof lengthy; i += 2)
        memcpy(lengthy + i, "ß", 3);
    refused(lengthy, "ß… has no operator");
    memmove(lengthy + 1, lengthy, sizeof lengthy - 1);
    lengthy[0] = 'x'; /* the cut would be in the middle of a character */
    lengthy[sizeof lengthy - 1] = '\0';
    refused(lengthy, "ß… has no operator");
}

static struct cell text_cell(const char *text)
{
    return (struct cell){CELL_TEXT, text, strlen(text)};
}

static struct cell number_cell(const char *text)
{
    return (struct cell){CELL_NUMBER, text, strlen(text)};
}

static bool holds(const char *condition, struct cell cell)
{
    return where_holds(parsed(condition), &cell);
}

static void numbers_compare_as_numbers_when_both_are(void **state)
{
    (void)state;
    assert_true(holds("a>9", number_cell("10")));
    assert_true(holds("a=1.1", number_cell("1.10")));
    assert_true(holds("a=11e-1", number_cell("1.10")));
    assert_false(holds("a!=0", number_cell("-0")));
    assert_true(holds("a<=1e999999999999", number_cell("1e999999999998")));
    assert_true(holds("a<0", number_cell("-1e-99")));
    assert_true(holds("a>=2", number_cell("2")));
    assert_false(holds("a>2", number_cell("2")));
    assert_false(holds("a<2", number_cell("2")));
    /* one side is text */
    assert_false(holds("a>9", text_cell("10")));
    assert_false(holds("a=1.1", text_cell("1.10")));
    assert_true(holds("a=1.10", text_cell("1.10")));
    assert_true(holds("a<2x", number_cell("10")));
    assert_true(holds("a!=", number_cell("10")));
    /* contains is about text always */
    assert_true(holds("a~1", number_cell("0.10")));
    assert_false(holds("a~1.0", number_cell("1")));
    assert_true(holds("a~e+", number_cell("1e+5")));
}

static void texts_compare_by_code_point(void **state)
{
    (void)state;
    assert_true(holds("a=Anna", text_cell("Anna")));
    assert_false(holds("a=anna", text_cell("Anna")));
    assert_true(holds("a<anna", text_cell("Anna")));
    assert_true(holds("a>Ann", text_cell("Anna")));
    assert_true(holds("a<Annab", text_cell("Anna")));
    assert_true(holds("a>z", text_cell("é")));
    assert_true(holds("a>\xEF\xBF\xBD", text_cell("\xF0\x9F\x99\x82"))); /* in UTF-16 it would be less */
    assert_true(holds("a>=b", text_cell("b")));
    assert_false(holds("a<b", text_cell("b")));
    assert_true(holds("a=", text_cell("")));
    assert_true(holds("a<b", text_cell("")));
    assert_false(holds("a=", text_cell("x")));
    assert_true(holds("a>x", (struct cell){CELL_TEXT, "x\0y", 3}));
}

static void contains_minds_letter_case(void **state)
{
    (void)state;
    assert_true(holds("a~nn", text_cell("Anna")));
    assert_true(holds("a~Anna", text_cell("Anna")));
    assert_false(holds("a~NN", text_cell("Anna")));
    assert_false(holds("a~Annab", text_cell("Anna")));
    assert_true(holds("a~", text_cell("Anna")));
    assert_true(holds("a~", text_cell("")));
    assert_false(holds("a~x", (struct cell){CELL_TEXT, NULL, 0}));
    assert_true(holds("a~y", (struct cell){CELL_TEXT, "x\0y", 3}));
}

static void null_satisfies_only_unequal(void **state)
{
    static const char *const never[] = {"a=", "a=null", "a<x", "a<=x", "a>", "a>=", "a~", "a~n", "a=0"};
    const struct cell null = {.kind = CELL_NULL};
    const struct cell nowhere = {.kind = CELL_ABSENT};
    (void)state;
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        assert_false(holds(never[i], null));
        assert_false(holds(never[i], nowhere));
    }
    assert_true(holds("a!=", null));
    assert_true(holds("a!=null", null));
    assert_true(holds("a!=0", nowhere));
}

static void booleans_and_nested_cells_compare_as_their_text(void **state)
{
    const struct cell yes = {.kind = CELL_TRUE};
    const struct cell no = {.kind = CELL_FALSE};
    const struct cell nested = {CELL_NESTED, "{\"a\":[1,2]}", 11};
    (void)state;
    assert_true(holds("a=true", yes));
    assert_true(holds("a!=true", no));
    assert_true(holds("a=false", no));
    assert_false(holds("a=True", yes));
    assert_true(holds("a<true", no));
    assert_true(holds("a~ru", yes));
    assert_true(holds("a>1", yes));
    assert_true(holds("a={\"a\":[1,2]}", nested));
    assert_true(holds("a~[1,", nested));
    assert_false(holds("a={\"a\": [1,2]}", nested));
}

static const struct column_name columns[] = {{"id", 2}, {"name", 4}, {"price", 5}, {"a,b", 3}};
enum { COLUMNS = 4 };

static struct selection everything(void)
{
    return (struct selection){.limit = -1};
}

static struct selected resolved(const struct selection *s)
{
    struct selected ret;
    must(select_resolve(&a, s, columns, COLUMNS, &ret, &e), &e);
    return ret;
}

/* `digits`: the indexes of the columns that are wanted, in order. */
static void chooses(const struct selection *s, const char *digits)
{
    struct selected ret = resolved(s);
    assert_int_equal(ret.count, strlen(digits));
    for (int i = 0; i < ret.count; i++)
        assert_int_equal(ret.order[i], digits[i] - '0');
}

static void fields_set_columns_and_their_order(void **state)
{
    static const char *const some[] = {"price", "a,b", "id"};
    static const char *const all[] = {"id", "name", "price", "a,b"};
    struct selection s = everything();
    (void)state;
    chooses(&s, "0123");
    assert_true(resolved(&s).all);
    s.fields = some;
    s.field_count = 3;
    chooses(&s, "230");
    assert_false(resolved(&s).all);
    s.fields = all;
    s.field_count = 4;
    chooses(&s, "0123");
    assert_false(resolved(&s).all); /* the rows' own order may be another */
}

static void omit_is_applied_to_fields(void **state)
{
    static const char *const some[] = {"price", "a,b", "id"};
    static const char *const omit[] = {"a,b", "name", "name"};
    struct selection s = everything();
    (void)state;
    s.omit = omit;
    s.omit_count = 1;
    chooses(&s, "012");
    assert_false(resolved(&s).all);
    s.omit_count = 3;
    chooses(&s, "02");
    s.fields = some;
    s.field_count = 3;
    chooses(&s, "20");
}

static void unresolvable(const struct selection *s, const char *parameter, const char *why)
{
    struct selected ret = {.count = 42};
    must_fail(select_resolve(&a, s, columns, COLUMNS, &ret, &e), ERR_BAD_VALUE);
    assert_int_equal(ret.count, 42);
    assert_int_equal(e.place, ERR_PARAMETER);
    assert_string_equal(e.where, parameter);
    if (!strstr(e.detail, why))
        fail_msg("%s", e.detail);
}

static void columns_that_are_not_there(void **state)
{
    static const char known[] = "there is no column \"prize\"; the columns are: id, name, price, a,b";
    static const char *const unknown[] = {"id", "prize"};
    static const char *const nothing[] = {""};
    struct selection by_fields = {.fields = unknown, .field_count = 2, .limit = -1};
    struct selection by_omit = {.omit = unknown, .omit_count = 2, .limit = -1};
    struct selection by_where = {.where = parsed("prize>=10"), .limit = -1};
    (void)state;
    unresolvable(&by_fields, "fields", known);
    unresolvable(&by_omit, "omit", known);
    unresolvable(&by_where, "where", known);
    by_fields.fields = nothing;
    by_fields.field_count = 1;
    unresolvable(&by_fields, "fields", "there is no column \"\"");
    by_where.where = parsed("\"\"=1");
    unresolvable(&by_where, "where", "there is no column \"\"");
    by_where.where = parsed("ID=1");
    unresolvable(&by_where, "where", "there is no column \"ID\"");
}

static void fields_twice_or_none(void **state)
{
    static const char *const twice[] = {"id", "name", "id"};
    static const char *const all[] = {"id", "name", "price", "a,b"};
    struct selection s = {.fields = twice, .field_count = 3, .limit = -1};
    (void)state;
    unresolvable(&s, "fields", "the column \"id\" is named twice");
    s.omit = all; /* also where it would not be shown */
    s.omit_count = 1;
    unresolvable(&s, "fields", "the column \"id\" is named twice");
    s.field_count = 1;
    unresolvable(&s, "omit", "no column is left");
    s.omit_count = 0;
    s.field_count = 0;
    unresolvable(&s, "fields", "no column is left");
    s.fields = NULL;
    s.omit_count = 4;
    unresolvable(&s, "omit", "no column is left");
}

static void a_table_may_have_no_columns(void **state)
{
    static const char *const some[] = {"id"};
    struct selection s = everything();
    struct selected ret;
    (void)state;
    must(select_resolve(&a, &s, NULL, 0, &ret, &e), &e);
    assert_true(ret.all);
    assert_int_equal(ret.count, 0);
    s.fields = some;
    s.field_count = 1;
    must_fail(select_resolve(&a, &s, NULL, 0, &ret, &e), ERR_BAD_VALUE);
    assert_non_null(strstr(e.detail, "the table has no columns"));
}

/* A sentence lists as many as it has room for, and ends where it should. */
static void long_names_leave_room_for_the_sentence(void **state)
{
    enum { MANY = 1000 };
    struct column_name *many = arena_alloc(&a, MANY * sizeof *many);
    struct selection s = {.where = parsed("x=1"), .limit = -1};
    struct selected ret;
    (void)state;
    for (int i = 0; i < MANY; i++) {
        many[i].bytes = arena_printf(&a, "the column that has the number %d", i);
        many[i].len = strlen(many[i].bytes);
    }
    must_fail(select_resolve(&a, &s, many, MANY, &ret, &e), ERR_BAD_VALUE);
    assert_non_null(strstr(e.detail, "number 0, the column"));
    assert_string_equal(e.detail + strlen(e.detail) - strlen(", …"), ", …");
    s.where = parsed("the column that has the number 678=1");
    must(select_resolve(&a, &s, many, MANY, &ret, &e), &e);
    assert_int_equal(ret.condition_columns[0], 678);
}

enum { ROWS = 6 };

/* id, name, price; the fourth column is one that only a later row brings */
static const struct cell rows[ROWS][3] = {
    {{CELL_NUMBER, "0", 1}, {CELL_TEXT, "pen", 3}, {CELL_NUMBER, "1.50", 4}},
    {{CELL_NUMBER, "1", 1}, {CELL_TEXT, "ink", 3}, {CELL_NUMBER, "12", 2}},
    {{CELL_NUMBER, "2", 1}, {CELL_TEXT, "pencil", 6}, {CELL_NUMBER, "0.8", 3}},
    {{CELL_NUMBER, "3", 1}, {CELL_NULL, NULL, 0}, {CELL_NUMBER, "15e-1", 5}},
    {{CELL_NUMBER, "4", 1}, {CELL_TEXT, "opener", 6}, {CELL_ABSENT, NULL, 0}},
    {{CELL_NUMBER, "5", 1}, {CELL_TEXT, "pen", 3}, {CELL_NUMBER, "100", 3}},
};

/* `ids`: of the rows that are wanted. */
static void keeps(const struct selection *s, const char *ids)
{
    struct selected selected = resolved(s);
    char found[ROWS + 1];
    size_t n = 0;
    for (int i = 0; i < ROWS; i++) {
        const struct row row = {.number = i, .cells = rows[i], .count = 3, .json = "{}", .json_len = 2};
        struct row kept;
        if (!select_row(&selected, &row, &kept))
            continue;
        assert_int_equal(kept.number, i);
        assert_int_equal(kept.count, COLUMNS);
        assert_int_equal(kept.cells[3].kind, CELL_ABSENT);
        found[n++] = kept.cells[0].bytes[0];
        assert_int_equal(select_is_full(&selected), selected.limit == selected.taken);
    }
    found[n] = '\0';
    assert_string_equal(found, ids);
}

static void all_conditions_must_hold(void **state)
{
    struct selection s = everything();
    struct where *pen = parsed("name~pen");
    struct where *cheap = parsed("price<=1.5");
    (void)state;
    keeps(&s, "012345");
    s.where = pen;
    keeps(&s, "0245");
    s.where = cheap;
    keeps(&s, "023");
    pen->next = cheap;
    s.where = pen;
    keeps(&s, "02");
    s.where = parsed("price!=1.5");
    keeps(&s, "1245");
    s.where = parsed("a,b=");
    keeps(&s, "");
    s.where = parsed("a,b!=x");
    keeps(&s, "012345");
}

static void offset_and_limit_count_what_conditions_let_through(void **state)
{
    struct selection s = everything();
    (void)state;
    s.offset = 2;
    keeps(&s, "2345");
    s.limit = 3;
    keeps(&s, "234");
    s.where = parsed("name~pen");
    keeps(&s, "45");
    s.limit = 1;
    keeps(&s, "4");
    s.offset = 9;
    keeps(&s, "");
    s.offset = 0;
    s.limit = 0;
    keeps(&s, "");
}

static void a_limit_of_none_is_full_at_once(void **state)
{
    struct selection s = {.limit = 0};
    struct selected none = resolved(&s);
    struct selected all;
    (void)state;
    assert_true(select_is_full(&none));
    s.limit = -1;
    all = resolved(&s);
    assert_false(select_is_full(&all));
}

static void what_is_not_wanted_is_counted_as_well(void **state)
{
    struct selection s = {.where = parsed("name~pen"), .offset = 1, .limit = 1};
    struct selected selected = resolved(&s);
    struct row kept;
    (void)state;
    for (int i = 0; i < ROWS; i++)
        (void)select_row(&selected, &(struct row){.cells = rows[i], .count = 3}, &kept);
    assert_int_equal(selected.matched, 4);
    assert_int_equal(selected.taken, 1);
}

static void rows_are_rearranged(void **state)
{
    static const char *const some[] = {"a,b", "price", "id"};
    struct selection s = {.fields = some, .field_count = 3, .limit = -1};
    struct selected selected = resolved(&s);
    const struct row row = {.number = 7, .cells = rows[1], .count = 3, .json = "{}", .json_len = 2};
    struct row kept;
    (void)state;
    assert_int_equal(select_row(&selected, &row, &kept), 1);
    assert_int_equal(kept.number, 7);
    assert_int_equal(kept.count, 3);
    assert_int_equal(kept.cells[0].kind, CELL_ABSENT);
    assert_ptr_equal(kept.cells[1].bytes, rows[1][2].bytes);
    assert_ptr_equal(kept.cells[2].bytes, rows[1][0].bytes);
    assert_null(kept.json);
    assert_int_equal(kept.json_len, 0);
}

static void whole_rows_pass_as_they_are(void **state)
{
    const struct cell cells[COLUMNS] = {{.kind = CELL_TRUE}};
    struct row row = {.cells = cells, .count = COLUMNS, .json = "{}", .json_len = 2};
    struct selection s = everything();
    struct selected selected = resolved(&s);
    struct row kept;
    (void)state;
    assert_int_equal(select_row(&selected, &row, &kept), 1);
    assert_ptr_equal(kept.cells, cells);
    assert_ptr_equal(kept.json, row.json);
    row.count = 1; /* of a time when the other columns were not known yet */
    assert_int_equal(select_row(&selected, &row, &kept), 1);
    assert_int_equal(kept.count, COLUMNS);
    assert_int_equal(kept.cells[0].kind, CELL_TRUE);
    assert_int_equal(kept.cells[1].kind, CELL_ABSENT);
    assert_ptr_equal(kept.json, row.json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_compare_as_python_has_them),
        cmocka_unit_test(exponents_may_have_any_length),
        cmocka_unit_test(exponents_stand_for_digits),
        cmocka_unit_test(numbers_are_those_of_json),
        cmocka_unit_test(a_column_ends_at_the_first_operator),
        cmocka_unit_test(a_quoted_column_may_have_operators_inside),
        cmocka_unit_test(a_value_is_a_number_only_if_json_has_it_so),
        cmocka_unit_test(conditions_that_are_none),
        cmocka_unit_test(numbers_compare_as_numbers_when_both_are),
        cmocka_unit_test(texts_compare_by_code_point),
        cmocka_unit_test(contains_minds_letter_case),
        cmocka_unit_test(null_satisfies_only_unequal),
        cmocka_unit_test(booleans_and_nested_cells_compare_as_their_text),
        cmocka_unit_test(fields_set_columns_and_their_order),
        cmocka_unit_test(omit_is_applied_to_fields),
        cmocka_unit_test(columns_that_are_not_there),
        cmocka_unit_test(fields_twice_or_none),
        cmocka_unit_test(a_table_may_have_no_columns),
        cmocka_unit_test(long_names_leave_room_for_the_sentence),
        cmocka_unit_test(all_conditions_must_hold),
        cmocka_unit_test(offset_and_limit_count_what_conditions_let_through),
        cmocka_unit_test(a_limit_of_none_is_full_at_once),
        cmocka_unit_test(what_is_not_wanted_is_counted_as_well),
        cmocka_unit_test(rows_are_rearranged),
        cmocka_unit_test(whole_rows_pass_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
