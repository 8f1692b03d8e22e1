/* SPDX-License-Identifier: Apache-2.0 */
/* ricloud: how the API describes itself; its objects stand in ricloud_shape.c. */
#include "api/ricloud.h"

/* Parameters and members that are not known are passed over. */
#define ANY_QUERY     .query_open = true
#define EXAMPLE_ID    "01939a5e-7c2b-7d41-9f0a-3b6c5d4e2f10"
#define PLACE_ID      .places = {"id"}, .place_examples = {EXAMPLE_ID}
#define BODY(table)   .fields = (table), .field_count = API_COUNT(table), .body_open = true, ANY_QUERY
#define PARAMS(table) .params = (table), .param_count = API_COUNT(table), ANY_QUERY

/* --- what is sent --- */

#define TEXT(name, about)                                                                                    \
    {                                                                                                        \
        name, PARAM_TEXT, 0, 0, 0, about                                                                     \
    }
#define WORD(name, about, array)                                                                             \
    {                                                                                                        \
        name, PARAM_TEXT, 0, 0, 0, about, array, API_COUNT(array)                                            \
    }
#define PAGE_PARAMS                                                                                          \
    {"limit", PARAM_INT, 0, 1, RICLOUD_LARGEST_LIMIT, "At most so many on one page (10).", .example = "20"}, \
        TEXT("after_id", "Only what stands after the object with this id."),                                 \
        TEXT("before_id", "Only what stands before it; without `after_id` the page that ends there.")
#define SINCE_PARAM                                                                                          \
    {                                                                                                        \
        "since", PARAM_TIME, 0, 0, 0, "Only what was made then or later; UTC, if it names no zone."          \
    }
/* ricloud_poll_labels */
#define POLL_PARAMS                                                                                          \
    TEXT("user", "Only of polls of this user."), TEXT("source", "Only of polls of this source."),            \
        TEXT("session", "Only of polls that use this session."),                                             \
        TEXT("subscription", "Only of polls for this subscription."),                                        \
        WORD("requestor", "Only of polls that were wanted so.", ricloud_requestors)

static const struct param page_params[] = {PAGE_PARAMS};
static const struct param result_params[] = {
    PAGE_PARAMS,
    SINCE_PARAM,
    TEXT("task", "Only of this task."),
    TEXT("poll", "Only of this poll."),
    {"state", PARAM_TEXT, 0, 0, 0, "Only in this state; else only what is available.", result_state_names,
     RESULT_STATE_END},
    {"identifier", PARAM_TEXT, .about = "Only of this name.", .example = "rows.csv"},
    TEXT("type", "Only what shows this type."),
    POLL_PARAMS,
};
static const struct param task_params[] = {
    PAGE_PARAMS,
    SINCE_PARAM,
    TEXT("poll", "Only of this poll."),
    WORD("state", "Only in this state.", ricloud_task_states),
    TEXT("type", "Only of this type."),
    POLL_PARAMS,
};
static const struct param poll_params[] = {PAGE_PARAMS, SINCE_PARAM, POLL_PARAMS};
static const struct param source_params[] = {
    PAGE_PARAMS,
    TEXT("user", "Only of this user."),
    TEXT("type", "Only of this type."),
};
static const struct param session_params[] = {
    PAGE_PARAMS,
    TEXT("user", "Only of this user."),
    TEXT("source", "Only of this source."),
};
static const struct param subscription_params[] = {
    PAGE_PARAMS,
    TEXT("user", "Only of this user."),
    TEXT("source", "Only of this source."),
    TEXT("session", "Only of this session."),
};
static const struct param event_params[] = {
    PAGE_PARAMS,
    SINCE_PARAM,
    WORD("type", "Only what happened to such.", ricloud_event_types),
    WORD("action", "Only what happened so.", ricloud_event_actions),
};
static const struct param storage_params[] = {PAGE_PARAMS, SINCE_PARAM};

static const struct param await[] = {
    {"Ricloud-Await", PARAM_INT, 0, 0, 0,
     "Wait up to so many seconds (10 at most) until it has ended; then comes what there is."},
};
#define AWAIT .headers = await, .header_count = API_COUNT(await)

#define OPERATION(name, ...)                                                                                 \
    const struct operation ricloud_op_##name = {__VA_ARGS__} /* id, group, summary … */
#define LISTS(shape, table) PARAMS(table), .answers = {{200, "One page.", &(shape)}}
#define SHOWS(shape)        PLACE_ID, ANY_QUERY, .answers = {{200, "It, as it is now.", &(shape)}}, .refusals = {404}

/* --- results --- */

OPERATION(result_list, "listResults", "results", "List results, oldest first",
          .about = "Consumed and expired ones are in it only if `state` asks for them.",
          LISTS(ricloud_result_list_shape, result_params));

OPERATION(result_get, "getResult", "results", "Show a result", SHOWS(ricloud_result_shape));

OPERATION(result_ack_many, "acknowledgeResults", "results", "Acknowledge many results",
          .about = "All or none. A list of ids is taken in place of the object, too.",
          BODY(ricloud_ack_fields), .body_example = "{\"results\":[\"" EXAMPLE_ID "\"]}",
          .answers = {{200, "All of them, consumed.", &ricloud_result_list_shape}}, .refusals = {404, 410});

OPERATION(result_ack_get, "acknowledgeResultByGet", "results", "Acknowledge a result, as older clients do",
          .about = "Does the same as `POST`.", PLACE_ID, ANY_QUERY,
          .answers = {{200, "It, consumed.", &ricloud_result_shape}}, .refusals = {404, 410});

OPERATION(result_ack, "acknowledgeResult", "results", "Acknowledge a result",
          .about = "Doing it again changes nothing. A body is not looked at.", PLACE_ID, ANY_QUERY,
          .answers = {{200, "It, consumed.", &ricloud_result_shape}}, .refusals = {404, 410});

/* --- polls --- */

OPERATION(poll_create, "createPoll", "polls", "Ask for data",
          .about = "Makes one task for each thing that the payload names, 1000 at most, "
                   "and a single one if it names nothing.",
          BODY(ricloud_poll_fields), AWAIT,
          .body_example = "{\"payload\":{\"data_types\":[\"ios_messages.messages\"]}}",
          .answers = {{201, "The poll, with its tasks.", &ricloud_poll_shape}}, .refusals = {409});

OPERATION(poll_list, "listPolls", "polls", "List polls, oldest first",
          LISTS(ricloud_poll_list_shape, poll_params));

OPERATION(poll_get, "getPoll", "polls", "Show a poll", SHOWS(ricloud_poll_shape), AWAIT);

/* --- tasks --- */

OPERATION(task_create, "createTask", "tasks", "Make a single task", BODY(ricloud_task_fields), AWAIT,
          .body_example = "{\"type\":\"data_type\",\"target\":\"ios_messages.messages\"}",
          .answers = {{201, "The task.", &ricloud_task_shape}}, .refusals = {409});

OPERATION(task_list, "listTasks", "tasks", "List tasks, oldest first",
          LISTS(ricloud_task_list_shape, task_params));

OPERATION(task_get, "getTask", "tasks", "Show a task", SHOWS(ricloud_task_shape), AWAIT);

/* --- users --- */

OPERATION(user_create, "createUser", "users", "Make a user", BODY(ricloud_user_fields),
          .body_example = "{\"identifier\":\"ada\"}",
          .answers = {{200, "There was such a user.", &ricloud_user_shape},
                      {201, "A new one.", &ricloud_user_shape}});

OPERATION(user_list, "listUsers", "users", "List users, oldest first",
          LISTS(ricloud_user_list_shape, page_params));

OPERATION(user_get, "getUser", "users", "Show a user", SHOWS(ricloud_user_shape));

/* --- sources --- */

OPERATION(source_create, "createSource", "sources", "Make a source", BODY(ricloud_source_fields),
          .body_example = "{\"user\":\"" EXAMPLE_ID
                          "\",\"type\":\"icloud.backup\",\"identifier\":\"ada@mail.example\"}",
          .answers = {{200, "There was such a source.", &ricloud_source_shape},
                      {201, "A new one.", &ricloud_source_shape}});

OPERATION(source_list, "listSources", "sources", "List sources, oldest first",
          LISTS(ricloud_source_list_shape, source_params));

OPERATION(source_get, "getSource", "sources", "Show a source", SHOWS(ricloud_source_shape));

/* --- sessions --- */

OPERATION(session_create, "createSession", "sessions", "Make a session", BODY(ricloud_session_fields),
          .body_example = "{\"source\":\"" EXAMPLE_ID "\",\"payload\":{\"password\":\"secret\"}}",
          .answers = {{201, "The session.", &ricloud_session_shape}});

OPERATION(session_list, "listSessions", "sessions", "List sessions, oldest first",
          LISTS(ricloud_session_list_shape, session_params));

OPERATION(session_get, "getSession", "sessions", "Show a session", SHOWS(ricloud_session_shape));

OPERATION(session_payload, "getSessionPayload", "sessions", "What a worker logs in with",
          .about = "An addition of this server.", PLACE_ID, ANY_QUERY,
          .answers = {{200, "The payload, as it was sent.", &ricloud_payload_shape}}, .refusals = {404, 500});

/* --- subscriptions --- */

OPERATION(subscription_create, "createSubscription", "subscriptions", "Make a subscription",
          .about = "The server makes no polls by itself: whoever does so on a schedule posts them with the "
                   "`requestor` `subscription`.",
          BODY(ricloud_subscription_fields),
          .body_example = "{\"session\":\"" EXAMPLE_ID "\",\"interval\":86400,"
                          "\"poll_payload\":{\"data_types\":[\"ios_messages.messages\"]}}",
          .answers = {{201, "The subscription.", &ricloud_subscription_shape}});

OPERATION(subscription_list, "listSubscriptions", "subscriptions", "List subscriptions, oldest first",
          LISTS(ricloud_subscription_list_shape, subscription_params));

OPERATION(subscription_get, "getSubscription", "subscriptions", "Show a subscription",
          SHOWS(ricloud_subscription_shape));

OPERATION(subscription_delete, "deleteSubscription", "subscriptions", "End a subscription", PLACE_ID,
          ANY_QUERY,
          .answers = {{200, "It, deleted. It can still be looked at.", &ricloud_subscription_shape}},
          .refusals = {404});

/* --- keys and the organisation --- */

OPERATION(key_current, "getCurrentKey", "keys", "Show the key that asks", ANY_QUERY,
          .answers = {{200, "It.", &ricloud_key_shape}});

OPERATION(key_list, "listKeys", "keys", "List keys, oldest first",
          LISTS(ricloud_key_list_shape, page_params));

OPERATION(key_get, "getKey", "keys", "Show a key", .places = {"id"}, .place_examples = {"Vb3kQ9xT"},
          ANY_QUERY, .answers = {{200, "It, without its secret.", &ricloud_key_shape}}, .refusals = {404});

OPERATION(key_rotate, "rotateKey", "keys", "Give a key another secret",
          .about = "The old one is refused from then on. A body is not looked at.", .places = {"id"},
          .place_examples = {"Vb3kQ9xT"}, ANY_QUERY,
          .answers = {{200, "It, with the whole new key as `token`.", &ricloud_key_shape}},
          .refusals = {404, 409});

OPERATION(organisation, "getOrganisation", "organisation", "Show the key's project", ANY_QUERY,
          .answers = {{200, "It.", &ricloud_organisation_shape}});

/* --- events --- */

OPERATION(event_list, "listEvents", "events", "List events, oldest first",
          LISTS(ricloud_event_list_shape, event_params));

OPERATION(event_get, "getEvent", "events", "Show an event", .places = {"id"}, .place_examples = {"42"},
          ANY_QUERY, .answers = {{200, "It.", &ricloud_event_shape}}, .refusals = {404});

/* --- configs --- */

OPERATION(storage_create, "createStorageConfig", "configs", "Make a storage config: a bucket of your own",
          BODY(ricloud_storage_fields),
          .body_example =
              "{\"name\":\"ours\",\"url\":\"s3://our-bucket/results\","
              "\"credentials\":{\"access_key_id\":\"AKIA0EXAMPLE\",\"secret_access_key\":\"secret\","
              "\"region\":\"eu-west-1\"}}",
          .answers = {{201, "The config.", &ricloud_storage_shape}}, .refusals = {409});

OPERATION(storage_list, "listStorageConfigs", "configs", "List storage configs, oldest first",
          LISTS(ricloud_storage_list_shape, storage_params));

OPERATION(storage_get, "getStorageConfig", "configs", "Show a storage config", SHOWS(ricloud_storage_shape));

OPERATION(storage_update, "changeStorageConfig", "configs", "Change a storage config",
          .about = "What is not named stays.", PLACE_ID, BODY(ricloud_storage_fields),
          .body_example = "{\"signed_urls_enabled\":true,\"signed_urls_expiry\":600}",
          .answers = {{200, "It, changed.", &ricloud_storage_shape}}, .refusals = {404, 409});

OPERATION(storage_delete, "deleteStorageConfig", "configs", "Delete a storage config",
          .about = "One that tasks or results refer to stays: 409. Nothing is removed from the bucket.",
          PLACE_ID, ANY_QUERY, .answers = {{200, "What it was.", &ricloud_storage_shape}},
          .refusals = {404, 409});

OPERATION(
    storage_test_get, "testStorageConfigByGet", "configs", "Test a storage config, as the client does",
    .about =
        "Writes a small object to the bucket, reads it and removes it. How it went is a task that has ended.",
    PLACE_ID, ANY_QUERY,
    .answers = {{200, "It succeeded, or its `error` says why not.", &ricloud_task_shape}}, .refusals = {404});

OPERATION(
    storage_test, "testStorageConfig", "configs", "Test a storage config",
    .about =
        "Writes a small object to the bucket, reads it and removes it. How it went is a task that has ended.",
    PLACE_ID, ANY_QUERY,
    .answers = {{200, "It succeeded, or its `error` says why not.", &ricloud_task_shape}}, .refusals = {404});

OPERATION(webhook_create, "createWebhookConfig", "configs", "Make a webhook config",
          BODY(ricloud_webhook_fields), .body_example = "{\"url\":\"https://hooks.example/ricloud\"}",
          .answers = {{201, "The config, with its `secret`.", &ricloud_webhook_shape}});

OPERATION(webhook_list, "listWebhookConfigs", "configs", "List webhook configs, oldest first",
          LISTS(ricloud_webhook_list_shape, page_params));

OPERATION(webhook_get, "getWebhookConfig", "configs", "Show a webhook config", SHOWS(ricloud_webhook_shape));

OPERATION(webhook_update, "changeWebhookConfig", "configs", "Change a webhook config", PLACE_ID,
          BODY(ricloud_webhook_fields), .body_example = "{\"url\":\"https://hooks.example/other\"}",
          .answers = {{200, "It, changed.", &ricloud_webhook_shape}}, .refusals = {404});

OPERATION(webhook_delete, "deleteWebhookConfig", "configs", "Delete a webhook config", PLACE_ID, ANY_QUERY,
          .answers = {{200, "What it was.", &ricloud_webhook_shape}}, .refusals = {404});

/* --- the whole --- */

const struct description ricloud_description = {
    .title = "ricloud",
    .about =
        "Version 3 of ricloud's API over this server's jobs and results: a poll is a batch, a task a job. "
        "Members and parameters that are not known are passed over, and a member that is null counts as "
        "absent. Where something refers to an object, its id is taken, and so is an object that has it as "
        "`id`. Every answer is a JSON object. Times are RFC 3339 in UTC with six digits.",
    .key_forms = RICLOUD_KEY_FORMS,
    .error_media_type = "application/json",
    .error = &ricloud_error_shape,
    .always = {400, 401, 403, 503},
    .refusals =
        {
            {400, "A parameter, a member or a field of the head is wrong, or refers to what is not there."},
            {401, "There is no valid key."},
            {403, "The key lacks a scope."},
            {404, "There is nothing with this id in the key's project."},
            {409, "The state of the object forbids it, or the name is taken."},
            {410, "The result has expired."},
            {413, "More bytes than the server takes."},
            {500, "The key that sealed it is lost; the log says more."},
            {503, "Too much is waiting, or a part of the server is out of order; see `Retry-After`."},
            {507, "The disk is full, or would be."},
        },
};
