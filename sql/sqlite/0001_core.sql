-- SPDX-License-Identifier: Apache-2.0
-- Projects, who may do what in them, jobs and their results.
--
-- Times are microseconds since 1970 UTC; NULL is "not yet" or "never". pk is internal and grows with creation; id is
-- the public UUIDv7. Checks say a = x OR a = y: for IN (…) of more than two SQLite fills a table for each row it checks.

CREATE TABLE project (
    pk         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

-- Keys and users: whoever can create something.
CREATE TABLE principal (
    pk         INTEGER PRIMARY KEY AUTOINCREMENT,
    project    INTEGER NOT NULL REFERENCES project (pk),
    kind       TEXT    NOT NULL CHECK (kind IN ('key', 'user')),
    name       TEXT    NOT NULL,
    public_id  TEXT    UNIQUE,                -- of a key: the part of it that may be shown
    secret     BLOB    NOT NULL,              -- of a key: SHA-256; of a user: libsodium's password string
    scopes     INTEGER NOT NULL,              -- bits of enum scope
    staff      INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    expires_at INTEGER                        -- of a key
) STRICT;
CREATE UNIQUE INDEX principal_user_name ON principal (name) WHERE kind = 'user';

CREATE TABLE batch (
    pk          INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    project     INTEGER NOT NULL REFERENCES project (pk),
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX batch_project ON batch (project, pk);

CREATE TABLE job (
    pk               INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT    NOT NULL UNIQUE,
    project          INTEGER NOT NULL REFERENCES project (pk),
    batch            INTEGER REFERENCES batch (pk),
    kind             TEXT    NOT NULL,
    reference_id     TEXT,
    tag              TEXT,
    priority_weight  INTEGER NOT NULL CHECK (priority_weight BETWEEN 1 AND 10),
    status           TEXT    NOT NULL CHECK (status = 'queued' OR status = 'running' OR status = 'completed'
                                             OR status = 'failed' OR status = 'cancelled'),
    progress         REAL    NOT NULL DEFAULT 0,
    error            TEXT,                    -- JSON {code, message}
    input            TEXT,                    -- JSON, as it was sent
    creator          INTEGER NOT NULL REFERENCES principal (pk),
    result_count     INTEGER NOT NULL DEFAULT 0,
    lease            TEXT,                    -- the token of whoever has claimed it
    lease_seconds    INTEGER,
    lease_expires_at INTEGER,
    holder           INTEGER,                 -- pk of a document: of whoever has acquired it, also when it has ended
    created_at       INTEGER NOT NULL,
    started_at       INTEGER,
    finished_at      INTEGER,
    deleted_at       INTEGER
) STRICT;
CREATE UNIQUE INDEX job_reference ON job (project, reference_id) WHERE reference_id IS NOT NULL;
CREATE INDEX job_project ON job (project, pk);
CREATE INDEX job_status ON job (project, status, pk);
CREATE INDEX job_kind ON job (project, kind, pk);
CREATE INDEX job_tag ON job (project, tag, pk) WHERE tag IS NOT NULL;
CREATE INDEX job_batch ON job (batch, status, pk) WHERE batch IS NOT NULL;
CREATE INDEX job_queue ON job (project, priority_weight DESC, pk)
    WHERE status = 'queued' AND holder IS NULL AND deleted_at IS NULL;
CREATE INDEX job_queue_kind ON job (project, kind, priority_weight DESC, pk)
    WHERE status = 'queued' AND holder IS NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX job_holder ON job (holder) -- who holds jobs runs one at a time
    WHERE status = 'running' AND holder IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX job_lease ON job (lease_expires_at) WHERE lease_expires_at IS NOT NULL;
CREATE INDEX job_trash ON job (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX job_deleted ON job (project, pk) WHERE deleted_at IS NOT NULL;

CREATE TABLE result (
    pk           INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT    NOT NULL UNIQUE,
    project      INTEGER NOT NULL REFERENCES project (pk),
    job          INTEGER NOT NULL REFERENCES job (pk),
    job_id       TEXT    NOT NULL,              -- of the job, which never change: a result is shown without looking
    batch        INTEGER REFERENCES batch (pk), -- its job up, and lists filter by them
    kind         TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    type         TEXT    NOT NULL,
    is_primary   INTEGER NOT NULL,
    media_type   TEXT    NOT NULL,
    size         INTEGER NOT NULL,
    md5          BLOB    NOT NULL,
    sha256       BLOB    NOT NULL,
    crc32        INTEGER NOT NULL,
    state        TEXT    NOT NULL CHECK (state = 'available' OR state = 'consumed' OR state = 'expired'),
    keep         INTEGER NOT NULL DEFAULT 0,
    stored       INTEGER NOT NULL DEFAULT 1,    -- 0: the bytes are gone
    is_inline    INTEGER NOT NULL,              -- 1: the bytes are in result_bytes, 0: in a blob named after id
    creator      INTEGER NOT NULL REFERENCES principal (pk),
    created_at   INTEGER NOT NULL,
    consumed_at  INTEGER,
    expires_at   INTEGER,
    due_at       INTEGER,                       -- when expiry takes it; NULL while kept and once expired
    expired_at   INTEGER,
    deleted_at   INTEGER,
    with_job     INTEGER NOT NULL DEFAULT 0,    -- 1: soft-deleted because its job was
    downloads    INTEGER NOT NULL DEFAULT 0,    -- complete ones
    downloaded_at INTEGER,                      -- the last of them
    content_encoding TEXT NOT NULL DEFAULT '',  -- gzip or zstd, as it was uploaded
    rows         INTEGER,                       -- of a table; NULL: it is none
    columns      INTEGER,
    formats      INTEGER NOT NULL DEFAULT 0,    -- that it can be had in: bits of enum format
    unavailable  TEXT,                          -- JSON: why not in the others
    UNIQUE (job, name, type)
) STRICT;
CREATE INDEX result_job ON result (job, pk);
CREATE INDEX result_name ON result (project, name, pk);
CREATE INDEX result_type ON result (project, type, pk);
CREATE INDEX result_untyped ON result (project, lower(rtrim(substr(media_type, 1, instr(media_type || ';', ';') - 1))), pk)
    WHERE type = ''; -- by the media type without its parameters
CREATE INDEX result_kind ON result (project, kind, pk);
CREATE INDEX result_creator ON result (project, creator, pk);
CREATE INDEX result_created ON result (project, created_at, pk);
CREATE INDEX result_batch ON result (batch, pk) WHERE batch IS NOT NULL;
CREATE INDEX result_due ON result (due_at) WHERE due_at IS NOT NULL AND expired_at IS NULL; -- as always: so who sorts by
-- due_at within a project is not led through all of them
CREATE INDEX result_expiring ON result (project, due_at) WHERE due_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX result_trash ON result (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX result_deleted ON result (project, pk) WHERE deleted_at IS NOT NULL;

-- What an index of result by state would be, apart: acknowledging changes a column that no index of result has.
CREATE TABLE result_state (
    in_project INTEGER NOT NULL,
    in_state   TEXT    NOT NULL,
    pk         INTEGER NOT NULL, -- of the result
    PRIMARY KEY (in_project, in_state, pk)
) STRICT, WITHOUT ROWID;

-- The bytes of small results: durable with the same commit as the row.
CREATE TABLE result_bytes (
    result INTEGER PRIMARY KEY REFERENCES result (pk) ON DELETE CASCADE,
    bytes  BLOB NOT NULL
) STRICT;

-- How a table is read: its columns and, so that a page deep inside is quick, where some of its rows begin.
CREATE TABLE result_table (
    result      INTEGER PRIMARY KEY REFERENCES result (pk) ON DELETE CASCADE,
    description TEXT NOT NULL,                  -- JSON, written by src/core/table_scan.c
    offsets     BLOB
) STRICT;

-- Representations that were made and are kept: the blob, and what is to be known of it. Core lets go of the blob when a
-- row goes.
CREATE TABLE representation (
    tag     TEXT    PRIMARY KEY,                -- the entity tag
    result  INTEGER NOT NULL REFERENCES result (pk),
    key     TEXT    NOT NULL UNIQUE,            -- of the blob
    size    INTEGER NOT NULL,
    sha256  TEXT    NOT NULL,
    crc32   INTEGER NOT NULL,
    made_at INTEGER NOT NULL
) STRICT;
CREATE INDEX representation_result ON representation (result);
CREATE INDEX representation_made ON representation (made_at, size);

-- The bytes of all rows of representation: changed in the same transactions, so that making room sums nothing.
CREATE TABLE representation_total (
    size    INTEGER NOT NULL
) STRICT;
INSERT INTO representation_total (size) VALUES (0);

-- Representations that some process is making, where several share the database: who, and until when, unless that is
-- renewed. A row whose time is over is as good as none.
CREATE TABLE making (
    tag  TEXT    PRIMARY KEY,
    node TEXT    NOT NULL,
    till INTEGER NOT NULL
) STRICT;
CREATE INDEX making_till ON making (till);

-- Files whose row is gone and that are still to be removed: written in the transaction that let go of them. And
-- orphans that were given up: no row may name one any more, for as long as it stands here.
CREATE TABLE doomed_blob (
    pk       INTEGER PRIMARY KEY AUTOINCREMENT,
    key      TEXT    NOT NULL UNIQUE,
    attempts INTEGER NOT NULL DEFAULT 0,
    retry_at INTEGER NOT NULL,
    orphan   INTEGER NOT NULL DEFAULT 0         -- 1: no row has ever named it; 2: the same, and it was removed once
) STRICT;
CREATE INDEX doomed_blob_retry ON doomed_blob (retry_at);

-- Files that were seen and that no row named then: whether they are given up is decided later.
CREATE TABLE orphan (
    key      TEXT    PRIMARY KEY,
    found_at INTEGER NOT NULL,
    search   INTEGER NOT NULL                   -- that saw it last: when that began
) STRICT;
CREATE INDEX orphan_found ON orphan (found_at);

-- Who removes files, where several processes share the database, and until when unless that is renewed; and how far its
-- search for orphans has come. One row.
CREATE TABLE removal (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    node        TEXT    NOT NULL,
    till        INTEGER NOT NULL,
    begun_at    INTEGER NOT NULL,               -- the search under way; 0: there is none
    part        INTEGER NOT NULL,               -- of the blobs, and the key there, up to which it has come
    after_key   TEXT    NOT NULL,
    seen        INTEGER NOT NULL,               -- files, by this search
    searched_at INTEGER NOT NULL,               -- when the last one ended
    tidied_at   INTEGER NOT NULL,
    held        INTEGER NOT NULL,               -- orphans that it left because they were too many; 0: none
    held_of     INTEGER NOT NULL                -- the files that it had seen
) STRICT;
INSERT INTO removal (one, node, till, begun_at, part, after_key, seen, searched_at, tidied_at, held, held_of)
    VALUES (1, '', 0, 0, 0, '', 0, 0, 0, 0, 0);

-- Every change of state, numbered without gaps in the order of commits.
CREATE TABLE event (
    seq     INTEGER PRIMARY KEY,                -- the newest is never removed, so no number comes twice
    project INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    type    TEXT    NOT NULL,                   -- result.available, job.running …
    object  TEXT    NOT NULL,                   -- the id of what changed
    job     TEXT                                -- of a result: its job's id
) STRICT;
CREATE INDEX event_project ON event (project, seq);

-- What GET /usage answers: src/store/usage.c adds to it in every transaction that changes results.
CREATE TABLE usage (
    project INTEGER NOT NULL REFERENCES project (pk),
    state   TEXT    NOT NULL,
    trash   INTEGER NOT NULL,
    results INTEGER NOT NULL,
    bytes   INTEGER NOT NULL,                   -- that are stored
    PRIMARY KEY (project, state, trash)
) STRICT, WITHOUT ROWID;

-- What GET /usage/history answers: what happened in an hour, and what there was after the last change in it. An hour
-- without a change has no row.
CREATE TABLE usage_hour (
    pk                INTEGER PRIMARY KEY,
    project           INTEGER NOT NULL REFERENCES project (pk),
    at                INTEGER NOT NULL, -- its begin
    uploads           INTEGER NOT NULL,
    uploaded_bytes    INTEGER NOT NULL,
    downloads         INTEGER NOT NULL,
    downloaded_bytes  INTEGER NOT NULL,
    acks              INTEGER NOT NULL,
    expired           INTEGER NOT NULL,
    deleted           INTEGER NOT NULL,
    available_results INTEGER NOT NULL,
    available_bytes   INTEGER NOT NULL,
    consumed_results  INTEGER NOT NULL,
    consumed_bytes    INTEGER NOT NULL,
    expired_results   INTEGER NOT NULL,
    expired_bytes     INTEGER NOT NULL,
    trash_results     INTEGER NOT NULL,
    trash_bytes       INTEGER NOT NULL,
    UNIQUE (project, at)
) STRICT;
CREATE INDEX usage_hour_at ON usage_hour (at, project); -- the oldest, to remove them

-- Small JSON documents that APIs keep for their clients and that mean nothing to core: sessions, templates, nodes ….
CREATE TABLE document (
    pk         INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    project    INTEGER NOT NULL REFERENCES project (pk),
    kind       TEXT    NOT NULL,                -- of which API and of what: ricloud.session
    name       TEXT,                            -- one of a kind in a project
    parent     TEXT,                            -- whatever lists of this kind are asked by
    body       TEXT    NOT NULL,                -- JSON
    creator    INTEGER NOT NULL REFERENCES principal (pk),
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX document_name ON document (project, kind, name) WHERE name IS NOT NULL;
CREATE INDEX document_kind ON document (project, kind, pk);
CREATE INDEX document_parent ON document (project, kind, parent, pk) WHERE parent IS NOT NULL;

-- Keys that sign links. The newest unretired one signs; retired ones verify until no link of theirs can be alive.
CREATE TABLE signing_key (
    pk         INTEGER PRIMARY KEY AUTOINCREMENT,
    secret     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
) STRICT;

-- Links that somebody asked for, with their note. The link itself proves what it opens; the row is the record.
CREATE TABLE link (
    pk         INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    result     INTEGER NOT NULL REFERENCES result (pk) ON DELETE CASCADE,
    format     TEXT    NOT NULL,
    note       TEXT,
    creator    INTEGER NOT NULL REFERENCES principal (pk),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX link_result ON link (result);
CREATE INDEX link_expires ON link (expires_at);

-- One row that /-/ready writes, to see that writing works.
CREATE TABLE heartbeat (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    at  INTEGER NOT NULL
) STRICT;
INSERT INTO heartbeat (one, at) VALUES (1, 0);

-- Who this database is. One row, made with it: every database has an id of its own, which the store of its bytes carries,
-- too, beside one of its own; and a known text that the key of secrets has sealed.
CREATE TABLE instance (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    id      TEXT    NOT NULL,
    store   TEXT,                               -- the store's own id; NULL: none has been joined yet
    copy_of TEXT,                               -- the id of the database that a backup was made of
    sealed  TEXT                                -- NULL: no key has been used yet
) STRICT;

-- Where the data of this database go, or come from: `resultd move`. One row, or none.
CREATE TABLE relocation (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    role        TEXT    NOT NULL CHECK (role IN ('source', 'target', 'arrived')),
    token       TEXT    NOT NULL,              -- the same on both sides
    stage       TEXT    NOT NULL,              -- of a target: what is being copied, a table's name or a word
    after_key   INTEGER NOT NULL,              -- of its rows, up to which they are there
    blobs       INTEGER NOT NULL,              -- that are there
    bytes       INTEGER NOT NULL,              -- in them
    rows        INTEGER NOT NULL,              -- that are there
    started_at  INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;

-- Results whose bytes the source of a move has lost.
CREATE TABLE relocation_lost (
    result INTEGER PRIMARY KEY,
    id     TEXT    NOT NULL,
    why    TEXT    NOT NULL
) STRICT;
