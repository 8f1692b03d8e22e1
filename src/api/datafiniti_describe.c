/* SPDX-License-Identifier: Apache-2.0 */
/* Datafiniti's API: how it describes itself. */
#include "api/datafiniti.h"

#define PLACE_ID  .places = {"id"}, .place_examples = {"282"}
#define ANY_QUERY .query_open = true
#define DATE      "UTC, month and day without zeros before them"

/* --- objects --- */

static const struct member preview_members[] = {
    {"estimated total", SHAPE_INT, .about = "Always 0: there is no catalogue here.", .example = "0"},
    {"records", SHAPE_OBJECT, .about = "Always empty.", .example = "[]", .is_list = true},
};
static const struct shape preview_shape = {"Preview", "What would be found.", preview_members,
                                           API_COUNT(preview_members)};

static const char *const states[] = {"STARTED", "COMPLETED", "FAILED"};
static const struct member request_members[] = {
    {"id", SHAPE_INT, .about = "Its number.", .example = "282"},
    {"records", SHAPE_TEXT, .about = "Always empty.", .example = "\"\""},
    {"query", SHAPE_TEXT, .about = "`q`, as it was sent.", .example = "\"brand:Acme\""},
    {"dataType", SHAPE_TEXT, .about = "The type of the data, or the kind of a job of another API.",
     .example = "\"products\""},
    {"dataFormat", SHAPE_TEXT, .about = "`json` or `csv`; empty for a job of another API.",
     .example = "\"csv\""},
    {"accountId", SHAPE_TEXT, .about = "The part of the key that asks which may be shown.",
     .example = "\"Vb3kQ9xT\""},
    {"planId", SHAPE_INT, .about = "Always 0.", .example = "0"},
    {"view", SHAPE_TEXT, .about = "`view`, as it was sent.", .example = "\"product_all\""},
    {"async", SHAPE_INT, .about = "Always 1.", .example = "1"},
    {"status", SHAPE_TEXT, .about = "Whether it is done.", .example = "\"COMPLETED\"", .words = states,
     .word_count = API_COUNT(states)},
    {"error", SHAPE_TEXT, .about = "What the worker said of a failure, else empty.", .example = "\"\""},
    {"numDownloaded", SHAPE_INT, .about = "Rows of its files, as far as they are tables.", .example = "1200"},
    {"numFound", SHAPE_INT, .about = "The same.", .example = "1200"},
    {"numRequested", SHAPE_INT, .about = "`records`, as it was sent, or else the same.", .example = "1200"},
    {"date_started", SHAPE_TEXT, .about = "When it was made: " DATE ".", .example = "\"2017-1-11 15:53:00\""},
    {"date_completed", SHAPE_TEXT, .about = "When it ended: " DATE "; empty before.",
     .example = "\"2017-1-11 15:58:12\""},
};
static const struct shape request_shape = {"Request", "A request for data.", request_members,
                                           API_COUNT(request_members)};

static const struct member result_members[] = {
    {"id", SHAPE_INT, .about = "Its number.", .example = "731"},
    {"url", SHAPE_URL, .about = "Where to download it, without a key, until 7 days after it was made.",
     .example = "\"https://results.example/links/AZOaXnwrfUGfCjtsXU4vEA/products.csv\""},
    {"request_id", SHAPE_INT, .about = "The request that it is of.", .example = "282"},
    {"downloaded", SHAPE_INT, .about = "Its rows; 0 if it is no table.", .example = "1200"},
    {"imported", SHAPE_INT, .about = "The same.", .example = "1200"},
    {"date_created", SHAPE_TEXT, .about = "When it was made: " DATE ".", .example = "\"2017-1-11 15:58:12\""},
};
static const struct shape result_shape = {"Result", "A file with data.", result_members,
                                          API_COUNT(result_members)};

static const struct member user_members[] = {
    {"accountId", SHAPE_TEXT, .about = "The part of the key that may be shown.", .example = "\"Vb3kQ9xT\""},
    {"name", SHAPE_TEXT, .about = "What the key is called.", .example = "\"worker\""},
    {"planId", SHAPE_INT, .about = "Always 0.", .example = "0"},
};
static const struct shape user_shape = {"User", "Whoever asks.", user_members, API_COUNT(user_members)};

static const struct member error_members[] = {
    {"error", SHAPE_TEXT, .about = "What the status means.", .example = "\"Not Found\""},
    {"message", SHAPE_TEXT, .about = "What is wrong, and what would be right.",
     .example = "\"there is no request with this id\""},
    {"code", SHAPE_INT, .about = "The status.", .example = "404"},
    {"requestId", SHAPE_TEXT, .about = "Of a fault of the server: it stands in the log, too.",
     .example = "\"4f1c2d3e\"", .can_be_absent = true},
};
static const struct shape error_shape = {"Error", "Why it was refused.", error_members,
                                         API_COUNT(error_members)};

/* --- operations --- */

static const char *const formats[] = {"JSON", "CSV"};
static const struct param ask_params[] = {
    {"q", PARAM_TEXT, 0, 0, 0, "What to look for; it is handed on to the worker.",
     .example = "categories:shoes"},
    {"view", PARAM_TEXT, 0, 0, 0, "Which members to give; it is handed on to the worker.",
     .example = "products_all"},
    {"format", PARAM_TEXT, 0, 0, 0, "What files are to be, in either case (JSON).", formats,
     API_COUNT(formats)},
    {"records", PARAM_INT, 0, 1, INT64_MAX, "At most so many records.", .example = "100"},
    {"download", PARAM_BOOL, 0, 0, 0, "Make a request; else there is only a preview."},
};

const struct operation datafiniti_op_ask = {
    .id = "getData",
    .group = "data",
    .summary = "Ask for data",
    .about = "`type` is `products`, `businesses` or `properties`. Sent twice it makes two requests.",
    .places = {"type"},
    .place_examples = {"products"},
    .params = ask_params,
    .param_count = API_COUNT(ask_params),
    ANY_QUERY,
    .answers = {{200, "Without `download=true`.", &preview_shape},
                {303, "The request was made; `Location` is its path.", .headers = {"Location"}}},
    .refusals = {404},
};

const struct operation datafiniti_op_list = {
    .id = "listRequests",
    .group = "requests",
    .summary = "List requests, newest first",
    .about = "The newest 1000.",
    ANY_QUERY,
    .answers = {{200, "All of them.", &request_shape, ANSWER_LIST}},
};

const struct operation datafiniti_op_request = {
    .id = "getRequest",
    .group = "requests",
    .summary = "Show a request",
    PLACE_ID,
    ANY_QUERY,
    .answers = {{200, "A list of this one.", &request_shape, ANSWER_LIST}},
    .refusals = {404},
};

const struct operation datafiniti_op_results = {
    .id = "getResults",
    .group = "results",
    .summary = "List the files of a request",
    .about = "`id` is that of the request. Addresses are made anew with each answer.",
    PLACE_ID,
    ANY_QUERY,
    .answers = {{200, "One for each file that can still be had.", &result_shape, ANSWER_LIST}},
    .refusals = {404},
};

const struct operation datafiniti_op_user = {
    .id = "getUser",
    .group = "users",
    .summary = "Show whoever asks",
    .about = "`token` is the key that asks, or its `accountId`.",
    .places = {"token"},
    .place_examples = {"Vb3kQ9xT"},
    ANY_QUERY,
    .answers = {{200, "The account.", &user_shape}},
    .refusals = {404},
};

const struct description datafiniti_description = {
    .title = "Datafiniti",
    .about =
        "Version 3 of Datafiniti's API over this server's jobs and results: a request for data is a job. "
        "The key is the user of `Basic`, without a password. Parameters that are not known are passed over.",
    .key_forms = DATAFINITI_KEY_FORMS,
    .error_media_type = "application/json",
    .error = &error_shape,
    .always = {400, 401, 403, 503},
    .refusals =
        {
            {400, "A parameter is wrong, or an id is not a number."},
            {401, "There is no valid key."},
            {403, "The key lacks a scope."},
            {404, "There is no such type, request or user; or a request has no results yet, or failed."},
            {503, "Too much is waiting, or a part of the server is out of order; see `Retry-After`."},
            {507, "The disk is full, or would be."},
        },
};
