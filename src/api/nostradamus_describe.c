/* SPDX-License-Identifier: Apache-2.0 */
/* Nostradamus: what its routes are to those who call them. */
#include "api/nostradamus.h"

#define COLLECTIONS "collections"
#define INVOCATIONS "invocations"
#define DOWNLOADS   "downloads"

#define EXAMPLE_COLLECTION "01939a5e-7c2b-7d41-9f0a-3b6c5d4e2f10"
#define EXAMPLE_INVOCATION "01939a5e-8d10-7c02-8b4e-9f6a5d4c3b21"
#define EXAMPLE_RESULT     "01939a5f-02aa-7e15-a3d7-1c2b3a495867"

/* --- objects --- */

static const struct member error_members[] = {
    {"detail", SHAPE_TEXT, 0, "What is wrong, and what would be right.", "\"there is no such invocation\""},
};
static const struct shape error_shape = {"Error", "Why a request was refused.", error_members,
                                         API_COUNT(error_members)};

static const struct shape any_object = {NULL, NULL, NULL, 0, .is_open = true};

static const struct member collection_members[] = {
    {"id", SHAPE_UUID, 0, "The name under which it is found, for good.", "\"" EXAMPLE_COLLECTION "\""},
    {"name", SHAPE_TEXT, 0, "What it is called.", "\"sales\""},
    {"product", SHAPE_TEXT, 0, "As it was sent.", "\"insights\"", .can_be_null = true},
    {"timezone", SHAPE_TEXT, 0, "As it was sent.", "\"Europe/Rome\"", .can_be_null = true},
    {"tag", SHAPE_OBJECT, 0, "As it was sent; `{}` without.", .of = &any_object},
    {"properties", SHAPE_OBJECT, 0, "As it was sent; `{}` without.", .of = &any_object},
};
static const struct shape collection_shape = {"Collection",
                                              "A name for data; what it means is up to the workers.",
                                              collection_members, API_COUNT(collection_members)};

static const struct member page_members[] = {
    {"count", SHAPE_COUNT, 0, "How many there are in all."},
    {"next", SHAPE_URL, 0, "The address of the next page; null on the last one.", "null",
     .can_be_null = true},
    {"previous", SHAPE_URL, 0, "The address of the page before; null on the first one.", "null",
     .can_be_null = true},
    {"results", SHAPE_OBJECT, 0, "Oldest first.", .is_list = true, .of = &collection_shape},
};
static const struct shape page_shape = {"CollectionPage", "Some of the collections.", page_members,
                                        API_COUNT(page_members)};

static const char *const completed_words[] = {"completed"};
static const struct member append_members[] = {
    {"id", SHAPE_UUID, 0, "It can be polled as an invocation, whose result is the file.",
     "\"" EXAMPLE_INVOCATION "\""},
    {"status", SHAPE_TEXT, 0, "The answer comes when all is on disk.", .words = completed_words,
     .word_count = API_COUNT(completed_words)},
    {"collectionId", SHAPE_UUID, 0, "The collection that the data belong to.", "\"" EXAMPLE_COLLECTION "\""},
    {"dataType", SHAPE_TEXT, 0, "As the address says.", "\"sales\""},
    {"separator", SHAPE_TEXT, 0, "As it was sent; null without.", "\";\"", .can_be_null = true},
};
static const struct shape append_shape = {"AppendedData", "What came of a form.", append_members,
                                          API_COUNT(append_members)};

static const char *const result_words[] = {"completed", "error"};
static const struct member result_members[] = {
    {"primaryResult", SHAPE_BOOL, 0, "Whether it is the main result.", "true"},
    {"status", SHAPE_TEXT, 0, "`error` when it has expired, or is damaged: then no format is available.",
     .words = result_words, .word_count = API_COUNT(result_words)},
    {"jsonAvailable", SHAPE_BOOL, 0, "Whether it can be had as JSON.", "true"},
    {"csvAvailable", SHAPE_BOOL, 0, "Whether it can be had as CSV.", "true"},
    {"xlsxAvailable", SHAPE_BOOL, 0, "Whether it can be had as a workbook.", "true"},
};
static const struct shape result_shape = {"InvocationResult", "What an invocation says of one result.",
                                          result_members, API_COUNT(result_members)};
static const struct shape results_shape = {"InvocationResults", "Results by their ids.", NULL, 0,
                                           .others = &result_shape};

static const struct member failure_members[] = {
    {"code", SHAPE_TEXT, 0, "A word for programs.", "\"timeout\""},
    {"message", SHAPE_TEXT, 0, "A sentence for people.", "\"no answer within 60 s\""},
};
static const struct shape failure_shape = {"InvocationError", "What a worker gave as the reason.",
                                           failure_members, API_COUNT(failure_members)};

static const char *const status_words[] = {"queued", "running", "completed", "error"};
static const struct member invocation_members[] = {
    {"id", SHAPE_UUID, 0, "The name under which it is found, for good.", "\"" EXAMPLE_INVOCATION "\""},
    {"status", SHAPE_TEXT, 0, "`error` if it failed or was cancelled.", "\"completed\"",
     .words = status_words, .word_count = API_COUNT(status_words)},
    {"collectionId", SHAPE_JSON, 0,
     "The id of its collection. A job that was not made here has whatever its input has, or null.",
     "\"" EXAMPLE_COLLECTION "\""},
    {"invocationType", SHAPE_TEXT, 0, "What is to be done.", "\"insights\""},
    {"args", SHAPE_JSON, 0, "As it was sent, any JSON; null without.", "{\"by\":\"shop\"}"},
    {"error", SHAPE_OBJECT, 0, "Of one that failed.", "null", .can_be_null = true, .can_be_absent = true,
     .of = &failure_shape},
    {"invocationResults", SHAPE_OBJECT, 0, "As soon as it has ended.",
     "{\"" EXAMPLE_RESULT "\":{\"primaryResult\":true,\"status\":\"completed\",\"jsonAvailable\":true,"
     "\"csvAvailable\":true,\"xlsxAvailable\":true}}",
     .can_be_absent = true, .of = &results_shape},
};
static const struct shape invocation_shape = {"Invocation", "Work to be done, and what came of it.",
                                              invocation_members, API_COUNT(invocation_members)};

/* --- the whole --- */

const struct description nostradamus_description = {
    .title = "Nostradamus' API",
    .about = "Collections of data, invocations that work on them, and their results as JSON, CSV or a "
             "workbook. Members and parameters that are not known here are passed over.",
    .key_forms = KEY_TOKEN | KEY_BEARER | KEY_HEADER,
    .error_media_type = "application/json",
    .error = &error_shape,
    .always = {400, 401, 403, 503},
    .refusals =
        {
            {400, "A parameter, a member or the form is wrong; the answer names it."},
            {401, "There is no valid key."},
            {403, "The key lacks a scope."},
            {404, "There is no such object in the key's project, or the result is not available in this "
                  "format."},
            {406, "The table breaks a limit of this format; `detail` says which."},
            {409, "The invocation is queued or running: its results are not ready yet."},
            {410, "The result has expired."},
            {412, "`If-Match` or `If-Unmodified-Since` does not hold."},
            {413, "More bytes than the server takes."},
            {416, "No range lies within the content."},
            {503, "Too much is waiting, or a part of the server is out of order; see `Retry-After`."},
            {507, "The disk is full, or would be."},
        },
};

/* --- operations --- */

const struct operation nostradamus_op_create_collection = {
    .id = "createCollection",
    .group = COLLECTIONS,
    .summary = "Make a collection",
    .query_open = true,
    .fields = nostradamus_collection_fields,
    .field_count = API_COUNT(nostradamus_collection_fields),
    .body_open = true,
    .body_example = "{\"name\":\"sales\",\"product\":\"insights\",\"timezone\":\"Europe/Rome\"}",
    .answers = {{201, "The collection.", &collection_shape}},
};

const struct operation nostradamus_op_list_collections = {
    .id = "listCollections",
    .group = COLLECTIONS,
    .summary = "List collections, oldest first",
    .params = nostradamus_window_params,
    .param_count = API_COUNT(nostradamus_window_params),
    .query_open = true,
    .answers = {{200, "One page.", &page_shape}},
};

static const struct json_field append_fields[] = {
    {"file", JSON_TO_VALUE, 0, true, 0, 0,
     .about = "The table's bytes, as a file. CSV, unless its `Content-Type` says something else."},
    {"separator", JSON_TO_STRING, 0, false, 0, 8,
     .about = "What stands between cells: one printable ASCII character but a quote, or `tab`. It has to "
              "come before the file; without it, it is found out."},
};
const struct operation nostradamus_op_append = {
    .id = "appendData",
    .group = COLLECTIONS,
    .summary = "Add a table to a collection",
    .about = "The form is read as it arrives, whatever its size. Sent twice it adds the data twice.",
    .places = {"collectionId", "dataType"},
    .place_examples = {EXAMPLE_COLLECTION, "sales"},
    .query_open = true,
    .fields = append_fields,
    .field_count = API_COUNT(append_fields),
    .body_open = true,
    .body_media = "multipart/form-data",
    .body_example = "{\"separator\":\";\",\"file\":\"shop;sold\\nnorth;3\\n\"}",
    .answers = {{201, "All is on disk.", &append_shape}},
    .refusals = {404, 507},
};

const struct operation nostradamus_op_create_invocation = {
    .id = "createInvocation",
    .group = INVOCATIONS,
    .summary = "Have something done with a collection",
    .query_open = true,
    .fields = nostradamus_invocation_fields,
    .field_count = API_COUNT(nostradamus_invocation_fields),
    .body_open = true,
    .body_example = "{\"collectionId\":\"" EXAMPLE_COLLECTION
                    "\",\"invocationType\":\"insights\",\"args\":{\"by\":\"shop\"}}",
    .answers = {{201, "The invocation, which is queued.", &invocation_shape}},
};

const struct operation nostradamus_op_retrieve_invocation = {
    .id = "getInvocation",
    .group = INVOCATIONS,
    .summary = "Show an invocation",
    .places = {"invocationId"},
    .place_examples = {EXAMPLE_INVOCATION},
    .query_open = true,
    .answers = {{200, "The invocation.", &invocation_shape}},
    .refusals = {404},
};

#define DOWNLOAD(type)                                                                                       \
    .group = DOWNLOADS, .query_open = true,                                                                  \
    .answers = {{200, "The bytes.", .media_type = type,                                                      \
                 .headers = {"ETag", "Repr-Digest", "Last-Modified", "Accept-Ranges",                        \
                             "Content-Disposition"}},                                                        \
                {206, "The ranges that were asked for.", .media_type = "*/*", .headers = {"Content-Range"}}, \
                {304, "The ETag is still that one."},                                                        \
                {307, "They are elsewhere.", .headers = {"Location"}}},                                      \
    .refusals = {404, 406, 409, 410, 412, 416}
#define OF_INVOCATION .places = {"invocationId"}, .place_examples = {EXAMPLE_INVOCATION}
#define OF_RESULT                                                                                            \
    .places = {"invocationId", "resultId"}, .place_examples = {EXAMPLE_INVOCATION, EXAMPLE_RESULT}
#define JSON "application/json"
#define CSV  "text/csv"
#define XLSX "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

const struct operation nostradamus_op_primary_json = {
    .id = "downloadPrimaryJson", .summary = "The main result as JSON", OF_INVOCATION, DOWNLOAD(JSON)};

const struct operation nostradamus_op_primary_csv = {
    .id = "downloadPrimaryCsv", .summary = "The main result as CSV", OF_INVOCATION, DOWNLOAD(CSV)};

const struct operation nostradamus_op_primary_xlsx = {
    .id = "downloadPrimaryXlsx", .summary = "The main result as a workbook", OF_INVOCATION, DOWNLOAD(XLSX)};

const struct operation nostradamus_op_result_json = {
    .id = "downloadResultJson", .summary = "One result as JSON", OF_RESULT, DOWNLOAD(JSON)};

const struct operation nostradamus_op_result_csv = {
    .id = "downloadResultCsv", .summary = "One result as CSV", OF_RESULT, DOWNLOAD(CSV)};

const struct operation nostradamus_op_result_xlsx = {
    .id = "downloadResultXlsx", .summary = "One result as a workbook", OF_RESULT, DOWNLOAD(XLSX)};
