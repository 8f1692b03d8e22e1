/* SPDX-License-Identifier: Apache-2.0 */
/* Playment's API: what its routes are to those who call them. */
#include "api/playment.h"

#include "core/job.h"

#define BATCHES  "batches"
#define JOBS     "jobs"
#define PROJECTS "projects"

#define EXAMPLE_PROJECT "default"
#define EXAMPLE_BATCH   "01939a5e-7c2b-7d41-9f0a-3b6c5d4e2f10"
#define EXAMPLE_JOB     "01939a5e-8d10-7c02-8b4e-9f6a5d4c3b21"
#define EXAMPLE_RESULT  "https://results.example/api/v1/results/01939a5f-02aa-7e15-a3d7-1c2b3a495867/content"
#define EXAMPLE_LINK    "https://results.example/-/d/AQAAAAAAAAABAAZg6orwVvMwMWEyMDY5"

/* --- objects --- */

#define SUCCESS                                                                                              \
    {                                                                                                        \
        "success", SHAPE_BOOL, 0, "Always true.", "true"                                                     \
    }
#define ENVELOPE(name)                                                                                       \
    static const struct member name##_answer_members[] = {                                                   \
        {"data", SHAPE_OBJECT, 0, "What was asked for.", .of = &name##_shape}, SUCCESS};                     \
    static const struct shape name##_answer = {NULL, NULL, name##_answer_members,                            \
                                               API_COUNT(name##_answer_members)}

static const char *const code_words[] = {
    "unauthorized",   "core.webutil.auther",
    "FS_0001",        "FS_0002",
    "FS_0003",        "FS_0004",
    "FS_0006",        "FS_0007",
    "FS_00012",       "GE_0001",
    "BATCH_CREATION", "GE_0002",
    "api_error",      "invalid_request_error",
};
static const struct member error_members[] = {
    {"code", SHAPE_TEXT, 0, "A word for programs.", "\"FS_0006\"", .words = code_words,
     .word_count = API_COUNT(code_words)},
    {"message", SHAPE_TEXT, 0, "What is wrong, and what would be right.", "\"there is no job with this id\""},
};
static const struct shape error_shape = {"Error", "Why a request was refused.", error_members,
                                         API_COUNT(error_members)};
static const struct member failure_members[] = {
    {"success", SHAPE_BOOL, 0, "Always false.", "false"},
    {"error", SHAPE_OBJECT, 0, "Why.", .of = &error_shape},
};
static const struct shape failure_shape = {"Failure", "A refusal.", failure_members,
                                           API_COUNT(failure_members)};

static const struct member made_batch_members[] = {
    {"batch_id", SHAPE_UUID, 0, "The name under which it is found, for good.", "\"" EXAMPLE_BATCH "\""},
};
static const struct shape made_batch_shape = {"CreatedBatch", "A batch that was made.", made_batch_members,
                                              API_COUNT(made_batch_members)};
ENVELOPE(made_batch);

#define MADE_JOB                                                                                             \
    {"job_id", SHAPE_UUID, 0, "The name under which it is found, for good.", "\"" EXAMPLE_JOB "\""},         \
    {                                                                                                        \
        "reference_id", SHAPE_TEXT, 0, "As it was sent.", "\"001\""                                          \
    }
static const struct member made_job_v1_members[] = {
    MADE_JOB,
    {"work_flow_id", SHAPE_TEXT, 0, "What is to be done.", "\"boxes\""},
};
static const struct member made_job_v0_members[] = {
    MADE_JOB,
    {"tag", SHAPE_TEXT, 0, "The word to list it by.", "\"boxes\""},
};
static const struct shape made_job_v1_shape = {"CreatedJob", "A job that was made.", made_job_v1_members,
                                               API_COUNT(made_job_v1_members)};
static const struct shape made_job_v0_shape = {"CreatedJobV0", "A job that was made.", made_job_v0_members,
                                               API_COUNT(made_job_v0_members)};
ENVELOPE(made_job_v1);
ENVELOPE(made_job_v0);

#define STATUS                                                                                               \
    {                                                                                                        \
        "status", SHAPE_TEXT, 0, "Where it is in its life.", "\"completed\"", .words = job_status_names,     \
                                                                              .word_count = JOB_STATUS_END   \
    }
#define REFERENCE                                                                                            \
    {                                                                                                        \
        "reference_id", SHAPE_TEXT, 0, "Your own name for it; empty without.", "\"001\""                     \
    }
#define WEIGHT                                                                                               \
    {                                                                                                        \
        "priority_weight", SHAPE_INT, 0, "1 to 10; the highest is worked on first.", "5"                     \
    }
#define TAG                                                                                                  \
    {                                                                                                        \
        "tag", SHAPE_TEXT, 0, "The word to list it by; empty without.", "\"boxes\""                          \
    }

static const struct member reason_members[] = {
    {"code", SHAPE_TEXT, 0, "A word for programs.", "\"timeout\""},
    {"message", SHAPE_TEXT, 0, "A sentence for people.", "\"no answer within 60 s\""},
};
static const struct shape reason_shape = {"JobError", "What a worker gave as the reason.", reason_members,
                                          API_COUNT(reason_members)};

#define JOB_HEAD                                                                                             \
    {"project_id", SHAPE_TEXT, 0, "The name of its project.", "\"" EXAMPLE_PROJECT "\""}, REFERENCE,         \
        {"job_id", SHAPE_UUID, 0, "The name under which it is found.", "\"" EXAMPLE_JOB "\""},               \
        {"batch_id", SHAPE_TEXT, 0, "The id of its batch; empty without.", "\"" EXAMPLE_BATCH "\""}, STATUS
#define JOB_TAIL                                                                                             \
    WEIGHT, TAG,                                                                                             \
        {"result", SHAPE_TEXT, 0,                                                                            \
         "The address of its main result, which the key opens; empty until it is completed, or without.",    \
         "\"" EXAMPLE_RESULT "\""},                                                                          \
    {                                                                                                        \
        "error", SHAPE_OBJECT, 0, "Of one that failed.", .can_be_absent = true, .of = &reason_shape          \
    }
static const struct member job_v1_members[] = {
    JOB_HEAD,
    {"work_flow_id", SHAPE_TEXT, 0, "What is to be done: workers take jobs by it.", "\"boxes\""},
    JOB_TAIL,
};
static const struct member job_v0_members[] = {JOB_HEAD, JOB_TAIL};
static const struct shape job_v1_shape = {"Job", "Work to be done, and what came of it.", job_v1_members,
                                          API_COUNT(job_v1_members)};
static const struct shape job_v0_shape = {"JobV0", "Work to be done, and what came of it.", job_v0_members,
                                          API_COUNT(job_v0_members)};
ENVELOPE(job_v1);
ENVELOPE(job_v0);

#define LISTED                                                                                               \
    {"id", SHAPE_UUID, 0, "The `job_id`.", "\"" EXAMPLE_JOB "\""}, REFERENCE, STATUS,                        \
        {"frames", SHAPE_COUNT, 0, "A job counts as one frame."},                                            \
    {                                                                                                        \
        "annotations", SHAPE_COUNT, 0, "One if it is completed, else none."                                  \
    }
static const struct member listed_v1_members[] = {LISTED};
static const struct member listed_v0_members[] = {
    LISTED,
    WEIGHT,
    TAG,
    {"viewer_url", SHAPE_TEXT, 0, "Always empty: there is no viewer.", "\"\""},
};
static const struct shape listed_v1_shape = {"ListedJob", "A job of a batch.", listed_v1_members,
                                             API_COUNT(listed_v1_members)};
static const struct shape listed_v0_shape = {"ListedJobV0", "A job of a batch.", listed_v0_members,
                                             API_COUNT(listed_v0_members)};

#define NEXT_PAGE                                                                                            \
    {                                                                                                        \
        "next_page_token", SHAPE_TEXT, 0, "For `page_token`; only while there are more.", "\"217\"",         \
            .can_be_absent = true                                                                            \
    }
#define BATCH_JOBS(jobs_shape)                                                                               \
    {"id", SHAPE_UUID, 0, "The `batch_id`.", "\"" EXAMPLE_BATCH "\""},                                       \
        {"project_id", SHAPE_TEXT, 0, "The name of its project.", "\"" EXAMPLE_PROJECT "\""},                \
        {"name", SHAPE_TEXT, 0, "What it is called.", "\"week 47\""},                                        \
        {"label", SHAPE_TEXT, 0, "As it was sent.", "\"cars\"", .can_be_absent = true},                      \
        {"jobs", SHAPE_OBJECT, 0, "Oldest first, at most a hundred.", .is_list = true, .of = &(jobs_shape)}, \
        NEXT_PAGE
static const struct member batch_v1_members[] = {BATCH_JOBS(listed_v1_shape)};
static const struct member batch_v0_members[] = {BATCH_JOBS(listed_v0_shape)};
static const struct shape batch_v1_shape = {"BatchJobs", "Some of the jobs of a batch.", batch_v1_members,
                                            API_COUNT(batch_v1_members)};
static const struct shape batch_v0_shape = {"BatchJobsV0", "Some of the jobs of a batch.", batch_v0_members,
                                            API_COUNT(batch_v0_members)};
ENVELOPE(batch_v1);
ENVELOPE(batch_v0);

static const struct member link_members[] = {
    {"url", SHAPE_URL, 0, "A link that needs no key, valid for an hour; as in `Location`, but whole.",
     "\"" EXAMPLE_LINK "\""},
};
static const struct shape link_shape = {"Attachment", "Where the bytes are.", link_members,
                                        API_COUNT(link_members)};
ENVELOPE(link);

#define COUNTS                                                                                               \
    {"total_jobs", SHAPE_COUNT, 0, "How many there are.", "12"},                                             \
        {"completed_jobs", SHAPE_COUNT, 0, "How many of them are completed.", "9"},                          \
        {"total_frames", SHAPE_COUNT, 0, "A job counts as one frame.", "12"},                                \
        {"completed_frames", SHAPE_COUNT, 0, "Those of completed jobs.", "9"},                               \
    {                                                                                                        \
        "annotations", SHAPE_COUNT, 0, "A completed job counts as one annotation.", "9"                      \
    }
static const char *const batch_status_words[] = {"In Progress", "Complete"};
static const struct member batch_members[] = {
    {"id", SHAPE_UUID, 0, "The `batch_id`.", "\"" EXAMPLE_BATCH "\""},
    {"name", SHAPE_TEXT, 0, "What it is called.", "\"week 47\""},
    {"description", SHAPE_TEXT, 0, "As it was sent; empty without.", "\"\""},
    {"is_default", SHAPE_BOOL, 0, "Whether jobs go here that name no batch."},
    COUNTS,
    {"created_at", SHAPE_TIME, 0, "RFC 3339 in UTC."},
    {"status", SHAPE_TEXT, 0, "`Complete` if it has jobs and none of them is queued or running.",
     .words = batch_status_words, .word_count = API_COUNT(batch_status_words)},
};
static const struct shape batch_shape = {"Batch", "A batch and the sums of its jobs.", batch_members,
                                         API_COUNT(batch_members)};

#define PROJECT                                                                                              \
    {"name", SHAPE_TEXT, 0, "What it is called.", "\"" EXAMPLE_PROJECT "\""},                                \
    {                                                                                                        \
        "base", SHAPE_TEXT, 0, "Always empty: of what kind the data are is not known here.", "\"\""          \
    }
static const struct member details_members[] = {
    PROJECT,
    {"batches", SHAPE_OBJECT, 0, "Oldest first, at most 1000.", .is_list = true, .of = &batch_shape},
    NEXT_PAGE,
};
static const struct shape details_shape = {"ProjectDetails", "A project and its batches.", details_members,
                                           API_COUNT(details_members)};
ENVELOPE(details);

static const struct member stats_members[] = {
    PROJECT,
    {"total_batches", SHAPE_COUNT, 0, "How many there are.", "2"},
    {"completed_batches", SHAPE_COUNT, 0, "How many of them are `Complete`.", "1"},
    COUNTS,
};
static const struct shape stats_shape = {"ProjectStats", "The sums of a project.", stats_members,
                                         API_COUNT(stats_members)};
ENVELOPE(stats);

/* --- the whole --- */

const struct description playment_description = {
    .title = "Playment's API",
    .about = "Batches of jobs, and what came of them. Scripts send v1, the Python SDK v0 and `/projectsvc`. "
             "Members and parameters that are not known here are passed over.",
    .key_forms = KEY_HEADER | KEY_BEARER,
    .error_media_type = "application/json",
    .error = &failure_shape,
    .always = {400, 401, 503},
    .refusals =
        {
            {400, "Whatever else the client did wrong; `code` tells it apart."},
            {401, "There is no valid key."},
            {503, "Too much is waiting, or a part of the server is out of order; see `Retry-After`."},
            {507, "The disk is full, or would be."},
        },
};

/* --- operations --- */

#define PLACE_PROJECT "project_id"
#define OF_PROJECT    .places = {PLACE_PROJECT}, .place_examples = {EXAMPLE_PROJECT}, .query_open = true
#define OF_BATCH                                                                                             \
    .places = {PLACE_PROJECT, "batch_id"}, .place_examples = {EXAMPLE_PROJECT, EXAMPLE_BATCH},               \
    .query_open = true
#define OF_JOB                                                                                               \
    .places = {PLACE_PROJECT, "job_id"}, .place_examples = {EXAMPLE_PROJECT, EXAMPLE_JOB}, .query_open = true
#define PAGES .params = playment_page_params, .param_count = API_COUNT(playment_page_params)

#define CREATE_BATCH                                                                                         \
    .group = BATCHES, OF_PROJECT, .fields = playment_batch_fields,                                           \
    .field_count = API_COUNT(playment_batch_fields), .body_open = true,                                      \
    .body_example = "{\"name\":\"week 47\",\"description\":\"street scenes\",\"label\":\"cars\"}",           \
    .answers = {{200, "The id of the batch.", &made_batch_answer}}, .refusals = {507}

const struct operation playment_op_create_batch = {
    .id = "createBatch", .summary = "Make a batch", CREATE_BATCH};

const struct operation playment_op_create_batch_singular = {
    .id = "createBatchSingular", .summary = "Make a batch, at another address", CREATE_BATCH};

#define CREATE_JOB                                                                                           \
    .group = JOBS, OF_PROJECT, .fields = playment_job_fields, .field_count = API_COUNT(playment_job_fields), \
    .body_open = true,                                                                                       \
    .body_example = "{\"reference_id\":\"001\",\"work_flow_id\":\"boxes\","                                  \
                    "\"data\":{\"image_url\":\"https://site.example/a.jpg\"}}",                              \
    .refusals = {507}

const struct operation playment_op_create_job_v1 = {
    .id = "createJob",
    .summary = "Make a job",
    .about = "The worker gets the whole body as the job's input.",
    .answers = {{200, "The job, which is queued.", &made_job_v1_answer}},
    CREATE_JOB,
};

const struct operation playment_op_create_job_v0 = {
    .id = "createJobV0",
    .summary = "Make a job, as the SDK does",
    .answers = {{200, "The job, which is queued.", &made_job_v0_answer}},
    CREATE_JOB,
};

const struct operation playment_op_create_job_sdk = {
    .id = "createJobSdk",
    .summary = "Make a job, as the SDK does at another address",
    .answers = {{200, "The job, which is queued.", &made_job_v0_answer}},
    CREATE_JOB,
};

const struct operation playment_op_batch_v1 = {
    .id = "getBatchJobs",
    .group = BATCHES,
    .summary = "List the jobs of a batch, oldest first",
    OF_BATCH,
    PAGES,
    .answers = {{200, "One page.", &batch_v1_answer}},
};

const struct operation playment_op_batch_v0 = {
    .id = "getBatchJobsV0",
    .group = BATCHES,
    .summary = "List the jobs of a batch, as the SDK does",
    OF_BATCH,
    PAGES,
    .answers = {{200, "One page.", &batch_v0_answer}},
};

const struct operation playment_op_job_v1 = {
    .id = "getJob",
    .group = JOBS,
    .summary = "Show a job and the address of its result",
    OF_JOB,
    .answers = {{200, "The job.", &job_v1_answer}},
};

const struct operation playment_op_job_v0 = {
    .id = "getJobV0",
    .group = JOBS,
    .summary = "Show a job and the address of its result, as the SDK does",
    OF_JOB,
    .answers = {{200, "The job.", &job_v0_answer}},
};

static const struct param attachment_params[] = {
    {"url", PARAM_TEXT, 0, 1, INT64_MAX,
     "The `result` of a job, escaped or not: all behind the first `url=` is taken for it.", .required = true},
};
const struct operation playment_op_attachment = {
    .id = "getAttachment",
    .group = JOBS,
    .summary = "Follow the result of a job to its bytes, without a key",
    .about = "Only addresses of this server are taken, and only of results of the key's project.",
    .params = attachment_params,
    .param_count = API_COUNT(attachment_params),
    .query_open = true,
    .answers = {{302, "To a link that is valid for an hour.", &link_answer, .headers = {"Location"}}},
};

#define DETAILS                                                                                              \
    .group = PROJECTS, OF_PROJECT, PAGES,                                                                    \
    .answers = {{200, "The project, and one page of its batches.", &details_answer}}

const struct operation playment_op_details_v1 = {
    .id = "getProjectDetails", .summary = "Show a project and its batches, oldest first", DETAILS};

const struct operation playment_op_details_v0 = {
    .id = "getProjectDetailsV0", .summary = "Show a project and its batches, as the SDK does", DETAILS};

const struct operation playment_op_stats = {
    .id = "getProjectStats",
    .group = PROJECTS,
    .summary = "Show the sums of a project",
    OF_PROJECT,
    .answers = {{200, "The sums.", &stats_answer}},
};
