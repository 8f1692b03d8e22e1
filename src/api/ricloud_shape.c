/* SPDX-License-Identifier: Apache-2.0 */
/* ricloud: its objects, as they are described. */
#include "api/ricloud.h"

static const char *const list_words[] = {"list"};
const char *const ricloud_task_states[5] = {"pending", "processing", "suspended", "succeeded", "failed"};
const char *const ricloud_event_types[3] = {"poll", "task", "result"};
const char *const ricloud_event_actions[6] = {"created", "started",  "succeeded",
                                              "failed",  "consumed", "expired"};

#define EXAMPLE_ID "\"01939a5e-7c2b-7d41-9f0a-3b6c5d4e2f10\""

#define WORDS(array) .words = (array), .word_count = API_COUNT(array)
#define ID(name, text)                                                                                       \
    {                                                                                                        \
        name, SHAPE_TEXT, .about = (text), .example = EXAMPLE_ID                                             \
    }
#define ID_OR_NULL(name, text)                                                                               \
    {                                                                                                        \
        name, SHAPE_TEXT, .about = (text), .example = EXAMPLE_ID, .can_be_null = true                        \
    }
#define TEXT(name, text, json)                                                                               \
    {                                                                                                        \
        name, SHAPE_TEXT, .about = (text), .example = (json)                                                 \
    }
#define TEXT_OR_NULL(name, text, json)                                                                       \
    {                                                                                                        \
        name, SHAPE_TEXT, .about = (text), .example = (json), .can_be_null = true                            \
    }
#define TIME(name, text)                                                                                     \
    {                                                                                                        \
        name, SHAPE_TIME, .about = (text)                                                                    \
    }
#define TIME_OR_NULL(name, text)                                                                             \
    {                                                                                                        \
        name, SHAPE_TIME, .about = (text), .example = "null", .can_be_null = true                            \
    }
#define WORD(name, text, array)                                                                              \
    {                                                                                                        \
        name, SHAPE_TEXT, .about = (text), WORDS(array)                                                      \
    }
/* Always null: what the API has and this server has not. */
#define NOTHING(name)                                                                                        \
    {                                                                                                        \
        name, SHAPE_TEXT, .about = "Always null.", .example = "null", .can_be_null = true                    \
    }
#define OBJECT(name, text, shape)                                                                            \
    {                                                                                                        \
        name, SHAPE_OBJECT, .about = (text), .of = &(shape)                                                  \
    }
#define IDS(name, text)                                                                                      \
    {                                                                                                        \
        name, SHAPE_TEXT, .about = (text), .example = "[]", .is_list = true                                  \
    }

/* How every object begins. */
#define BEGIN(word)                                                                                          \
    ID("id", "Its id."),                                                                                     \
        {"resource", SHAPE_TEXT, .about = "What it is.", .words = (const char *const[]){word},               \
         .word_count = 1},                                                                                   \
        TEXT("organisation", "The project's name.", "\"default\"")

#define LIST_END                                                                                             \
    {"has_more", SHAPE_BOOL, .about = "The list goes on."},                                                  \
        {"total_count", SHAPE_INT, .about = "How many the whole list has, counted up to 100,000."},          \
        TEXT("url", "The list's path.", "\"/results\"")

#define LIST(var, shape_name, item)                                                                          \
    static const struct member var##_members[] = {                                                           \
        WORD("resource", "What it is.", list_words),                                                         \
        {"data", SHAPE_OBJECT, .about = "One page.", .is_list = true, .of = &(item)},                        \
        LIST_END,                                                                                            \
    };                                                                                                       \
    const struct shape var = {shape_name, "One page of a list.", var##_members, API_COUNT(var##_members)}

#define SHAPE(var, shape_name, text)                                                                         \
    const struct shape var = {shape_name, text, var##_members, API_COUNT(var##_members)}

/* --- results --- */

static const struct member link_shape_members[] = {
    {"url", SHAPE_URL, .about = "Needs no key.",
     .example = "\"https://results.example/links/AZOaXnwrfUGfCjtsXU4vEA/people.csv\""},
    TIME("date_expires", "Until when it works: an hour."),
};
static SHAPE(link_shape, "SignedUrl", "A link made anew with each answer.");

static const struct member ricloud_result_shape_members[] = {
    BEGIN("result"),
    ID_OR_NULL("poll", "The poll that it is of."),
    ID("task", "The task that it is of."),
    TEXT("identifier", "Its name.", "\"messages.json\""),
    {"url", SHAPE_URL,
     .about =
         "The address of the content, which the key opens; `s3://BUCKET/KEY` in a bucket of the project's, "
         "`local://PATH` where the server gives out paths.",
     .example = "\"https://results.example/api/v1/results/01939a5e-7c2b-7d41-9f0a-3b6c5d4e2f10/content\""},
    TEXT_OR_NULL("type", "Its type, or else a word for its media type.", "\"json\""),
    TEXT("checksum", "The MD5 of its bytes, in hexadecimal.", "\"e146991e1c07585745c5a65f06a517e9\""),
    {"size", SHAPE_COUNT, .about = "In bytes.", .example = "1048576"},
    {"signed_url", SHAPE_OBJECT,
     .about = "Where to download it; null of an expired one, and for a key without the scope `read`.",
     .can_be_null = true, .of = &link_shape},
    {"state", SHAPE_TEXT, .about = "Consumed: it was acknowledged.", .words = result_state_names,
     .word_count = RESULT_STATE_END},
    TIME("date_created", "When it was published."),
    TIME_OR_NULL("date_consumed", "When it was acknowledged."),
    TIME_OR_NULL("date_deleted", "When it expired."),
};
SHAPE(ricloud_result_shape, "Result", "A file that a task produced.");
LIST(ricloud_result_list_shape, "ResultList", ricloud_result_shape);

/* --- tasks and polls --- */

static const struct member ricloud_task_shape_members[] = {
    BEGIN("task"),
    TEXT_OR_NULL("key", "The public part of the key that asked.", "\"Vb3kQ9xT\""),
    ID_OR_NULL("user", "On whose behalf."),
    ID_OR_NULL("source", "Where the data come from."),
    ID_OR_NULL("session", "The session that it uses."),
    ID_OR_NULL("poll", "The poll that it is part of."),
    TEXT_OR_NULL("source_type", "The type of that source.", "\"icloud.backup\""),
    TEXT("type", "What kind of work it is.", "\"data_type\""),
    TEXT_OR_NULL("target", "What it is to fetch.", "\"ios_messages.messages\""),
    WORD("state", "None is ever suspended.", ricloud_task_states),
    OBJECT("results", "Its results, up to 1000.", ricloud_result_list_shape),
    {"error", SHAPE_TEXT, .about = "The code that its worker failed with, or `cancelled`.", .example = "null",
     .can_be_null = true},
    TIME("date_created", "When it was made."),
    TIME_OR_NULL("date_started", "When a worker took it."),
    TIME_OR_NULL("date_completed", "When it ended."),
};
SHAPE(ricloud_task_shape, "Task", "One piece of work, which a worker does.");
LIST(ricloud_task_list_shape, "TaskList", ricloud_task_shape);

static const char *const error_words[] = {"error"};
static const struct member task_error_members[] = {
    WORD("resource", "What it is.", error_words),
    ID("task", "The task that failed."),
    TEXT_OR_NULL("code", "The worker's word for it, or `cancelled`.", "\"no-access\""),
    TEXT_OR_NULL("message", "The worker's sentence.", "\"the source says no\""),
};
static SHAPE(task_error, "TaskError", "Why a task failed.");

static const struct member errors_members[] = {
    {"data", SHAPE_OBJECT, .about = "One for each task that failed.", .is_list = true, .of = &task_error},
    LIST_END,
};
static SHAPE(errors, "TaskErrorList", "Like a list, but without `resource`.");

static const char *const poll_states[] = {"pending", "processing", "completed"};
static const struct member ricloud_poll_shape_members[] = {
    BEGIN("poll"),
    TEXT_OR_NULL("key", "The public part of the key that asked.", "\"Vb3kQ9xT\""),
    ID_OR_NULL("user", "On whose behalf."),
    ID_OR_NULL("source", "Where the data come from."),
    ID_OR_NULL("session", "The session that it uses."),
    ID_OR_NULL("subscription", "The subscription that it was made for."),
    {"requestor", SHAPE_TEXT, .about = "Who wanted it.", .can_be_null = true, WORDS(ricloud_requestors)},
    {"payload", SHAPE_OBJECT, .about = "What it asks for.",
     .example = "{\"data_types\":[\"ios_messages.messages\"]}", .can_be_null = true},
    IDS("tasks_pending", "Tasks that no worker has taken yet. All five lists together: the first 1000."),
    IDS("tasks_processing", "Tasks at work."),
    IDS("tasks_succeeded", "Tasks that succeeded."),
    IDS("tasks_failed", "Tasks that failed."),
    IDS("tasks_suspended", "Always empty."),
    OBJECT("results", "Results of all its tasks, up to 1000.", ricloud_result_list_shape),
    OBJECT("errors", "Why tasks failed.", errors),
    WORD("state", "Completed: all tasks have ended, however they did.", poll_states),
    TIME("date_created", "When it was made."),
    TIME_OR_NULL("date_started", "When its first task was taken."),
    TIME_OR_NULL("date_completed", "When its last task ended."),
};
SHAPE(ricloud_poll_shape, "Poll", "A request for data: one task for each thing that it asks for.");
LIST(ricloud_poll_list_shape, "PollList", ricloud_poll_shape);

/* --- users, sources, sessions, subscriptions --- */

static const struct member ricloud_user_shape_members[] = {
    BEGIN("user"),
    TEXT("identifier", "Your own name for the user.", "\"ada\""),
    TIME("date_created", "When it was made."),
};
SHAPE(ricloud_user_shape, "User", "Somebody whose data are fetched.");
LIST(ricloud_user_list_shape, "UserList", ricloud_user_shape);

static const struct member ricloud_source_shape_members[] = {
    BEGIN("source"),
    ID("user", "Whose it is."),
    TEXT("type", "Where the data come from.", "\"icloud.backup\""),
    TEXT_OR_NULL("identifier", "Which one of that type.", "\"ada@mail.example\""),
    TIME("date_created", "When it was made."),
};
SHAPE(ricloud_source_shape, "Source", "A place that data come from.");
LIST(ricloud_source_list_shape, "SourceList", ricloud_source_shape);

static const char *const active_words[] = {"active"};
static const struct member ricloud_session_shape_members[] = {
    BEGIN("session"),
    TEXT_OR_NULL("key", "The public part of the key that made it.", "\"Vb3kQ9xT\""),
    ID("user", "Whose it is."),
    OBJECT("source", "What it logs in to.", ricloud_source_shape),
    WORD("state", "Workers find out whether the source lets them in.", active_words),
    NOTHING("error"),
    TIME("date_created", "When it was made."),
    NOTHING("date_expired"),
};
SHAPE(ricloud_session_shape, "Session", "A login to a source; what it logs in with is not shown.");
LIST(ricloud_session_list_shape, "SessionList", ricloud_session_shape);

static const struct member ricloud_payload_shape_members[] = {
    ID("session", "The session."),
    {"payload", SHAPE_JSON, .about = "What to log in with, as it was sent; null if nothing was."},
};
SHAPE(ricloud_payload_shape, "SessionPayload", "What a worker logs in with.");

static const char *const subscription_states[] = {"active", "deleted"};
static const struct member ricloud_subscription_shape_members[] = {
    BEGIN("subscription"),
    TEXT("org", "The project's name.", "\"default\""),
    ID("user", "Whose it is."),
    ID("source", "Where the data come from."),
    ID("session", "The session that its polls use."),
    ID_OR_NULL("storage_config", "Where results go."),
    {"poll_payload", SHAPE_OBJECT, .about = "The payload of its polls.",
     .example = "{\"data_types\":[\"ios_messages.messages\"]}"},
    {"interval", SHAPE_JSON, .about = "How often, as it was sent.", .example = "86400"},
    {"date_start", SHAPE_JSON, .about = "From when on, as it was sent.", .example = "null"},
    {"date_end", SHAPE_JSON, .about = "Until when, as it was sent.", .example = "null"},
    WORD("state", "A deleted one makes no polls any more.", subscription_states),
    TIME("date_created", "When it was made."),
};
SHAPE(ricloud_subscription_shape, "Subscription", "Polls to be made again and again.");
LIST(ricloud_subscription_list_shape, "SubscriptionList", ricloud_subscription_shape);

/* --- configs --- */

static const char *const storage_types[] = {"s3"};
static const struct member credentials_members[] = {
    TEXT_OR_NULL("access_key_id", "The bucket's key; its secret is never shown.", "\"AKIA0EXAMPLE\""),
    TEXT_OR_NULL("region", "The bucket's region.", "\"eu-west-1\""),
    TEXT_OR_NULL("endpoint", "The address of the service, if it is not AWS.", "null"),
};
static SHAPE(credentials, "StorageCredentials", "How the server gets into a bucket.");

static const struct member ricloud_storage_shape_members[] = {
    BEGIN("storage_config"),
    WORD("type", "What it is.", storage_types),
    TEXT("name", "What it is called.", "\"ours\""),
    TEXT("url", "The bucket, and what keys in it begin with.", "\"s3://our-bucket/results\""),
    OBJECT("credentials", "How the server gets in.", credentials),
    {"signed_urls_enabled", SHAPE_BOOL, .about = "Downloads are sent to the bucket."},
    {"signed_urls_expiry", SHAPE_INT, .about = "For how many seconds such an address works.",
     .example = "3600", .can_be_null = true},
    {"state", SHAPE_TEXT, .about = "What the last test of it found; `new`: there was none.",
     .words = storage_state_names, .word_count = STORAGE_STATE_END},
    TIME("date_created", "When it was made."),
};
SHAPE(ricloud_storage_shape, "StorageConfig", "A bucket of the project's that results go to.");
LIST(ricloud_storage_list_shape, "StorageConfigList", ricloud_storage_shape);

static const char *const new_words[] = {"new"};
static const struct member ricloud_webhook_shape_members[] = {
    BEGIN("webhook_config"),
    {"url", SHAPE_URL, .about = "Where to send events.", .example = "\"https://hooks.example/ricloud\""},
    TEXT_OR_NULL("secret", "Shown when it is made, and never again.", "null"),
    WORD("state", "Nothing is sent to it yet.", new_words),
    TIME("date_created", "When it was made."),
};
SHAPE(ricloud_webhook_shape, "WebhookConfig", "An address for events.");
LIST(ricloud_webhook_list_shape, "WebhookConfigList", ricloud_webhook_shape);

/* --- keys, the organisation, events --- */

static const char *const key_types[] = {"standard"};
static const char *const key_states[] = {"active", "deactivated"};
static const struct member ricloud_key_shape_members[] = {
    TEXT("id", "The part of it that may be shown.", "\"Vb3kQ9xT\""),
    {"resource", SHAPE_TEXT, .about = "What it is.", .words = (const char *const[]){"key"}, .word_count = 1},
    TEXT("organisation", "The project's name.", "\"default\""),
    TEXT("name", "What it is called.", "\"worker\""),
    WORD("type", "There is only this one.", key_types),
    TEXT("scopes", "What it may do.", "\"read,ack\""),
    NOTHING("storage_config"),
    NOTHING("webhook_config"),
    TEXT_OR_NULL("token", "The whole key, in the answer to its rotation and nowhere else.", "null"),
    WORD("state", "A deactivated one was revoked.", key_states),
    TIME("date_created", "When it was made."),
    NOTHING("date_expires"),
};
SHAPE(ricloud_key_shape, "Key", "A key of the project.");
LIST(ricloud_key_list_shape, "KeyList", ricloud_key_shape);

static const char *const organisation_words[] = {"organisation"};
static const struct member ricloud_organisation_shape_members[] = {
    TEXT("id", "The project's name.", "\"default\""),
    WORD("resource", "What it is.", organisation_words),
    TEXT("name", "The project's name.", "\"default\""),
    TEXT("slug", "The project's name.", "\"default\""),
    NOTHING("permissions"),
    OBJECT("storage_configs", "Its storage configs, up to 1000.", ricloud_storage_list_shape),
    ID_OR_NULL("storage_config_default",
               "Where results go if nobody says so; null: to the server's own disk."),
    OBJECT("webhook_configs", "Its webhook configs, up to 1000.", ricloud_webhook_list_shape),
    NOTHING("webhook_config_default"),
    WORD("state", "It is always active.", active_words),
    TIME("date_created", "When it was made."),
};
SHAPE(ricloud_organisation_shape, "Organisation", "The key's project.");

static const struct shape *const event_data[] = {&ricloud_poll_shape, &ricloud_task_shape,
                                                 &ricloud_result_shape, NULL};
static const char *const event_words[] = {"event"};
static const char *const event_states[] = {"pending"};
static const struct member ricloud_event_shape_members[] = {
    TEXT("id", "Its number in the project's record.", "\"42\""),
    WORD("resource", "What it is.", event_words),
    WORD("type", "What it happened to.", ricloud_event_types),
    WORD("action", "What happened.", ricloud_event_actions),
    {"data", SHAPE_OBJECT, .about = "What it happened to, as it is now; null: it has gone.",
     .example = "null", .can_be_null = true, .either = event_data},
    WORD("state", "Events are not sent to anybody yet.", event_states),
    {"retries", SHAPE_INT, .about = "Always 0.", .example = "0"},
    TIME("date_created", "When it happened."),
    NOTHING("date_delivered"),
};
SHAPE(ricloud_event_shape, "Event", "Something that happened in the project.");
LIST(ricloud_event_list_shape, "EventList", ricloud_event_shape);

/* --- refusals --- */

static const char *const slugs[] = {
    "invalid",  "unauthorised", "forbidden", "not-found",    "method-not-allowed",
    "conflict", "gone",         "too-large", "server-error", "unavailable"};
static const struct member error_params_members[] = {
    {"name", SHAPE_TEXT, .about = "What is wrong: a parameter, a field of the head, or a path in the body.",
     .example = "\"limit\"", .can_be_absent = true},
};
static const struct shape error_params = {NULL, NULL, error_params_members, API_COUNT(error_params_members)};
static const struct member ricloud_error_shape_members[] = {
    WORD("error", "A word for programs.", slugs),
    TEXT("message", "What is wrong, and what would be right.",
         "\"the parameter \\\"limit\\\" must be a whole number from 1 to 1000\""),
    OBJECT("params", "About what.", error_params),
};
SHAPE(ricloud_error_shape, "Error", "Why a request was refused.");
