-- SPDX-License-Identifier: Apache-2.0
-- Storages: buckets of a project's own, into which its results can be published.

CREATE TABLE storage (
    pk            INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT    NOT NULL UNIQUE,
    project       INTEGER NOT NULL REFERENCES project (pk),
    name          TEXT    NOT NULL,
    url           TEXT    NOT NULL,           -- s3://BUCKET or s3://BUCKET/PREFIX, not encoded
    endpoint      TEXT,                       -- NULL: Amazon's of the region
    region        TEXT,
    path_style    INTEGER,                    -- NULL: where an endpoint is given
    deliver       TEXT    NOT NULL CHECK (deliver IN ('proxy', 'redirect')),
    link_lifetime INTEGER,                    -- seconds that an address of the bucket is good for; NULL: as the settings say
    access_key_id TEXT    NOT NULL,
    secret        TEXT    NOT NULL,           -- the secret access key, sealed (src/core/secret.h)
    state         TEXT    NOT NULL CHECK (state IN ('new', 'valid', 'invalid')), -- how its last test went
    is_default    INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)), -- the project's results go there
    creator       INTEGER NOT NULL REFERENCES principal (pk),
    created_at    INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    UNIQUE (project, name)
) STRICT;
CREATE INDEX storage_project ON storage (project, pk);
CREATE UNIQUE INDEX storage_default ON storage (project) WHERE is_default = 1;

ALTER TABLE project ADD COLUMN storages INTEGER NOT NULL DEFAULT 0;         -- how many it has

ALTER TABLE job ADD COLUMN storage INTEGER REFERENCES storage (pk);         -- where its results go; NULL: as the project says
CREATE INDEX job_storage ON job (storage) WHERE storage IS NOT NULL;

ALTER TABLE result ADD COLUMN storage INTEGER REFERENCES storage (pk);      -- where its bytes are; NULL: in the server's own
ALTER TABLE result ADD COLUMN object TEXT;                                  -- their whole key there
ALTER TABLE result ADD COLUMN etag TEXT;                                    -- what the bucket called them, without quotes
CREATE INDEX result_storage ON result (storage, object) WHERE storage IS NOT NULL;
