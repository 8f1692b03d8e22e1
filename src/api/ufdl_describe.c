/* SPDX-License-Identifier: Apache-2.0 */
/* UFDL's API: what its routes are to those who call them; the objects are in ufdl_shape.c. */
#include "api/ufdl.h"
#include "api/ufdl_shape.h"

#define TOKENS    "tokens"
#define OUTPUTS   "job outputs"
#define TEMPLATES "job templates"
#define NODES     "nodes"
#define JOBS      "jobs"

const struct description ufdl_description = {
    .title = "UFDL's API",
    .about = "Jobs, the nodes that work on them, and their outputs, all of them addressed by numbers. The "
             "bearer is an access token, or a key of this server. Members and parameters that are not known "
             "here are passed over, but in a FilterSpec. One `/` at the end of an address is as if it were "
             "not there, but below `outputs`.",
    .key_forms = KEY_BEARER | KEY_HEADER,
    .error_media_type = "application/json",
    .error = &ufdl_error_shape,
    .always = {400, 401, 403, 503},
    .refusals =
        {
            {400, "A member or a header field is wrong, or the name is taken."},
            {401, "There is no valid token or key, or the password is wrong."},
            {403, "It is not for this user, key or node."},
            {404, "There is no such object in the project."},
            {406, "The state of the job or output forbids it, or the template does not know the parameter."},
            {410, "It has expired."},
            {413, "More bytes than the server takes."},
            {417, "The job has not been started."},
            {503, "Too much is waiting, or a part of the server is out of order; see `Retry-After`."},
            {507, "The disk is full, or would be."},
        },
};

#define OF_PK       .places = {"pk"}, .place_examples = {"3"}, .query_open = true
#define BODY(table) .fields = table, .field_count = API_COUNT(table), .body_open = true
#define LIST(about_fields)                                                                                   \
    .about = "All of them at once: there are no pages. Fields: " about_fields ".", .query_open = true,       \
    .body = &ufdl_filter_shape, .body_optional = true

/* --- tokens --- */

#define BY_FORM "Also as a form (`application/x-www-form-urlencoded`)."
#define TOKEN_ANSWERS(what, shape)                                                                           \
    {                                                                                                        \
        {200, what, shape}, {400, "A member is missing or wrong.", &ufdl_form_errors_shape},                 \
    }

/* A number is taken for its text. */
static const struct json_field obtain_fields[] = {
    {"username", JSON_TO_STRING, 0, true, 1, INT64_MAX, .about = "Of a user that was made on the server."},
    {"password", JSON_TO_STRING, 0, true, 1, INT64_MAX, .about = "Theirs."},
};
const struct operation ufdl_op_token_obtain = {
    .id = "obtainTokens",
    .group = TOKENS,
    .summary = "Get tokens for a password",
    .about = BY_FORM,
    .query_open = true,
    BODY(obtain_fields),
    .body_example = "{\"username\":\"admin\",\"password\":\"a long password\"}",
    .answers = TOKEN_ANSWERS("Both tokens.", &ufdl_tokens_shape),
    .refusals = {401},
};

static const struct json_field refresh_fields[] = {
    {"refresh", JSON_TO_STRING, 0, true, 1, INT64_MAX, .about = "A refresh token."},
};
const struct operation ufdl_op_token_refresh = {
    .id = "refreshToken",
    .group = TOKENS,
    .summary = "Get a new access token",
    .about = BY_FORM,
    .query_open = true,
    BODY(refresh_fields),
    .body_example = "{\"refresh\":\"eyJhbGciOiJIUzI1NiJ9.eyJqdHQiOiJyZWZyZXNoIn0.c2lnbg\"}",
    .answers = TOKEN_ANSWERS("The token.", &ufdl_access_shape),
    .refusals = {401},
};

static const struct json_field verify_fields[] = {
    {"token", JSON_TO_STRING, 0, true, 1, INT64_MAX, .about = "A token of either type."},
};
const struct operation ufdl_op_token_verify = {
    .id = "verifyToken",
    .group = TOKENS,
    .summary = "Ask whether a token is good",
    .about = BY_FORM,
    .query_open = true,
    BODY(verify_fields),
    .body_example = "{\"token\":\"eyJhbGciOiJIUzI1NiJ9.eyJqdHQiOiJhY2Nlc3MifQ.c2lnbg\"}",
    .answers = TOKEN_ANSWERS("It is.", &ufdl_nothing_shape),
    .refusals = {401},
};

/* --- job outputs --- */

const struct operation ufdl_op_output_list = {
    .id = "listJobOutputs",
    .group = OUTPUTS,
    .summary = "List outputs",
    LIST("`pk`, `job`, `name`, `type`, `creator`, `creator.username`, `creation_time`, `deletion_time`, "
         "`job.description`, `job.creation_time`, `job.start_time`, `job.end_time`, `job.template.name`, "
         "`job.creator`, `job.creator.username`"),
    .body_example =
        "{\"expressions\":[{\"type\":\"exact\",\"field\":\"job.template.name\",\"value\":\"train\"}],"
        "\"order_by\":[{\"field\":\"creation_time\",\"ascending\":false}]}",
    .answers = {{200, "The outputs.", &ufdl_output_shape, ANSWER_LIST}},
};

const struct operation ufdl_op_output_retrieve = {
    .id = "getJobOutput",
    .group = OUTPUTS,
    .summary = "Show an output, deleted ones too",
    OF_PK,
    .answers = {{200, "The output.", &ufdl_output_shape}},
    .refusals = {404},
};

const struct operation ufdl_op_output_destroy = {
    .id = "destroyJobOutput",
    .group = OUTPUTS,
    .summary = "Delete an output, until it is reinstated",
    .about = "For staff. Again it is the same.",
    OF_PK,
    .answers = {{204, "It is deleted."}},
    .refusals = {404},
};

const struct operation ufdl_op_output_hard_delete = {
    .id = "hardDeleteJobOutput",
    .group = OUTPUTS,
    .summary = "Delete an output for good",
    .about = "For staff.",
    OF_PK,
    .answers = {{200, "What there was, without its pk.", &ufdl_output_shape}},
    .refusals = {404},
};

const struct operation ufdl_op_output_reinstate = {
    .id = "reinstateJobOutput",
    .group = OUTPUTS,
    .summary = "Bring back an output that was deleted",
    .about = "For staff.",
    OF_PK,
    .answers = {{200, "The output.", &ufdl_output_shape}},
    .refusals = {404, 406},
};

static const struct json_field download_fields[] = {
    {"filetype", JSON_TO_STRING, 0, false, 0, INT64_MAX,
     .about = "The end of the file's name, in place of the type; empty: none."},
    {"params", JSON_TO_OBJECT, 0, false, 0, 0, .about = "Texts and lists of them, which mean nothing here."},
};
#define BYTES "application/data"
const struct operation ufdl_op_output_download = {
    .id = "downloadJobOutput",
    .group = OUTPUTS,
    .summary = "The bytes of an output, deleted ones too",
    OF_PK,
    BODY(download_fields),
    .body_optional = true,
    .body_example = "{\"filetype\":\"json\"}",
    .answers = {{200, "The bytes.", .media_type = BYTES, .headers = {"Content-Disposition"}}},
    .refusals = {404, 410},
};

/* --- job templates --- */

const struct operation ufdl_op_template_list = {
    .id = "listJobTemplates",
    .group = TEMPLATES,
    .summary = "List templates",
    LIST("`pk`, `name`, `version`, `description`, `creator`, `creator.username`, `creation_time`, "
         "`deletion_time`"),
    .body_example = "{\"expressions\":[{\"type\":\"exact\",\"field\":\"name\",\"value\":\"train\"}]}",
    .answers = {{200, "The templates.", &ufdl_template_shape, ANSWER_LIST}},
};

const struct operation ufdl_op_template_create = {
    .id = "createJobTemplate",
    .group = TEMPLATES,
    .summary = "Make a template",
    .query_open = true,
    BODY(ufdl_template_fields),
    .body_example =
        "{\"name\":\"train\",\"version\":1,\"inputs\":{\"images\":{}},\"parameters\":{\"epochs\":{}}}",
    .answers = {{201, "The template.", &ufdl_template_shape}},
};

const struct operation ufdl_op_template_retrieve = {
    .id = "getJobTemplate",
    .group = TEMPLATES,
    .summary = "Show a template",
    .about = "1 is in every project: it takes any inputs and parameters.",
    OF_PK,
    .answers = {{200, "The template.", &ufdl_template_shape}},
    .refusals = {404},
};

const struct operation ufdl_op_template_create_job = {
    .id = "createJob",
    .group = TEMPLATES,
    .summary = "Make a job from a template",
    OF_PK,
    BODY(ufdl_create_job_fields),
    .body_example = "{\"input_values\":{\"images\":{\"value\":7,\"type\":\"PK<Dataset>\"}},"
                    "\"parameter_values\":{\"epochs\":{\"value\":10,\"type\":\"int\"}},"
                    "\"description\":\"night run\"}",
    .answers = {{200, "The job, which waits for a node.", &ufdl_job_shape}},
    .refusals = {404, 406},
};

/* --- nodes --- */

#define NODE_FIELD(about_node, needed)                                                                       \
    {                                                                                                        \
        "Node-Id", PARAM_INT, 0, 1, INT64_MAX, about_node, .required = needed                                \
    }
static const struct param needed_node[] = {NODE_FIELD("The pk of the node that asks.", true)};
static const struct param possible_node[] = {
    NODE_FIELD("The pk of the node that asks; staff may do without.", false)};
#define AS_NODE     .headers = needed_node, .header_count = API_COUNT(needed_node)
#define MAY_BE_NODE .headers = possible_node, .header_count = API_COUNT(possible_node)

const struct operation ufdl_op_node_list = {
    .id = "listNodes",
    .group = NODES,
    .summary = "List nodes",
    LIST("`pk`, `ip`, `driver_version`, `hardware_generation`, `gpu_mem`, `cpu_mem`, `last_seen`, "
         "`current_job`"),
    .body_example = "{\"expressions\":[{\"type\":\"isnull\",\"field\":\"current_job\"}]}",
    .answers = {{200, "The nodes.", &ufdl_node_shape, ANSWER_LIST}},
};

const struct operation ufdl_op_node_create = {
    .id = "createNode",
    .group = NODES,
    .summary = "Make a node",
    .query_open = true,
    BODY(ufdl_node_new_fields),
    .body_example =
        "{\"ip\":\"10.0.0.7\",\"driver_version\":\"535.104\",\"gpu_mem\":24576,\"cpu_mem\":65536}",
    .answers = {{201, "The node.", &ufdl_node_shape}},
};

const struct operation ufdl_op_node_ping = {
    .id = "pingNode",
    .group = NODES,
    .summary = "Say that a node is there",
    .query_open = true,
    MAY_BE_NODE,
    .answers = {{200, "It was seen."}},
};

const struct operation ufdl_op_node_retrieve = {
    .id = "getNode",
    .group = NODES,
    .summary = "Show a node",
    OF_PK,
    .answers = {{200, "The node.", &ufdl_node_shape}},
    .refusals = {404},
};

#define CHANGE_NODE                                                                                          \
    .group = NODES, OF_PK, MAY_BE_NODE, BODY(ufdl_node_fields), .body_optional = true,                       \
    .body_example = "{\"driver_version\":\"550.54\"}", .answers = {{200, "The node.", &ufdl_node_shape}},    \
    .refusals = {404}

const struct operation ufdl_op_node_update = {
    .id = "updateNode",
    .summary = "Change a node",
    .about = "A node changes itself, staff any. What is left out stays.",
    CHANGE_NODE,
};

const struct operation ufdl_op_node_patch = {
    .id = "patchNode",
    .summary = "Change a node, by another method",
    CHANGE_NODE,
};

/* --- jobs --- */

const struct operation ufdl_op_job_list = {
    .id = "listJobs",
    .group = JOBS,
    .summary = "List jobs",
    LIST(
        "`pk`, `template`, `template.name`, `template.version`, `template.workabletemplate`, "
        "`template.metatemplate`, `parent`, `start_time`, `end_time`, `error_reason`, `node`, `description`, "
        "`is_cancelled`, `creator`, `creator.username`, `creation_time`, `deletion_time`"),
    .body_example = "{\"expressions\":[{\"type\":\"isnull\",\"field\":\"start_time\"}],"
                    "\"order_by\":[{\"field\":\"creation_time\"}]}",
    .answers = {{200, "The jobs.", &ufdl_job_shape, ANSWER_LIST}},
};

#define THE_JOB .answers = {{200, "The job.", &ufdl_job_shape}}

const struct operation ufdl_op_job_retrieve = {
    .id = "getJob",
    .group = JOBS,
    .summary = "Show a job, deleted ones too",
    OF_PK,
    THE_JOB,
    .refusals = {404},
};

#define CHANGE_JOB                                                                                           \
    .group = JOBS, OF_PK, BODY(ufdl_job_fields), .body_optional = true,                                      \
    .body_example = "{\"description\":\"second run\"}", THE_JOB, .refusals = {404, 406}

const struct operation ufdl_op_job_update = {
    .id = "updateJob",
    .summary = "Change what a job is called",
    .about = "For staff, and of a job that was made here.",
    CHANGE_JOB,
};

const struct operation ufdl_op_job_patch = {
    .id = "patchJob",
    .summary = "Change what a job is called, by another method",
    CHANGE_JOB,
};

const struct operation ufdl_op_job_destroy = {
    .id = "destroyJob",
    .group = JOBS,
    .summary = "Delete a job, until it is reinstated",
    .about = "For staff. Its outputs stay. Again it is the same.",
    OF_PK,
    .answers = {{204, "It is deleted."}},
    .refusals = {404},
};

const struct operation ufdl_op_job_hard_delete = {
    .id = "hardDeleteJob",
    .group = JOBS,
    .summary = "Delete a job without outputs for good",
    .about = "For staff.",
    OF_PK,
    .answers = {{200, "What there was, without its pk.", &ufdl_job_shape}},
    .refusals = {404, 406},
};

const struct operation ufdl_op_job_reinstate = {
    .id = "reinstateJob",
    .group = JOBS,
    .summary = "Bring back a job that was deleted",
    .about = "For staff.",
    OF_PK,
    THE_JOB,
    .refusals = {404, 406},
};

#define MOVE .group = JOBS, THE_JOB, .refusals = {404, 406}

const struct operation ufdl_op_job_acquire = {
    .id = "acquireJob",
    .summary = "Take a job that waits",
    .about = "Nobody else gets it from then on. Again it is the same.",
    OF_PK,
    AS_NODE,
    MOVE,
};

const struct operation ufdl_op_job_release = {
    .id = "releaseJob",
    .summary = "Give back a job that was acquired and not started",
    OF_PK,
    AS_NODE,
    MOVE,
};

const struct operation ufdl_op_job_release_by_get = {
    .id = "releaseJobByGet",
    .summary = "Give back a job, by another method",
    .about = "The Java client does.",
    OF_PK,
    AS_NODE,
    MOVE,
};

const struct operation ufdl_op_job_start = {
    .id = "startJob",
    .summary = "Begin with a job that was acquired",
    .about = "A node runs one at a time.",
    OF_PK,
    AS_NODE,
    BODY(ufdl_start_fields),
    .body_example = "{\"send_notification\":\"started\"}",
    MOVE,
};

const struct operation ufdl_op_job_progress = {
    .id = "progressJob",
    .summary = "Tell how far a job is",
    .about = "`amount` is `0.` and digits, or `1.` and zeros.",
    .places = {"pk", "amount"},
    .place_examples = {"3", "0.25"},
    .query_open = true,
    AS_NODE,
    .body = &ufdl_any_shape,
    .body_optional = true,
    .body_example = "{}",
    MOVE,
};

const struct operation ufdl_op_job_finish = {
    .id = "finishJob",
    .summary = "End a job, well or with an error",
    .about = "Again it is the same; of a job that was cancelled nothing changes.",
    OF_PK,
    AS_NODE,
    BODY(ufdl_finish_fields),
    .body_example = "{\"success\":true,\"send_notification\":\"finished\"}",
    MOVE,
};

const struct operation ufdl_op_job_reset = {
    .id = "resetJob",
    .summary = "Make a job that failed one that can be started again",
    .about = "Its outputs are deleted.",
    OF_PK,
    AS_NODE,
    MOVE,
};

const struct operation ufdl_op_job_abort = {
    .id = "abortJob",
    .summary = "Take a job away from its node, so that others can acquire it",
    .about = "For staff. Its outputs are deleted.",
    OF_PK,
    MOVE,
};

const struct operation ufdl_op_job_cancel = {
    .id = "cancelJob",
    .summary = "Cancel a job that waits or runs",
    .about = "For staff. Again it is the same.",
    OF_PK,
    MOVE,
};

/* --- outputs of a job, by name and type --- */

#define OF_OUTPUT                                                                                            \
    .group = JOBS, .places = {"pk", "name", "type"}, .place_examples = {"3", "result", "JSON"},              \
    .query_open = true

static const struct param upload_headers[] = {
    NODE_FIELD("The pk of the node that has acquired the job; staff may do without.", false),
    {"Content-Disposition", PARAM_TEXT, 0, 1, INT64_MAX, "With a `filename`, which is not looked at further.",
     .required = true},
};
const struct operation ufdl_op_add_output = {
    .id = "addJobOutput",
    .summary = "Upload an output of a job that runs",
    .about = "`Content-MD5`, `Content-Digest` and `Repr-Digest` are verified: where one is wrong nothing is "
             "kept. A name and type that the job has had already are refused.",
    OF_OUTPUT,
    .headers = upload_headers,
    .header_count = API_COUNT(upload_headers),
    .body_media = "application/octet-stream",
    .answers = {{200, "The output: it is stored, durably.", &ufdl_output_shape}},
    .refusals = {404, 406, 413, 417, 507},
};

const struct operation ufdl_op_get_output = {
    .id = "downloadJobOutputByName",
    .summary = "The bytes of an output of a job",
    OF_OUTPUT,
    .answers = {{200, "The bytes.", .media_type = BYTES}},
    .refusals = {404, 410},
};

const struct operation ufdl_op_delete_output = {
    .id = "deleteJobOutputByName",
    .summary = "Delete an output of a job, until it is reinstated",
    .about = "For staff.",
    OF_OUTPUT,
    .answers = {{200, "The output.", &ufdl_output_shape}},
    .refusals = {404},
};

const struct operation ufdl_op_get_output_info = {
    .id = "getJobOutputByName",
    .summary = "Show an output of a job",
    OF_OUTPUT,
    .answers = {{200, "The output.", &ufdl_output_shape}},
    .refusals = {404},
};
