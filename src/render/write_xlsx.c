/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer of XLSX; see write_xlsx.h. The XML of a sheet is made in one buffer and packed whenever that is
 * full. What depends on the number of sheets (the workbook, its relations) is written last; the list of
 * content types does not, because a sheet's type is the one of every .xml that it does not name, and so it
 * comes first, where programs look that tell the type of a file by its first bytes.
 *
 * An error stays: every later call returns it again and puts nothing. So only those functions return it that
 * the caller calls.
 */
#include "render/write_xlsx.h"

#include "base/arena.h"
#include "render/deflate_zip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * CELL_FRAME: the most that a cell has beside its text. ESCAPED_MOST: the most that a byte of text becomes, a
 * control character for example. A sheet keeps some distance from 4 GiB because bytes that do not compress
 * become a few more.
 */
enum { XML_ROOM = 65536, PIECE = 16384, CELL_FRAME = 96, ESCAPED_MOST = XLSX_ESCAPED, SHEET_FRAME = 1024 };
const struct xlsx_limits xlsx_limits = {
    .rows = XLSX_ROWS,
    .sheet_bytes = (UINT64_C(1) << 32) - (UINT64_C(1) << 26),
};

/* How every cell of a column begins: <c r="AB */
struct lead {
    char bytes[15];
    unsigned char len;
};

struct xlsx_writer {
    const struct column_name *names;
    int count;
    struct xlsx_limits limits;
    struct deflate_zip *zip;
    struct lead *leads;
    int sheets;
    int64_t sheet_rows;
    uint64_t sheet_bytes; /* packed so far; `fill` more are not */
    uint64_t header_bound;
    char digits[24]; /* of the row's number */
    size_t digits_len;
    int rc; /* and err: the first error */
    struct err err;
    size_t fill;
    char xml[XML_ROOM];
};

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define SCHEMAS  "http://schemas.openxmlformats.org/"
#define TYPES    "application/vnd.openxmlformats-officedocument.spreadsheetml."

static const char content_types[] = XML_HEAD
    "<Types xmlns=\"" SCHEMAS "package/2006/content-types\">"
    "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
    "<Default Extension=\"xml\" ContentType=\"" TYPES "worksheet+xml\"/>"
    "<Override PartName=\"/xl/workbook.xml\" ContentType=\"" TYPES "sheet.main+xml\"/>"
    "<Override PartName=\"/xl/styles.xml\" ContentType=\"" TYPES "styles+xml\"/></Types>";

static const char package_relations[] =
    XML_HEAD "<Relationships xmlns=\"" SCHEMAS "package/2006/relationships\">"
             "<Relationship Id=\"rId1\" Type=\"" SCHEMAS "officeDocument/2006/relationships/officeDocument\" "
             "Target=\"xl/workbook.xml\"/></Relationships>";

/* Two formats of cells: 0 plain, 1 bold. */
static const char styles[] = XML_HEAD
    "<styleSheet xmlns=\"" SCHEMAS "spreadsheetml/2006/main\">"
    "<fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font>"
    "<font><b/><sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font></fonts>"
    "<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill>"
    "<fill><patternFill patternType=\"gray125\"/></fill></fills>"
    "<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
    "<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>"
    "<cellXfs count=\"2\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>"
    "<xf numFmtId=\"0\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyFont=\"1\"/></cellXfs>"
    "<cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles>"
    "</styleSheet>";

static const char sheet_head[] = XML_HEAD
    "<worksheet xmlns=\"" SCHEMAS "spreadsheetml/2006/main\"><sheetViews><sheetView workbookViewId=\"0\">"
    "<pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/>"
    "</sheetView></sheetViews><sheetData>";

/* The letters of a column, counted from 0: A to Z, AA to XFD. */
static struct lead make_lead(int column)
{
    struct lead lead = {.bytes = "<c r=\"", .len = 6};
    char letters[8];
    int n = 0;
    for (int left = column + 1; left > 0; left = (left - 1) / 26)
        letters[n++] = (char)('A' + (left - 1) % 26);
    while (n)
        lead.bytes[lead.len++] = letters[--n];
    return lead;
}

struct xlsx_writer *xlsx_writer_new_within(const struct xlsx_limits *limits, const struct column_name *names,
                                           int count, put_fn *put, void *ctx)
{
    struct xlsx_writer *w = mem_alloc(sizeof *w);
    memset(w, 0, offsetof(struct xlsx_writer, xml));
    w->names = names;
    w->count = count;
    w->limits = *limits;
    w->zip = deflate_zip_new(limits->offset, put, ctx);
    return w;
}

struct xlsx_writer *xlsx_writer_new(const struct column_name *names, int count, put_fn *put, void *ctx)
{
    return xlsx_writer_new_within(&xlsx_limits, names, count, put, ctx);
}

void xlsx_writer_free(struct xlsx_writer *w)
{
    if (!w)
        return;
    deflate_zip_free(w->zip);
    free(w->leads);
    free(w);
}

static void pack(struct xlsx_writer *w)
{
    if (!w->rc)
        w->rc = deflate_zip_add(w->zip, w->xml, w->fill, &w->err);
    w->sheet_bytes += w->fill;
    w->fill = 0;
}

/* Afterwards `more` bytes fit, at most XML_ROOM. */
static void reserve(struct xlsx_writer *w, size_t more)
{
    if (XML_ROOM - w->fill < more)
        pack(w);
}

/* The caller has reserved. */
static void add(struct xlsx_writer *w, const char *bytes, size_t len)
{
    memcpy(w->xml + w->fill, bytes, len);
    w->fill += len;
}

#define ADD(w, literal) add((w), "" literal, sizeof(literal) - 1)

static void add_xml(struct xlsx_writer *w, const char *xml, size_t len)
{
    reserve(w, len);
    add(w, xml, len);
}

static void add_escaped(struct xlsx_writer *w, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t end = len - i < PIECE ? len : i + PIECE;
        size_t run = i;
        size_t escaped;
        while (run < end && !xlsx_special[(unsigned char)text[run]])
            run++;
        reserve(w, run - i + XLSX_ESCAPED);
        add(w, text + i, run - i);
        i = run;
        if (i < end) {
            i += xlsx_escape(text + i, len - i, w->xml + w->fill, &escaped);
            w->fill += escaped;
        }
    }
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n'; /* a CR is escaped */
}

/* Without a word readers may drop white space at the ends, and some join lines. */
static bool must_preserve(const char *text, size_t len)
{
    return len && (is_white(text[0]) || is_white(text[len - 1]) || memchr(text, '\n', len));
}

/* After the cell's number, up to its end; `bold` is the format of the header. */
static void add_text(struct xlsx_writer *w, const char *text, size_t len, bool bold)
{
    if (bold)
        ADD(w, "\" s=\"1\" t=\"inlineStr\"><is><t");
    else
        ADD(w, "\" t=\"inlineStr\"><is><t");
    if (must_preserve(text, len))
        ADD(w, " xml:space=\"preserve\">");
    else
        ADD(w, ">");
    add_escaped(w, text, len);
    reserve(w, CELL_FRAME);
    ADD(w, "</t></is></c>");
}

static void add_number(struct xlsx_writer *w, const struct cell *c)
{
    char number[XLSX_NUMBER];
    size_t len = xlsx_number(c->bytes, c->len, number);
    if (!len) {
        add_text(w, c->bytes, c->len, false);
        return;
    }
    ADD(w, "\"><v>");
    add(w, number, len);
    ADD(w, "</v></c>");
}

static void begin_cell(struct xlsx_writer *w, int column)
{
    const struct lead *lead = &w->leads[column];
    reserve(w, CELL_FRAME);
    /* All the room of both is copied, because a copy of constant size is a few moves. */
    memcpy(w->xml + w->fill, lead->bytes, sizeof lead->bytes);
    w->fill += lead->len;
    memcpy(w->xml + w->fill, w->digits, sizeof w->digits);
    w->fill += w->digits_len;
}

static void add_cell(struct xlsx_writer *w, int column, const struct cell *c)
{
    if (c->kind == CELL_ABSENT || c->kind == CELL_NULL)
        return;
    begin_cell(w, column);
    if (c->kind == CELL_NUMBER)
        add_number(w, c);
    else if (c->kind == CELL_TRUE)
        ADD(w, "\" t=\"b\"><v>1</v></c>");
    else if (c->kind == CELL_FALSE)
        ADD(w, "\" t=\"b\"><v>0</v></c>");
    else
        add_text(w, c->bytes, c->len, false);
}

static void begin_row(struct xlsx_writer *w)
{
    w->sheet_rows++;
    w->digits_len = (size_t)snprintf(w->digits, sizeof w->digits, "%lld", (long long)w->sheet_rows);
    reserve(w, CELL_FRAME);
    ADD(w, "<row r=\"");
    add(w, w->digits, w->digits_len);
    ADD(w, "\">");
}

static void end_row(struct xlsx_writer *w)
{
    reserve(w, CELL_FRAME);
    ADD(w, "</row>");
}

static void begin_part(struct xlsx_writer *w, const char *name)
{
    w->sheet_bytes = 0;
    if (!w->rc)
        w->rc = deflate_zip_begin(w->zip, name, &w->err);
}

static void end_part(struct xlsx_writer *w)
{
    pack(w);
    if (!w->rc)
        w->rc = deflate_zip_end(w->zip, &w->err);
}

static void begin_sheet(struct xlsx_writer *w)
{
    char name[DEFLATE_ZIP_NAME];
    w->sheets++;
    w->sheet_rows = 0;
    (void)snprintf(name, sizeof name, "xl/worksheets/sheet%d.xml", w->sheets);
    begin_part(w, name);
    add_xml(w, sheet_head, sizeof sheet_head - 1);
    begin_row(w);
    for (int i = 0; i < w->count; i++) {
        begin_cell(w, i);
        add_text(w, w->names[i].bytes, w->names[i].len, true);
    }
    end_row(w);
}

static void end_sheet(struct xlsx_writer *w)
{
    static const char tail[] = "</sheetData></worksheet>";
    add_xml(w, tail, sizeof tail - 1);
    end_part(w);
}

static void store(struct xlsx_writer *w, const char *name, const char *xml)
{
    if (!w->rc)
        w->rc = deflate_zip_store(w->zip, name, xml, strlen(xml), &w->err);
}

/* What comes before the first row, up to the header of the first sheet. */
static void begin(struct xlsx_writer *w)
{
    w->rc = xlsx_check_columns(w->names, w->count, &w->err);
    if (w->rc)
        return;
    w->leads = mem_alloc((size_t)w->count * sizeof *w->leads);
    w->header_bound = SHEET_FRAME;
    for (int i = 0; i < w->count; i++) {
        w->leads[i] = make_lead(i);
        w->header_bound += CELL_FRAME + ESCAPED_MOST * (uint64_t)w->names[i].len;
    }
    store(w, "[Content_Types].xml", content_types);
    store(w, "_rels/.rels", package_relations);
    store(w, "xl/styles.xml", styles);
    begin_sheet(w);
}

/* Whether each cell fits; the most bytes that the row can become to *ret_bound. */
static int check_row(const struct xlsx_writer *w, const struct row *row, uint64_t *ret_bound, struct err *e)
{
    uint64_t bound = SHEET_FRAME;
    for (int i = 0; i < row->count; i++) {
        const struct cell *c = &row->cells[i];
        int rc = xlsx_check_cell(c, &w->names[i], row->number, e);
        if (rc < 0)
            return rc;
        bound += CELL_FRAME + (c->kind < CELL_NUMBER ? 0 : ESCAPED_MOST * (uint64_t)c->len);
    }
    *ret_bound = bound;
    if (bound + w->header_bound > w->limits.sheet_bytes)
        return err_set(e, ERR_LIMIT, "row %lld: more characters than a sheet can have",
                       (long long)row->number + 1);
    return 0;
}

static bool is_full(const struct xlsx_writer *w, uint64_t more)
{
    return w->sheet_rows >= w->limits.rows || w->sheet_bytes + w->fill + more > w->limits.sheet_bytes;
}

static void add_row(struct xlsx_writer *w, const struct row *row)
{
    begin_row(w);
    for (int i = 0; i < row->count; i++)
        add_cell(w, i, &row->cells[i]);
    end_row(w);
}

static int result(const struct xlsx_writer *w, struct err *e)
{
    if (w->rc)
        *e = w->err;
    return w->rc;
}

int xlsx_writer_row(struct xlsx_writer *w, const struct row *row, struct err *e)
{
    uint64_t bound = 0;
    if (!w->rc && !w->sheets)
        begin(w);
    if (!w->rc)
        w->rc = check_row(w, row, &bound, &w->err);
    if (w->rc)
        return result(w, e);
    if (is_full(w, bound)) {
        end_sheet(w);
        begin_sheet(w);
    }
    add_row(w, row);
    return result(w, e);
}

static void add_relation(struct xlsx_writer *w, int number, const char *kind, const char *target)
{
    char xml[256];
    int len = snprintf(xml, sizeof xml,
                       "<Relationship Id=\"rId%d\" Type=\"" SCHEMAS
                       "officeDocument/2006/relationships/%s\" Target=\"%s\"/>",
                       number, kind, target);
    add_xml(w, xml, (size_t)len);
}

static void add_workbook_relations(struct xlsx_writer *w)
{
    static const char head[] = XML_HEAD "<Relationships xmlns=\"" SCHEMAS "package/2006/relationships\">";
    static const char tail[] = "</Relationships>";
    begin_part(w, "xl/_rels/workbook.xml.rels");
    add_xml(w, head, sizeof head - 1);
    for (int i = 1; i <= w->sheets; i++) {
        char target[DEFLATE_ZIP_NAME];
        (void)snprintf(target, sizeof target, "worksheets/sheet%d.xml", i);
        add_relation(w, i, "worksheet", target);
    }
    add_relation(w, w->sheets + 1, "styles", "styles.xml");
    add_xml(w, tail, sizeof tail - 1);
    end_part(w);
}

static void add_workbook(struct xlsx_writer *w)
{
    static const char head[] =
        XML_HEAD "<workbook xmlns=\"" SCHEMAS "spreadsheetml/2006/main\" xmlns:r=\"" SCHEMAS
                 "officeDocument/2006/relationships\">"
                 "<bookViews><workbookView/></bookViews><sheets>";
    static const char tail[] = "</sheets></workbook>";
    begin_part(w, "xl/workbook.xml");
    add_xml(w, head, sizeof head - 1);
    for (int i = 1; i <= w->sheets; i++) {
        char xml[128];
        int len =
            snprintf(xml, sizeof xml, "<sheet name=\"Sheet%d\" sheetId=\"%d\" r:id=\"rId%d\"/>", i, i, i);
        add_xml(w, xml, (size_t)len);
    }
    add_xml(w, tail, sizeof tail - 1);
    end_part(w);
}

int xlsx_writer_finish(struct xlsx_writer *w, struct err *e)
{
    if (!w->rc && !w->sheets)
        begin(w);
    if (w->rc)
        return result(w, e);
    end_sheet(w);
    add_workbook(w);
    add_workbook_relations(w);
    if (!w->rc)
        w->rc = deflate_zip_finish(w->zip, &w->err);
    return result(w, e);
}
