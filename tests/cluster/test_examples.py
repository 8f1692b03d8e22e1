# SPDX-License-Identifier: Apache-2.0
"""The proxies of examples/cluster, before nodes: what they pass on, and what they say while no node is there. The
nodes keep their own data on SQLite here, since it is the proxies that are looked at; cluster.py looks at all of it."""

import re

import deployment
from harness import FILED, eventually, expect, free_port
import requests

def example(name, places):
    """The text of a file, with other addresses: each must be among those given."""
    text = (deployment.EXAMPLES / name).read_text()
    return re.sub(r"10\.0\.0\.\d+:\d+", lambda place: f"127.0.0.1:{places[place[0]]}", text)


def balanced(haproxy, name, places):
    haproxy(example(name, places), places["10.0.0.20:80"])
    return f"http://127.0.0.1:{places['10.0.0.20:80']}"


def through(url, api, method, path, **arguments):
    headers = {"Authorization": f"Bearer {api.key}", **arguments.pop("headers", {})}
    return requests.request(method, f"{url}/api/v1{path}", headers=headers, timeout=60, **arguments)


def passes_everything_on(url, api):
    made = expect(through(url, api, "POST", "/results?name=a", data=iter([FILED[:70_000], FILED[70_000:]])), 201)
    content = through(url, api, "GET", f"/results/{made['id']}/content")
    assert content.content == FILED and content.headers["X-Request-Id"]
    part = through(url, api, "GET", f"/results/{made['id']}/content", headers={"Range": "bytes=5-9"})
    assert part.status_code == 206 and part.content == FILED[5:10]
    assert requests.get(f"{url}/-/ready", timeout=60).status_code == 404
    assert requests.get(f"{url}/-/metrics", timeout=60).status_code == 404
    assert requests.get(f"{url}/-/live", timeout=60).status_code == 200


def test_nginx_passes_everything_on_and_leaves_out_who_is_away(node, nginx, place):
    server, nobody = node(), free_port()
    api = server.api()
    places = {"10.0.0.20:80": free_port(), "10.0.0.21:8080": server.port, "10.0.0.22:8080": nobody}
    nginx(example("nginx.conf", places), places["10.0.0.20:80"])
    url = f"http://127.0.0.1:{places['10.0.0.20:80']}"
    passes_everything_on(url, api)
    assert all(through(url, api, "GET", "/results").status_code == 200 for _ in range(20))
    path = re.sub(r"^https?://[^/]+", "", api.link(api.publish("a", FILED)["id"])["url"])
    assert requests.get(url + path, timeout=60).content == FILED
    server.stop()
    assert requests.get(url + path, timeout=60).status_code in (502, 503)
    assert through(url, api, "GET", "/results").status_code in (502, 503)
    eventually(lambda: "/api/v1/results" in (place / "error.log").read_text(), "nginx tells of what it could not do")
    assert "/-/d/" not in (place / "error.log").read_text()


def site_of(server, other):
    places = {"10.0.0.20:80": free_port(), "10.0.0.20:7480": free_port()}
    places.update({"10.0.0.21:8080": server.port, "10.0.0.22:8080": other})
    places.update({"10.0.0.31:7480": free_port(), "10.0.0.32:7480": free_port()})
    return places


def test_haproxy_passes_everything_on_and_leaves_out_who_is_away(node, haproxy):
    server, nobody = node(), free_port()
    api = server.api()
    url = balanced(haproxy, "haproxy.cfg", site_of(server, nobody))
    passes_everything_on(url, api)
    assert all(through(url, api, "GET", "/results").status_code == 200 for _ in range(20))


def test_haproxy_says_when_to_come_back_and_finds_a_node_again(node, haproxy):
    server = node()
    api = server.api()
    url = balanced(haproxy, "haproxy.cfg", site_of(server, free_port()))
    expect(through(url, api, "GET", "/results"), 200)
    server.kill()
    answer = through(url, api, "POST", "/jobs", json={"kind": "a"})
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    assert answer.json()["code"] == "unavailable"
    assert answer.headers["Content-Type"] == "application/problem+json"
    server.start()
    eventually(lambda: through(url, api, "GET", "/results").status_code == 200, "the node is found again")


def test_groups_are_told_apart_by_the_name_of_the_host(node, haproxy):
    a, b = node(base_url="http://a.results.example.org"), node(base_url="http://b.results.example.org")
    of_a, of_b = a.api(), b.api()
    places = {"10.0.0.20:80": free_port(), "10.0.0.21:8080": a.port, "10.0.0.22:8080": a.port}
    places.update({"10.0.0.41:8080": b.port, "10.0.0.42:8080": b.port})
    url = balanced(haproxy, "haproxy-groups.cfg", places)

    def status(api, host):
        return through(url, api, "GET", "/results", headers={"Host": host}).status_code

    assert (status(of_a, "a.results.example.org"), status(of_b, "b.results.example.org:80")) == (200, 200)
    assert (status(of_b, "a.results.example.org"), status(of_a, "b.results.example.org")) == (401, 401)
    assert status(of_a, "results.example.org") == 421
    host = {"Host": "b.results.example.org"}
    made = expect(through(url, of_b, "POST", "/results?name=x", data=b"x", headers=host), 201)
    link = expect(through(url, of_b, "POST", f"/results/{made['id']}/links", json={}, headers=host), 201)
    assert link["url"].startswith("http://b.results.example.org/-/d/")
