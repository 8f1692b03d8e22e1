/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by job.c and job_query.c: from JOB_COLUMNS to a struct job. */
#pragma once

#include "store/row.h"

/* Columns of a job, for SELECT … FROM job j LEFT JOIN batch b … JOIN principal c … LEFT JOIN storage st …;
 * how many. */
#define JOB_COLUMNS                                                                                          \
    "j.pk, j.id, j.project, j.batch, b.id, j.kind, j.reference_id, j.tag, j.priority_weight, j.status, "     \
    "j.progress,"                                                                                            \
    " j.error, j.input, j.creator, c.name, j.lease, j.lease_seconds, j.lease_expires_at, j.holder,"          \
    " j.created_at, j.started_at, j.finished_at, j.deleted_at, j.storage, st.name"
#define JOB_JOINS                                                                                            \
    " LEFT JOIN batch b ON b.pk = j.batch JOIN principal c ON c.pk = j.creator"                              \
    " LEFT JOIN storage st ON st.pk = j.storage "
#define JOB_FROM " FROM job j" JOB_JOINS
enum { JOB_COLUMN_COUNT = 25 };

struct job *job_row_read(struct db *db, struct db_cursor *c, struct arena *a);
