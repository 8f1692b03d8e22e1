/* SPDX-License-Identifier: Apache-2.0 */
/* See ufdl_shape.h. */
#include "api/ufdl_shape.h"

/* --- errors and tokens --- */

static const struct member message_members[] = {
    {"token_class", SHAPE_TEXT, 0, "The class of token that was tried.", "\"AccessToken\""},
    {"token_type", SHAPE_TEXT, 0, "The same, in the words of the token.", "\"access\""},
    {"message", SHAPE_TEXT, 0, "What is wrong with it.", "\"Token is invalid or expired\""},
};
static const struct shape message_shape = {"TokenMessage", "Why a token opens nothing.", message_members,
                                           API_COUNT(message_members)};

static const struct member error_members[] = {
    {"detail", SHAPE_TEXT, 0, "What is wrong.", "\"Not found.\""},
    {"code", SHAPE_TEXT, 0, "A word for programs, where a token or its user is to blame.",
     "\"token_not_valid\"", .can_be_absent = true},
    {"messages", SHAPE_OBJECT, 0, "Of a token that opens nothing.", .is_list = true, .can_be_absent = true,
     .of = &message_shape},
};
const struct shape ufdl_error_shape = {"Error", "Why a request was refused.", error_members,
                                       API_COUNT(error_members)};

#define TROUBLES(name)                                                                                       \
    {                                                                                                        \
        name, SHAPE_TEXT, 0, "What is wrong with this member.", "[\"This field is required.\"]",             \
            .is_list = true, .can_be_absent = true                                                           \
    }
static const struct member form_errors_members[] = {
    {"detail", SHAPE_TEXT, 0, "What is wrong with the body as a whole.",
     "\"Invalid data. Expected a dictionary.\"", .can_be_absent = true},
    TROUBLES("username"),
    TROUBLES("password"),
    TROUBLES("refresh"),
    TROUBLES("token"),
};
const struct shape ufdl_form_errors_shape = {"FormErrors", "What is wrong, by member.", form_errors_members,
                                             API_COUNT(form_errors_members)};

#define EXAMPLE_TOKEN                                                                                        \
    "\"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjEifQ."                                                  \
    "eyJqdHQiOiJhY2Nlc3MiLCJleHAiOjE3OTUzOTI0NjQsImlhdCI6MTc5NTM5MjE2NCwianRpIjoiNGYxYyIsInVwayI6MX0.c2lnbg" \
    "\""
#define ACCESS                                                                                               \
    {                                                                                                        \
        "access", SHAPE_TEXT, 0, "For `Authorization: Bearer`; good for 5 minutes.", EXAMPLE_TOKEN           \
    }
static const struct member tokens_members[] = {
    {"refresh", SHAPE_TEXT, 0, "Gets new access tokens; good for 8 hours.", EXAMPLE_TOKEN},
    ACCESS,
};
static const struct member access_members[] = {ACCESS};
const struct shape ufdl_tokens_shape = {"Tokens", "JSON Web Tokens of both types.", tokens_members,
                                        API_COUNT(tokens_members)};
const struct shape ufdl_access_shape = {"AccessToken", "A JSON Web Token.", access_members,
                                        API_COUNT(access_members)};
const struct shape ufdl_nothing_shape = {NULL, "An object without members.", NULL, 0};
const struct shape ufdl_any_shape = {NULL, NULL, NULL, 0, .is_open = true};

/* --- objects --- */

#define PK(about)                                                                                            \
    {                                                                                                        \
        "pk", SHAPE_INT, 0, about, "3"                                                                       \
    }
#define PK_OR_NULL                                                                                           \
    {                                                                                                        \
        "pk", SHAPE_INT, 0, "The number under which it is found; null once it is deleted for good.", "3",    \
            .can_be_null = true                                                                              \
    }
#define DELETED                                                                                              \
    {                                                                                                        \
        "deletion_time", SHAPE_TIME, 0, "When it was deleted.", "null", .can_be_null = true                  \
    }

static const struct member output_members[] = {
    PK_OR_NULL,
    {"job", SHAPE_INT, 0, "The pk of the job that made it.", "2"},
    {"name", SHAPE_TEXT, 0, "With job and type it is unique.", "\"result\""},
    {"type", SHAPE_TEXT, 0, "What it is to its users; may be empty.", "\"JSON\""},
    {"creator", SHAPE_INT, 0, "The pk of the user or key that published it."},
    {"creation_time", SHAPE_TIME, 0, "RFC 3339 in UTC."},
    DELETED,
};
const struct shape ufdl_output_shape = {"JobOutput", "A file that a job made.", output_members,
                                        API_COUNT(output_members)};

static const struct member template_brief_members[] = {
    PK("The number under which it is found."),
    {"name", SHAPE_TEXT, 0, "What it is called.", "\"train\""},
    {"version", SHAPE_INT, 0, "As it was sent."},
};
static const struct shape template_brief_shape = {"JobTemplateBrief", "What a job says of its template.",
                                                  template_brief_members, API_COUNT(template_brief_members)};

static const struct member output_brief_members[] = {
    PK("The number under which it is found."),
    {"name", SHAPE_TEXT, 0, "Its name.", "\"result\""},
    {"type", SHAPE_TEXT, 0, "Its type.", "\"JSON\""},
};
static const struct shape output_brief_shape = {"JobOutputBrief", "What a job says of one of its outputs.",
                                                output_brief_members, API_COUNT(output_brief_members)};

static const struct member job_members[] = {
    PK_OR_NULL,
    {"template", SHAPE_OBJECT, 0, "What it was created from.", .of = &template_brief_shape},
    {"parent", SHAPE_INT, 0, "Always null: there are no meta jobs.", "null", .can_be_null = true},
    {"start_time", SHAPE_TIME, 0, "When it began to run.", .can_be_null = true},
    {"end_time", SHAPE_TIME, 0, "When it was finished or failed.", "null", .can_be_null = true},
    {"error_reason", SHAPE_TEXT, 0, "Why it failed, or that it was cancelled.", "null", .can_be_null = true},
    {"input_values", SHAPE_OBJECT, 0, "By name, as they were sent.",
     "{\"images\":{\"value\":7,\"type\":\"PK<Dataset>\"}}", .of = &ufdl_any_shape},
    {"parameter_values", SHAPE_OBJECT, 0, "By name, as they were sent.", .of = &ufdl_any_shape},
    {"node", SHAPE_INT, 0, "The pk of the node that has acquired it.", .can_be_null = true},
    {"outputs", SHAPE_OBJECT, 0, "What it has made, deleted ones too.", .is_list = true,
     .of = &output_brief_shape},
    {"description", SHAPE_TEXT, 0, "A text for people.", "\"night run\""},
    {"is_cancelled", SHAPE_BOOL, 0, "Whether it was."},
    {"creator", SHAPE_INT, 0, "The pk of the user or key that made it.", .can_be_null = true},
    {"creation_time", SHAPE_TIME, 0, "RFC 3339 in UTC."},
    DELETED,
};
const struct shape ufdl_job_shape = {
    "Job", "Work to be done, and what came of it. Its times and its error tell where it is in its life.",
    job_members, API_COUNT(job_members)};

static const struct member template_members[] = {
    PK("The number under which it is found."),
    {"name", SHAPE_TEXT, 0, "Unique in the project: the kind of its jobs.", "\"train\""},
    {"version", SHAPE_INT, 0, "As it was sent."},
    {"description", SHAPE_TEXT, 0, "A text for people.", "\"\""},
    {"inputs", SHAPE_OBJECT, 0, "By name; null: jobs keep whatever comes.", .can_be_null = true,
     .of = &ufdl_any_shape},
    {"parameters", SHAPE_OBJECT, 0, "By name; null: jobs take any.", .can_be_null = true,
     .of = &ufdl_any_shape},
    {"creator", SHAPE_INT, 0, "The pk of the user or key that made it; the first template has none.",
     .can_be_null = true},
    {"creation_time", SHAPE_TIME, 0, "RFC 3339 in UTC; the first template has none.", .can_be_null = true},
    {"deletion_time", SHAPE_TIME, 0, "Always null: none is deleted.", "null", .can_be_null = true},
};
const struct shape ufdl_template_shape = {"JobTemplate", "A kind of jobs.", template_members,
                                          API_COUNT(template_members)};

static const struct member node_members[] = {
    PK("The number under which it is found, and for `Node-Id`."),
    {"ip", SHAPE_TEXT, 0, "The address that it works at.", "\"10.0.0.7\""},
    {"driver_version", SHAPE_TEXT, 0, "Of its graphics card.", "\"535.104\"", .can_be_null = true},
    {"hardware_generation", SHAPE_JSON, 0, "Of its graphics card: a text, a number or null.", "\"Ampere\""},
    {"gpu_mem", SHAPE_INT, 0, "Memory of its graphics card in MB.", "24576"},
    {"cpu_mem", SHAPE_INT, 0, "Its memory in MB.", "65536"},
    {"last_seen", SHAPE_TIME, 0, "When it last acquired or moved a job, pinged or was changed."},
    {"current_job", SHAPE_INT, 0, "The pk of the job that it runs.", "null", .can_be_null = true},
};
const struct shape ufdl_node_shape = {"Node", "A machine that works.", node_members, API_COUNT(node_members)};

/* --- FilterSpec, which ufdl_filter.c reads --- */

#define TYPE(type_words)                                                                                     \
    {                                                                                                        \
        "type", SHAPE_TEXT, 0, "Which expression this is.", .words = type_words,                             \
                                                            .word_count = API_COUNT(type_words)              \
    }
#define FIELD                                                                                                \
    {                                                                                                        \
        "field", SHAPE_TEXT, 0, "One of those that the list names; `__` stands for a dot.", "\"name\""       \
    }
#define INVERT                                                                                               \
    {                                                                                                        \
        "invert", SHAPE_BOOL, 0, "Turns it around (false).", .can_be_absent = true                           \
    }
#define ANY_CASE                                                                                             \
    {                                                                                                        \
        "case_insensitive", SHAPE_BOOL, 0, "Whether A–Z are as a–z (false).", .can_be_absent = true          \
    }

static const char *const exact_words[] = {"exact"};
static const struct member exact_members[] = {
    TYPE(exact_words),
    FIELD,
    {"value", SHAPE_JSON, 0, "A text, a number or a boolean, as the field is.", "\"result\""},
    ANY_CASE,
    INVERT,
};
static const struct shape exact_shape = {"Exact", "The field is this value.", exact_members,
                                         API_COUNT(exact_members)};

static const char *const contains_words[] = {"contains"};
static const struct member contains_members[] = {
    TYPE(contains_words),
    FIELD,
    {"sub_string", SHAPE_TEXT, 0, "What is looked for.", "\"res\""},
    ANY_CASE,
    INVERT,
};
static const struct shape contains_shape = {"Contains", "The field, a text, has this within.",
                                            contains_members, API_COUNT(contains_members)};

static const char *const is_null_words[] = {"isnull"};
static const struct member is_null_members[] = {TYPE(is_null_words), FIELD, INVERT};
static const struct shape is_null_shape = {"IsNull", "The field is null.", is_null_members,
                                           API_COUNT(is_null_members)};

static const char *const compare_words[] = {"compare"};
static const char *const operator_words[] = {"<", ">", "<=", ">="};
static const struct member compare_members[] = {
    TYPE(compare_words),
    FIELD,
    {"operator", SHAPE_TEXT, 0, "How.", .words = operator_words, .word_count = API_COUNT(operator_words)},
    {"value", SHAPE_JSON, 0, "A text, a number or a time, as the field is.", "\"2026-01-01\""},
    INVERT,
};
static const struct shape compare_shape = {"Compare", "The field is less or more than this value.",
                                           compare_members, API_COUNT(compare_members)};

#define FIELDS &exact_shape, &contains_shape, &is_null_shape, &compare_shape
#define SUB_EXPRESSIONS(shapes)                                                                              \
    {                                                                                                        \
        "sub_expressions", SHAPE_OBJECT, 0, "Two or more.", .is_list = true, .either = shapes                \
    }

static const struct shape *const in_and[] = {FIELDS, NULL};
static const char *const and_words[] = {"and"};
static const struct member and_members[] = {TYPE(and_words), SUB_EXPRESSIONS(in_and), INVERT};
static const struct shape and_shape = {"And", "All of these hold.", and_members, API_COUNT(and_members)};

static const struct shape *const in_or[] = {FIELDS, &and_shape, NULL};
static const char *const or_words[] = {"or"};
static const struct member or_members[] = {TYPE(or_words), SUB_EXPRESSIONS(in_or), INVERT};
static const struct shape or_shape = {"Or", "One of these holds.", or_members, API_COUNT(or_members)};

static const struct member order_members[] = {
    FIELD,
    {"ascending", SHAPE_BOOL, 0, "The smallest first (true).", "true", .can_be_absent = true},
    {"nulls_first", SHAPE_BOOL, 0, "Null before all others (false).", .can_be_absent = true},
};
static const struct shape order_shape = {"OrderBy", "A field that the list goes by.", order_members,
                                         API_COUNT(order_members)};

static const struct shape *const at_top[] = {FIELDS, &and_shape, &or_shape, NULL};
static const struct member filter_members[] = {
    {"expressions", SHAPE_OBJECT, 0, "All of them must hold; 200 at most, those within counted.",
     .is_list = true, .can_be_absent = true, .either = at_top},
    {"order_by", SHAPE_OBJECT, 0,
     "The first decides, others where it is equal, the pk in the end; 16 at most.", .is_list = true,
     .can_be_absent = true, .of = &order_shape},
    {"include_inactive", SHAPE_BOOL, 0, "With deleted ones (false).", .can_be_absent = true},
};
const struct shape ufdl_filter_shape = {"FilterSpec", "Which rows a list has, and in which order.",
                                        filter_members, API_COUNT(filter_members)};
