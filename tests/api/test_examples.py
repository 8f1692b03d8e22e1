# SPDX-License-Identifier: Apache-2.0
"""The scripts of examples/ do what they say, against a real server; and its objects have the members described."""

import re
import subprocess
import sys

from harness import CHECKOUT, PATIENCE


def example(name, *arguments):
    """What examples/NAME prints; it must succeed."""
    command = [sys.executable, str(CHECKOUT / "examples" / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_playment(own_api):
    lines = example("playment.py", own_api.server.url, own_api.key, own_api.project).splitlines()
    assert lines[0].startswith("batch     Photos of ")
    assert [line.split()[1] for line in lines[1:4]] == ["crossing.jpg", "tunnel.jpg", "bridge.jpg"]
    assert [line.split()[:2] for line in lines[4:]] == [
        ["completed", photo] for photo in ("crossing.jpg", "tunnel.jpg", "bridge.jpg")
    ]
    assert all(line.endswith('[{"label": "car", "at": [12, 7, 80, 44]}]') for line in lines[4:])


def test_datafiniti(own_api):
    assert example("datafiniti.py", own_api.server.url, own_api.key).splitlines() == [
        "request STARTED",
        "worker asked for categories:shoes as csv",
        "request COMPLETED 2 records",
        "file 2 records",
        "name,price",
        "boot,79.9",
        "sandal,19",
    ]


def test_nostradamus(own_api):
    assert example("nostradamus.py", own_api.server.url, own_api.key).splitlines() == [
        "collection sales",
        "data completed",
        "invocation queued",
        "invocation completed",
        "primary completed json csv xlsx",
        '[{"shop": "north", "sold": 8}, {"shop": "south", "sold": 12}]',
        "accessory completed json",
        '{"sold": 20, "rows": 4}',
        "shop,sold",
        "north,8",
        "south,12",
    ]


def test_ufdl_outputs(server, own_api):
    user = f"example-of-{own_api.project}"
    server.succeed("user", "create", user, "--project", own_api.project, "--staff", "--password-stdin", stdin="secret\n")
    assert example("ufdl_outputs.py", server.url, own_api.key, user, "secret").splitlines() == [
        'output result JSON {"score": 0.5}',
        "output log file txt done",
        "destroyed 204 left 1",
        "reinstated log file",
        "hard deleted None",
        "left 1",
    ]


def test_ufdl(own_api):
    server, user = own_api.server, f"staff-of-{own_api.project}"
    server.succeed("user", "create", user, "--project", own_api.project, "--staff", "--password-stdin", stdin="secret")
    assert example("ufdl.py", server.url, user, "secret").splitlines() == [
        "job of demo waits: count words",
        "node finished it",
        "job finished without error",
        "output count txt says 4",
        "destroyed: 204",
        "deleted since: True",
        "reinstated: True",
    ]


def test_ricloud(own_api):
    assert example("ricloud.py", own_api.server.url, own_api.key).splitlines() == [
        "session active",
        "poll pending with 2 tasks",
        "poll completed",
        'result ios_messages.messages json intact {"data": [{"text": "a row of ios_messages.messages"}]}',
        "result consumed",
        'result ios_calls.calls json intact {"data": [{"text": "a row of ios_calls.calls"}]}',
        "result consumed",
        "results left 0",
    ]


def test_the_native_api_describes_every_member_of_its_objects(own_api):
    text = (CHECKOUT / "docs/api-native.md").read_text(encoding="utf-8")
    batch = own_api.batch()
    job = own_api.job(batch=batch["id"])
    for what, shown in (("batch", batch), ("job", job), ("result", own_api.upload(job["id"], "a", b"a"))):
        described = re.search(rf"^\*\*{what}\*\*: (.*?)\n\n", text, re.M | re.S)[1]
        missing = [name for name in shown if f"`{name}`" not in described]
        assert not missing, f"{what}: {missing}"
