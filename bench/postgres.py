# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL as resultd's database and as its peer: one server with fsync on, pgbench on it, and a database of
resultd's filled by SQL."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import zlib

import peers
from fill import CONTENT, RESULTS_PER_JOB
from peers import Failed

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SERVICES = os.path.join(ROOT, "tests", "services")
SCALE = 10  # a million accounts

# Made evenly over the last hour, oldest first; see fill.py for what each result is. A checkpoint begun by the filling
# would flush for seconds beside whatever is measured next.
FILL = f"""
CREATE TEMPORARY TABLE owner AS SELECT p.pk AS project, c.pk AS creator, CAST(extract(epoch FROM now()) * 1000000 AS
    BIGINT) AS now FROM project p JOIN principal c ON c.project = p.pk ORDER BY p.pk, c.pk LIMIT 1;
INSERT INTO job (id, project, kind, priority_weight, status, progress, creator, created_at, started_at, finished_at)
    SELECT gen_random_uuid(), project, 'bench', 5, 'completed', 1, creator, at, at, now
    FROM (SELECT owner.*, now - 3600000000 + i * 3600000000 / :jobs AS at FROM owner, generate_series(1, :jobs) i) row;
INSERT INTO result (id, project, job, job_id, kind, name, type, is_primary, media_type, size, md5, sha256, crc32, state,
                    is_inline, creator, created_at, expires_at, due_at)
    SELECT gen_random_uuid(), o.project, j.pk, j.id, 'bench', 'result-' || j.pk || '-' || n, '', 0, 'application/json',
        {len(CONTENT)}, '\\x{hashlib.md5(CONTENT).hexdigest()}', '\\x{hashlib.sha256(CONTENT).hexdigest()}',
        {zlib.crc32(CONTENT)}, 'available', 1, o.creator, j.created_at, o.now + 604800000000, o.now + 604800000000
    FROM owner o, job j, generate_series(1, {RESULTS_PER_JOB}) n ORDER BY j.pk, n;
INSERT INTO result_state (in_project, in_state, pk) SELECT project, state, pk FROM result;
INSERT INTO result_bytes (result, bytes) SELECT pk, '\\x{CONTENT.hex()}' FROM result;
INSERT INTO usage (project, state, trash, results, bytes)
    SELECT project, 'available', 0, count(*), sum(size) FROM result GROUP BY project;
VACUUM ANALYZE;
CHECKPOINT;
"""


class Postgres:
    """The server, in a folder that its user can reach."""

    def __init__(self, processes):
        self.processes = processes
        self.folder = tempfile.mkdtemp(prefix="resultd-bench-pg-")
        os.chmod(self.folder, 0o755)
        self.script("pg-up.sh", FSYNC="on")
        with open(os.path.join(self.folder, "pg", "pg.env"), encoding="ascii") as lines:
            self.env = {**os.environ, **dict(line.strip().split("=", 1) for line in lines)}
        for database in ("resultd_bench", "pgbench"):
            self.run(["psql", "-Xq", "-d", "postgres", "-c", f"CREATE DATABASE {database}"])
        self.run([self.program("pgbench"), "-i", "-q", "-s", str(SCALE), "pgbench"])

    def script(self, name, **env):
        done = subprocess.run([os.path.join(SERVICES, name), os.path.join(self.folder, "pg")],
                              env={**os.environ, **env}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"{name}: {done.stderr.strip()[-300:]}")

    def program(self, name):
        return os.path.join(self.run(["pg_config", "--bindir"]).strip(), name)

    def run(self, args, timeout=900, **more):
        return self.processes.run(args, timeout, env=getattr(self, "env", None), **more)

    def psql(self, sql, *options):
        path = os.path.join(self.folder, "statements.sql")
        with open(path, "w", encoding="utf-8") as f:
            f.write(sql)
        return self.run(["psql", "-XqtA", "-v", "ON_ERROR_STOP=1", *options, "-d", "resultd_bench", "-f", path])

    def fill(self, rows):
        self.psql(FILL, "-v", f"jobs={rows // RESULTS_PER_JOB}")

    def write_ids(self, path, order):
        ids = self.psql(f"SELECT id FROM result WHERE state = 'available' ORDER BY {order}")
        with open(path, "w", encoding="ascii") as f:
            f.write(ids)
        return ids.partition("\n")[0]

    def cpu(self):
        """Seconds of processor time so far, of the server and its sessions of now."""
        with open(os.path.join(self.folder, "pg", "data", "postmaster.pid"), encoding="ascii") as f:
            return peers.cpu_of_family(int(f.readline()))

    def rate(self, seconds, what, clients):
        """pgbench's transactions a second; `what` is -S (one SELECT) or -N (UPDATE, SELECT and INSERT)."""
        said = self.run([self.program("pgbench"), what, "-n", "-c", str(clients), "-j", "2", "-T", str(seconds),
                         "pgbench"])
        found = re.search(r"^tps = ([0-9.]+)", said, re.M)
        if not found:
            raise Failed(f"pgbench said: {said.strip()[-300:]}")
        return float(found.group(1))

    def close(self):
        self.script("pg-down.sh")
        shutil.rmtree(self.folder, ignore_errors=True)
