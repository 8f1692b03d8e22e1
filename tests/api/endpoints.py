# SPDX-License-Identifier: Apache-2.0
"""Every endpoint that the established APIs' documents and clients name: a line is a method and a path, in which what
stands in braces may be anything."""

TABLES = {
    "ricloud": """
        GET    /results
        GET    /results/{result_ID}
        GET    /results/{result_ID}/ack
        POST   /results/{result_ID}/ack
        POST   /results/ack
        GET    /results?task={task}&state=available&limit=5&after_id={id}&since=2020-01-02T03%3A04%3A05.678&user={user}
        POST   /users
        POST   /sessions
        POST   /polls
        GET    /polls
        GET    /polls?session={session}&limit=1
        GET    /polls/{id}
        GET    /tasks
        GET    /tasks/{id}
        POST   /tasks
        GET    /configs/storage
        POST   /configs/storage
        GET    /configs/storage/{id}
        POST   /configs/storage/{id}
        DELETE /configs/storage/{id}
        POST   /configs/storage/{id}/test
        GET    /configs/webhook
        POST   /configs/webhook
        GET    /configs/webhook/{id}
        POST   /configs/webhook/{id}
        DELETE /configs/webhook/{id}
        GET    /events
        GET    /events/{id}
        GET    /key
        GET    /keys
        POST   /keys/{id}/rotate
        GET    /organisation
    """,
    "nostradamus": """
        POST /api/collection
        GET  /api/collection
        POST /api/collection/{collectionId}/data/{dataType}/append
        POST /api/invocation
        GET  /api/invocation/{invocationId}
        GET  /api/invocation/{invocationId}/json
        GET  /api/invocation/{invocationId}/csv
        GET  /api/invocation/{invocationId}/xlsx
        GET  /api/invocation/{invocationId}/result/{resultId}/json
        GET  /api/invocation/{invocationId}/result/{resultId}/csv
        GET  /api/invocation/{invocationId}/result/{resultId}/xlsx
    """,
    "datafiniti": """
        GET /v3/data/products?view=products_all&format=csv&q=categories%3Ashoes+AND+prices%3A%2A&download=true
        GET /v3/data/businesses
        GET /v3/data/properties
        GET /v3/requests
        GET /v3/requests/
        GET /v3/requests/{id}
        GET /v3/results/{request_id}
        GET /v3/users/{token}
    """,
    "playment": """
        POST /v1/projects/{project_id}/batch
        POST /v1/project/{project_id}/batch
        POST /v1/projects/{project_id}/jobs
        POST /v0/projects/{project_id}/jobs
        POST /projectsvc/projects/{project_id}/jobs
        GET  /v1/projects/{project_id}/batch/{batch_id}
        GET  /v1/projects/{project_id}/batch/{batch_id}?page_token=
        GET  /v0/projects/{project_id}/batch/{batch_id}
        GET  /v0/projects/{project_id}/batch/{batch_id}?page_token=1575822103313046000
        GET  /v1/projects/{project_id}/jobs/{job_id}
        GET  /v0/projects/{project_id}/jobs/{job_id}
        GET  /v1/attachments?url={result_url}
        GET  /v1/projects/{project_id}/details
        GET  /v0/projects/{project_id}/details
        GET  /v0/projects/{project_id}/stats
    """,
    "ufdl": """
        POST   /v1/auth/obtain
        POST   /v1/auth/refresh
        POST   /v1/auth/verify
        POST   /v1/job-outputs/list
        POST   /v1/job-outputs/create
        PUT    /v1/job-outputs/{PK}
        PATCH  /v1/job-outputs/{PK}
        GET    /v1/job-outputs/{PK}
        DELETE /v1/job-outputs/{PK}
        DELETE /v1/job-outputs/{PK}/hard
        DELETE /v1/job-outputs/{PK}/reinstate
        POST   /v1/job-outputs/{PK}/download
        POST   /v1/job-templates/list
        POST   /v1/job-templates/{PK}/create-job
        POST   /v1/jobs/list
        GET    /v1/jobs/{PK}
        GET    /v1/jobs/{PK}/acquire
        DELETE /v1/jobs/{PK}/release
        POST   /v1/jobs/{PK}/start
        POST   /v1/jobs/{PK}/progress/0.5
        POST   /v1/jobs/{PK}/outputs/{name}/{type}
        GET    /v1/jobs/{PK}/outputs/{name}/{type}
        GET    /v1/jobs/{PK}/outputs/{name}/{type}/info
        DELETE /v1/jobs/{PK}/outputs/{name}/{type}
        POST   /v1/jobs/{PK}/finish
        DELETE /v1/jobs/{PK}/reset
        DELETE /v1/jobs/{PK}/abort
        DELETE /v1/jobs/{PK}/cancel
        DELETE /v1/jobs/{PK}
        DELETE /v1/jobs/{PK}/hard
        DELETE /v1/jobs/{PK}/reinstate
        POST   /v1/nodes/list
        POST   /v1/nodes/create
        PATCH  /v1/nodes/{PK}
        GET    /v1/nodes/ping
    """,
}

# (API, method, path)
ENDPOINTS = [(api, *line.split()) for api, table in TABLES.items() for line in table.strip().splitlines()]
