/* SPDX-License-Identifier: Apache-2.0 */
/* The words of states, as they stand in the database. */
#include "store/store.h"

#include <string.h>

const char *const job_status_names[JOB_STATUS_END] = {
    [JOB_QUEUED] = "queued", [JOB_RUNNING] = "running",     [JOB_COMPLETED] = "completed",
    [JOB_FAILED] = "failed", [JOB_CANCELLED] = "cancelled",
};

const char *const result_state_names[RESULT_STATE_END] = {
    [RESULT_AVAILABLE] = "available",
    [RESULT_CONSUMED] = "consumed",
    [RESULT_EXPIRED] = "expired",
};

const char *const storage_state_names[STORAGE_STATE_END] = {
    [STORAGE_NEW] = "new",
    [STORAGE_VALID] = "valid",
    [STORAGE_INVALID] = "invalid",
};

int store_word(const char *const *names, int count, const char *word)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], word) == 0)
            return i;
    return -1;
}
