# SPDX-License-Identifier: Apache-2.0
"""Operating: health, metrics, logs, settings, signals, restarts, check, backup."""

import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import tempfile
import threading
import time

import pytest
import requests
from harness import (
    BASE,
    CHECKOUT,
    FILED,
    INLINE,
    Api,
    Server,
    Wire,
    eventually,
    expect,
    flags,
    free_port,
    nobody,
    on_disk,
    problem,
    program,
    request_head,
    sqlite_only,
)

# ---- health -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/-/live", "/-/ready"])
def test_a_healthy_server_says_so(server, path):
    assert server.get(path).status_code == 200


# ---- metrics ----------------------------------------------------------------------------------------------

SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([-+0-9.eE]+|[+-]?Inf|NaN)(?: \d+)?")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(?:,|$)')


def samples(server):
    """[(name, labels, value)] of /-/metrics; every line must be of the Prometheus text form."""
    found = []
    for line in server.get("/-/metrics").text.splitlines():
        if not line or line.startswith("#"):
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, labels, value = match.groups()
        assert LABEL.sub("", labels or "") == "", line
        found.append((name, dict(LABEL.findall(labels or "")), float(value)))
    return found


def total(server, wanted):
    return sum(value for name, labels, value in samples(server) if wanted(name, labels))


def test_metrics_are_in_prometheus_text_form(server):
    response = server.get("/-/metrics")
    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.text.endswith("\n")
    kinds = dict(re.findall(r"^# TYPE (\S+) (counter|gauge|histogram|summary|untyped)$", response.text, re.M))
    helps = set(re.findall(r"^# HELP (\S+) .+$", response.text, re.M))
    assert kinds and set(kinds) <= helps
    for name, _, _ in samples(server):
        assert name in kinds or re.sub("_(bucket|sum|count)$", "", name) in kinds, name


def test_no_series_appears_twice(server):
    series = [(name, tuple(sorted(labels.items()))) for name, labels, _ in samples(server)]
    assert len(series) == len(set(series))


def test_latency_histograms_are_cumulative_and_complete(server, api):
    api.get("/jobs")
    taken, histograms = samples(server), {}
    for name, labels, value in taken:
        if name.endswith("_bucket"):
            rest = tuple(sorted(pair for pair in labels.items() if pair[0] != "le"))
            histograms.setdefault((name[: -len("_bucket")], rest), []).append((float(labels["le"]), value))
    assert histograms
    counts = {(name, tuple(sorted(labels.items()))): value for name, labels, value in taken}
    for (name, labels), buckets in histograms.items():
        values = [value for _, value in sorted(buckets)]
        assert values == sorted(values), name
        assert max(buckets)[0] == float("inf"), name
        assert counts[name + "_count", labels] == values[-1], name


def test_requests_are_counted_by_route_and_status(server, api):
    def of_404(name, labels):
        return not name.endswith(("_bucket", "_sum")) and "404" in labels.values()

    before = total(server, of_404)
    for _ in range(3):
        problem(api.get(f"/results/{nobody()}"), 404)
    eventually(lambda: total(server, of_404) >= before + 3, "they are counted")


def test_labels_carry_routes_and_not_ids(server, api):
    result = api.publish("a file name of its own")["id"]
    api.content(result)
    text = server.get("/-/metrics").text
    assert result not in text
    assert "a file name of its own" not in text
    assert api.project not in text


def test_bytes_in_and_out_are_counted(server, api):
    def counters():
        return {
            (name, tuple(sorted(labels.items()))): value
            for name, labels, value in samples(server)
            if "bytes" in name and not name.endswith("_bucket")
        }

    before = counters()
    api.content(api.publish("a", FILED)["id"])

    def grown():
        return [series for series, value in counters().items() if value - before.get(series, 0) >= len(FILED)]

    eventually(lambda: len(grown()) >= 2, "one series for bytes in, one for bytes out")


def test_results_are_counted_by_state(fresh_server):
    api = fresh_server().api()

    def count(state):
        return total(api.server, lambda name, labels: state in labels.values() and not name.endswith("_bytes"))

    before = count("consumed")
    expect(api.ack(api.publish()["id"]), 200)
    eventually(lambda: count("consumed") >= before + 1, "the consumed result is counted")


@pytest.mark.parametrize("word", ["queue", "commit|batch", "sweep"])
def test_the_writer_and_the_sweeper_are_measured(server, word):
    assert any(re.search(word, name) for name, _, _ in samples(server))


def test_with_ops_open_off_metrics_need_an_admin_key(fresh_server):
    server = fresh_server(ops_open="off")
    problem(server.get("/-/metrics"), 401)
    for scopes, status in ((["read"], 403), (["admin"], 200)):
        key = server.api(scopes).key
        assert server.get("/-/metrics", headers={"Authorization": f"Bearer {key}"}).status_code == status
    assert server.get("/-/live").status_code == 200


# ---- request ids and logs ---------------------------------------------------------------------------------


def test_every_answer_carries_its_own_request_id(server, api):
    result = api.publish("a", FILED)["id"]
    etag = api.content(result).headers["ETag"]
    answers = {
        200: api.get("/jobs"),
        201: api.post("/jobs", json={"kind": "a"}),
        204: api.post("/jobs/claim", json={"kinds": ["none such"]}),
        206: api.content(result, Range="bytes=0-1"),
        304: api.content(result, **{"If-None-Match": etag}),
        400: api.post_text("/jobs", "{"),
        401: server.get(f"{BASE}/jobs"),
        403: server.api(["ack"]).get("/jobs"),
        404: api.get("/nope"),
        405: api.delete("/jobs"),
        412: api.content(result, **{"If-Match": '"x"'}),
        416: api.content(result, Range="bytes=999999999-"),
    }
    others = [api.head(f"/results/{result}/content"), server.get("/-/live"), server.get("/-/metrics")]
    others.append(requests.get(api.link(result)["url"], timeout=120))
    for status, answer in answers.items():
        assert answer.status_code == status, answer.text
    told = [answer.headers["X-Request-Id"] for answer in [*answers.values(), *others]]
    assert all(told)
    assert len(set(told)) == len(told)


def test_the_log_has_the_request_id_and_neither_keys_nor_signed_links(fresh_server):
    server = fresh_server(access_log="all", log_level="debug")
    api = server.api()
    link = api.link(api.publish()["id"])["url"]
    requests.get(link, timeout=120)
    server.get(f"{BASE}/jobs", headers={"x-api-key": api.key})
    told = api.get("/jobs").headers["X-Request-Id"]
    eventually(lambda: told in server.stderr(), "the request is logged")
    assert api.key not in server.stderr()
    assert link.split("/-/d/")[1] not in server.stderr()


# ---- settings ---------------------------------------------------------------------------------------------


def table_of_settings():
    """(name, default, help) of every line of settings.def."""
    text = (CHECKOUT / "src/core/settings.def").read_text()
    rows = re.findall(r'^SETTING\(\w+,\s*(\w+),\s*"([^"]*)",.*?"([^"]*)"\)$', text, re.M)
    assert len(rows) == len(re.findall(r"^SETTING\(", text, re.M))
    return rows


def test_help_lists_every_setting_with_its_default_and_meaning():
    done = program("serve", "--help")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    for name, default, meaning in table_of_settings():
        assert f"--{name.replace('_', '-')}" in text, name
        assert default in text, name
        assert " ".join(meaning.split()) in text, name


def test_the_environment_sets_a_setting_and_a_flag_goes_before_it(fresh_server):
    environment = {"RESULTD_MAX_RESULT_SIZE": "10"}
    by_environment = fresh_server(environment=environment).api()
    assert by_environment.try_publish("a", b"x" * 11).status_code == 413
    by_flag = fresh_server(environment=environment, max_result_size="1KiB").api()
    by_flag.publish("a", b"x" * 11)


def test_the_config_file_sets_settings(fresh_server, tmp_path):
    config = tmp_path / "resultd.conf"
    config.write_text("# a comment\n\nmax_result_size = 10\nresults_ttl = 1h\n")
    api = fresh_server(config=config).api()
    assert api.try_publish("a", b"x" * 11).status_code == 413


WRONG_SETTINGS = [
    {"threads": "x"},
    {"threads": "257"},
    {"workers": "0"},
    {"results_ttl": "7 parsecs"},
    {"results_ttl": "-1"},
    {"json_body_limit": "1KB!"},
    {"json_body_limit": "99999999999999999999GiB"},
    {"ops_open": "perhaps"},
    {"log_level": "loud"},
    {"listen": "nonsense"},
]


@pytest.mark.parametrize("wrong", WRONG_SETTINGS, ids=str)
def test_a_wrong_setting_is_refused_naming_it(tmp_path, wrong):
    settings = {"listen": f"127.0.0.1:{free_port()}", "data": tmp_path / "data", **wrong}
    done = program("serve", *flags(settings))
    assert done.returncode == 2
    name = next(iter(wrong))
    assert name in done.stderr.replace("-", "_")


def test_a_wrong_environment_or_config_file_is_refused_naming_it(tmp_path):
    arguments = ("serve", "--data", tmp_path / "data", "--listen", f"127.0.0.1:{free_port()}")
    done = program(*arguments, RESULTD_THREADS="x")
    assert done.returncode == 2 and "threads" in done.stderr.lower()
    config = tmp_path / "resultd.conf"
    config.write_text("no_such_setting = 1\n")
    done = program(*arguments, "--config", config)
    assert done.returncode == 2 and "no_such_setting" in done.stderr
    done = program(*arguments, "--config", tmp_path / "missing.conf")
    assert done.returncode == 2 and "missing.conf" in done.stderr


WRONG_USE = [
    [],
    ["nonsense"],
    ["serve", "--no-such-flag"],
    ["serve", "--listen"],
    ["project", "explode"],
    ["project", "create"],
    ["project", "create", "a", "b"],
    ["project", "create", "a/b"],
    ["key", "create"],
    ["key", "create", "--project", "p"],
    ["key", "create", "--project", "p", "--scopes", "fly"],
    ["user", "create", "u"],
    ["backup"],
    ["settings", "--form", "poem"],
]


@pytest.mark.parametrize("arguments", WRONG_USE, ids=" ".join)
def test_a_wrong_command_line_is_refused_with_a_word(arguments, tmp_path):
    done = program(*arguments, RESULTD_DATA=str(tmp_path / "data"))
    assert done.returncode == 2
    assert done.stderr.strip()


# ---- signals ----------------------------------------------------------------------------------------------


def test_sigterm_lets_a_running_upload_finish(fresh_server):
    server = fresh_server()
    api = server.api()
    job = api.job()["id"]
    with Wire(server) as wire:
        length = {"Content_Length": len(FILED), "Expect": "100-continue"}
        wire.send(request_head("PUT", f"{BASE}/jobs/{job}/results/a", api.key, **length))
        assert (wire.line(), wire.line()) == (b"HTTP/1.1 100 Continue\r\n", b"\r\n"), "the server has seen it"
        wire.send(FILED[:50_000])
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
        wire.send(FILED[50_000:])
        result = expect(wire.answer(), 201)
    assert server.wait() == 0
    server.start()
    assert api.content(result["id"]).content == FILED


def test_sigterm_lets_a_running_download_finish(fresh_server):
    server = fresh_server()
    api = server.api()
    data = FILED * 100
    result = api.publish("a", data)["id"]
    with Wire(server) as wire:
        wire.send(request_head("GET", f"{BASE}/results/{result}/content", api.key))
        assert wire.line() == b"HTTP/1.1 200 OK\r\n"
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
        received = wire.rest()
    assert received.endswith(data)
    assert server.wait() == 0


def test_sigterm_does_not_wait_for_idle_connections(fresh_server):
    server = fresh_server(shutdown_timeout="1h", keepalive_timeout="1h")
    with Wire(server) as wire:
        wire.send(request_head("GET", "/-/live"))
        assert wire.answer().status_code == 200
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


@pytest.mark.slow
def test_shutdown_timeout_ends_what_does_not_finish(fresh_server):
    server = fresh_server(shutdown_timeout="1s", body_timeout="1h")
    api = server.api()
    job = api.job()["id"]
    with Wire(server) as wire:
        wire.send(request_head("PUT", f"{BASE}/jobs/{job}/results/a", api.key, Content_Length=len(FILED)))
        wire.send(FILED[:50_000])
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    server.start()
    assert api.get_job(job)["results"] == []
    assert server.check().returncode == 0


def test_sighup_rereads_the_config_file(fresh_server, tmp_path):
    config = tmp_path / "resultd.conf"
    config.write_text("max_result_size = 10\n")
    server = fresh_server(config=config)
    api = server.api()
    assert api.try_publish("a", b"x" * 11).status_code == 413
    config.write_text("max_result_size = 1KiB\n")
    server.signal(signal.SIGHUP)
    eventually(lambda: api.try_publish("a", b"x" * 11).status_code == 201, "the new limit holds")


def test_sighup_with_a_broken_config_file_keeps_the_old_settings(fresh_server, tmp_path):
    config = tmp_path / "resultd.conf"
    config.write_text("max_result_size = 10\n")
    server = fresh_server(config=config)
    api, said = server.api(), len(server.stderr())
    config.write_text("max_result_size = nonsense\n")
    server.signal(signal.SIGHUP)
    eventually(lambda: "max_result_size" in server.stderr()[said:], "the server complains")
    assert api.try_publish("a", b"x" * 11).status_code == 413
    api.publish("a", b"x" * 10)


@pytest.mark.slow
def test_sighup_names_what_takes_effect_only_at_the_next_start(fresh_server, tmp_path):
    config = tmp_path / "resultd.conf"
    config.write_text("log_level = info\nworkers = 3\n")
    server = fresh_server(start=False, config=config).start()
    config.write_text("log_level = warn\nworkers = 5\nheader_timeout = 20s\nricloud_prefix = /ric\n")
    server.signal(signal.SIGHUP)

    def warned():
        return sorted(re.findall(r"next start\" setting=(\w+)", server.stderr()))

    eventually(lambda: warned() == ["header_timeout", "ricloud_prefix", "workers"], "each is said")
    config.write_text("log_level = warn\nworkers = 3\n")
    server.signal(signal.SIGHUP)
    time.sleep(1.5)
    assert len(re.findall("next start", server.stderr())) == 3


def test_a_port_in_use_is_said_clearly(server, fresh_server):
    second = fresh_server(start=False)
    second.port = server.port
    second.spawn()
    assert second.wait() == 1
    assert str(server.port) in second.stderr()
    assert re.search("in use|taken", second.stderr())
    assert not second.data.exists(), "what does not start leaves nothing"
    assert server.get("/-/live").status_code == 200


# ---- what stays -------------------------------------------------------------------------------------------


def picture(api):
    """Everything that a client of the project can see, but for what looking at it changes."""
    lists = {path: api.walk(path, **more) for path, more in LISTS.items()}
    contents = {}
    for row in lists["/results"]:
        del row["downloads"], row["downloaded_at"]
        answer = api.content(row["id"])
        contents[row["id"]] = (answer.status_code, answer.content if answer.status_code == 200 else b"")
    return lists, contents, api.usage()


LISTS = {"/jobs": {"deleted": "any"}, "/results": {"state": "any", "deleted": "any"}, "/batches": {}}


def furnish(api):
    """A little of everything."""
    batch = api.batch()["id"]
    job = api.job(batch=batch, reference_id="r", input={"x": [1, "ü"]})["id"]
    api.upload(job, "inline", INLINE, primary="true")
    expect(api.ack(api.upload(job, "file", FILED)["id"]), 200)
    expect(api.delete(f"/results/{api.upload(job, 'deleted', INLINE)['id']}"), 204)
    api.upload(job, "kept", FILED, keep="true")
    expect(api.move(job, "progress", progress=0.5), 200)
    expect(api.move(api.job()["id"], "fail", error={"code": "c", "message": "m"}), 200)
    expect(api.delete(f"/jobs/{api.job()['id']}"), 204)
    api.publish("published", b"")


def test_a_restart_keeps_everything(fresh_server):
    server = fresh_server()
    api = server.api()
    furnish(api)
    before = picture(api)
    server.restart()
    assert picture(api) == before
    assert server.check().returncode == 0


def test_kill_9_loses_nothing_that_was_answered(fresh_server):
    server = fresh_server()
    api = server.api()
    furnish(api)
    before = picture(api)
    server.kill()
    server.start()
    assert picture(api) == before
    assert server.check().returncode == 0


@pytest.mark.slow
def test_a_lease_outlives_a_restart(fresh_server):
    server = fresh_server()
    api = server.api()
    api.job()
    job = expect(api.claim(), 200)
    server.restart()
    problem(api.move(job["id"], "finish"), 409)
    expect(api.move(job["id"], "finish", lease=job["lease"]), 200)


def test_check_is_clean_while_the_server_runs(fresh_server):
    server = fresh_server()
    furnish(server.api())
    done = server.check()
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_of_a_folder_that_is_not_there_fails_with_a_word(tmp_path):
    done = program("check", "--data", tmp_path / "nowhere")
    assert done.returncode == 1
    assert "nowhere" in done.stderr


@on_disk
@pytest.mark.slow
def test_a_backup_under_load_is_consistent_and_complete(fresh_server, tmp_path):
    server = fresh_server()
    api = server.api()
    furnish(api)
    before = {row["id"]: row["sha256"] for row in api.walk("/results", state="any")}
    done = threading.Event()

    def load(name):
        client, number = api.clone(), 0
        while not done.is_set():
            number += 1
            result = client.publish(f"{name}-{number}", (FILED if number % 2 else INLINE) + bytes([number % 256]))
            if number % 3 == 0:
                expect(client.delete(f"/results/{result['id']}?permanent=true"), 204)

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        loads = [pool.submit(load, name) for name in "abc"]
        try:
            copied = server.command("backup", tmp_path / "copy")
        finally:
            done.set()
        for running in loads:
            running.result()
    assert copied.returncode == 0, copied.stderr
    checked = program("check", "--data", tmp_path / "copy")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    copy = Server(tmp_path, data=tmp_path / "copy", db="").start()
    try:
        twin = Api(copy, api.key, api.project)
        after = {row["id"]: row["sha256"] for row in twin.walk("/results", state="any")}
        assert before.items() <= after.items()
        for result in after:
            assert twin.content(result).status_code == 200
    finally:
        copy.stop()


@on_disk
def test_a_backup_goes_on_without_what_is_lost_and_says_so(fresh_server, tmp_path):
    api = fresh_server().api()
    gone, short, sound = (api.publish(name, FILED + name.encode())["id"] for name in ("gone", "short", "sound"))
    api.server.blob_of(FILED + b"gone").unlink()
    os.truncate(api.server.blob_of(FILED + b"short"), 10)
    copied = api.server.command("backup", tmp_path / "copy")
    assert copied.returncode == 1
    assert sorted(line.split(":")[0] for line in copied.stdout.splitlines()) == sorted([gone, short])
    assert "not complete" in copied.stderr and "2 results" in copied.stderr
    copy = fresh_server(data=tmp_path / "copy", db="")
    twin = Api(copy, api.key, api.project)
    assert twin.content(sound).content == FILED + b"sound"
    checked = copy.check()
    assert (checked.returncode, gone in checked.stdout, short in checked.stdout) == (1, True, True)


@on_disk
def test_a_backup_does_not_overwrite(fresh_server, tmp_path):
    server = fresh_server()
    furnish(server.api())
    assert server.command("backup", tmp_path / "copy").returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert server.command("backup", tmp_path / "copy").returncode != 0
    assert {path: path.read_bytes() for path in (tmp_path / "copy").rglob("*") if path.is_file()} == before


def test_no_file_of_the_data_folder_is_readable_by_everybody(server, api):
    api.link(api.publish("a", FILED)["id"])
    if server.data.stat().st_mode & 0o005:
        open_files = [path for path in server.data.rglob("*") if path.is_file() and path.stat().st_mode & 0o004]
        assert not open_files
    else:
        assert server.data.stat().st_mode & 0o700 == 0o700


# ---- passwords of databases -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://someone:open%20sesame@127.0.0.1:1/nowhere",
        "host=127.0.0.1 port=1 dbname=nowhere password='open sesame'",
        "postgresql://127.0.0.1:1/nowhere?password=open%20sesame",
    ],
)
def test_a_password_on_the_command_line_is_refused(address, tmp_path):
    commands = [("serve", "--db", address), ("check", f"--db={address}"), ("serve", "--db", "x", "--db-replica", address)]
    if "://" in address:
        commands += [("move", "--from", address, "--to", tmp_path), ("move", "--from", tmp_path, "--to", address)]
    for command in commands:
        done = program(*command, *(["--data", tmp_path / "d"] if command[0] != "move" else []))
        assert done.returncode == 2, done.stderr
        assert "PGPASSFILE" in done.stderr and "--config" in done.stderr
        assert "sesame" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://someone:s3cr%zzsesame@127.0.0.1:1/nowhere",
        "postgresql://someone:open/sesame@127.0.0.1:1/nowhere",
        "postgresql://someone:sesame@[127.0.0.1:1/nowhere",
        "host=127.0.0.1 password='sesame",
        "someone:sesame@127.0.0.1/nowhere",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(address, tmp_path):
    (tmp_path / "conf").write_text(f"db = {address}\n")
    (tmp_path / "replica").write_text(f"db = postgresql:///x\ndb_replica = {address}\n")
    data = ("--data", tmp_path / "d")
    ways = [
        (("check", "--db", address, *data), {}),
        (("serve", "--db", "postgresql:///x", "--db-replica", address, *data), {}),
        (("project", "create", "p", "--config", tmp_path / "conf", *data), {}),
        (("serve", "--config", tmp_path / "replica", *data), {}),
        (("backup", tmp_path / "copy", *data), {"RESULTD_DB": address}),
        (("move", "--from", tmp_path / "conf", "--to", tmp_path / "there"), {}),
    ]
    if address.startswith("postgresql"):
        ways.append((("move", "--from", address, "--to", tmp_path / "there"), {}))
    for arguments, environment in ways:
        done = program(*arguments, **environment)
        said = done.stdout + done.stderr
        assert done.returncode == 2 and "must be like postgresql://" in said, said
        assert not [part for part in ("sesame", "s3cr", "someone", "open") if part in said], said


def test_a_password_elsewhere_is_not(tmp_path):
    address = f"postgresql://someone:sesame@127.0.0.1:{free_port()}/nowhere"
    (tmp_path / "conf").write_text(f"db = {address}\n")
    for arguments, environment in ((("--config", tmp_path / "conf"), {}), ((), {"RESULTD_DB": address})):
        done = program("project", "create", "p", "--data", tmp_path / "d", *arguments, **environment)
        assert done.returncode == 1 and "cannot be reached" in done.stderr and "sesame" not in done.stderr


# ---- administration ---------------------------------------------------------------------------------------


def test_projects_and_keys_can_be_made_before_the_first_start(fresh_server):
    server = fresh_server(start=False)
    api = server.api()
    server.start()
    api.job()


def test_a_project_name_is_taken_once(server, own_api):
    done = server.command("project", "create", own_api.project)
    assert done.returncode != 0
    assert own_api.project in done.stderr


def test_a_user_is_made_once_and_the_password_is_not_stored(server, own_api):
    arguments = ("user", "create", "worker", "--project", own_api.project, "--password-stdin")
    server.succeed(*arguments, stdin="a password of its own\n")
    done = server.command(*arguments, stdin="another\n")
    assert done.returncode != 0 and "worker" in done.stderr
    server.succeed("user", "create", "chief", "--project", own_api.project, "--staff", "--password-stdin", stdin="p2\n")
    for path in server.data.rglob("*"):
        if path.is_file():
            assert b"a password of its own" not in path.read_bytes(), path


@sqlite_only
@on_disk
@pytest.mark.slow
def test_a_backup_to_another_kind_of_file_system_is_a_data_folder(fresh_server):
    """Where files can be neither linked nor copied by the kernel."""
    server = fresh_server()
    api = server.api()
    stored = [api.publish("a", FILED)["id"], api.publish("b", INLINE)["id"]]
    shared = pathlib.Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        server.succeed("backup", str(shared / "copy"))
        server.stop()
        copy = fresh_server(data=shared / "copy")
        api.server = copy
        assert [api.content(result).content for result in stored] == [FILED, INLINE]
        assert copy.check().returncode == 0
        copy.stop()
    finally:
        shutil.rmtree(shared)
