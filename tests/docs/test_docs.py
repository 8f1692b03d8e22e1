# SPDX-License-Identifier: Apache-2.0
"""The documentation against the program and its sources.

RESULTD names the program (default: build/resultd). What a document says in tables and lists is held against the
table in the C sources that it repeats, in both directions; the README's tour is run, and its output compared.

    /usr/bin/python3 tests/docs/test_docs.py --update

writes the list of settings, as the program prints it, into the example configuration and the manual page, and the
client's commands into its own.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.path.abspath(os.environ.get("RESULTD", str(ROOT / "build" / "resultd")))
DOCUMENTS = ["README.md", "HACKING.md", "SECURITY.md", "CHANGES.md", "docs/api-native.md", "docs/formats.md",
             "docs/api-ricloud.md", "docs/api-playment.md", "docs/api-nostradamus.md", "docs/api-datafiniti.md",
             "docs/api-ufdl.md", "docs/operations.md", "docs/publishing.md", "docs/fetching.md", "docs/page.md"]
EXAMPLE = "docs/resultd.conf.example"
MANUAL = "man/resultd.8"
CLIENT = os.path.join(os.path.dirname(BINARY), "resultctl")
CLIENT_MANUAL = "man/resultctl.1"
SCOPES = {"SCOPE_READ": "read", "SCOPE_ACK": "ack", "SCOPE_WRITE": "write", "SCOPE_DELETE": "delete",
          "SCOPE_ADMIN": "admin", "ROUTE_OPEN": "nothing"}
UFDL_NEEDS = {"ROUTE_OPEN": "nothing", "READ": "user, read", "WRITE": "user, write", "STAFF": "staff, delete",
              "CHANGE": "staff, write", "NOBODY": "nobody"}
PATIENCE = 30.0  # seconds; sanitizers make the server slow


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def run(*arguments):
    """The standard output of the program; it must succeed. Settings in the environment do not reach it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RESULTD_")}
    done = subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=PATIENCE, env=clean)
    assert done.returncode == 0, f"resultd {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def differences(documented, actual, what):
    """Asserts that two lists hold the same, each once, and says by name what does not."""
    twice = sorted({item for item in documented if documented.count(item) > 1})
    assert not twice, f"{what}: documented twice: {twice}"
    missing, surplus = sorted(set(actual) - set(documented)), sorted(set(documented) - set(actual))
    assert actual, f"{what}: nothing found in the sources"
    assert not missing and not surplus, f"{what}: not documented: {missing}; documented and not there: {surplus}"


# ---- tables: of Markdown, of C ----------------------------------------------------------------------------


def rows(document, *heading):
    """The rows below a table heading with exactly these cells; backquotes are dropped."""
    found = []
    inside = False
    for line in read(document).splitlines():
        cells = [cell.strip().replace("`", "") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not line.startswith("|"):
            inside = False
        elif cells == list(heading):
            inside = True
        elif inside and not set("".join(cells)) <= set("-: "):
            found.append(cells)
    assert found, f"{document} has no table with the heading {heading}"
    return found


def source_routes(path, needs=SCOPES):
    """[(method, path with {} for places, scope)] of a table `static const struct route routes[]`."""
    text = read(path).replace("{#}", "{}")
    prefix = dict(re.findall(r'#define\s+(\w+)\s+"([^"]*)"', text + read("src/api/native.h") + read("src/core/sign.h")))
    table = re.search(r"struct route routes\[\] = \{(.*?)\n\};", text, re.S)
    assert table, f"{path} has no table of routes"
    entry = re.compile(r'\{HTTP_(\w+),\s*(\w*)\s*"([^"]*)",\s*R_\w+,\s*BODY_\w+,\s*(\w+),')
    found = [(m[1], prefix[m[2]] + m[3] if m[2] else m[3], needs[m[4]]) for m in entry.finditer(table[1])]
    assert len(found) == table[1].count("{HTTP_"), f"{path}: a route is written in a way that this test cannot read"
    return found


def documented_routes(document, base):
    """The same of a routes table; {id} and the like become {}, a query is left out."""
    found = []
    for method, path, needs, success in rows(document, "method", "path", "needs", "success"):
        assert re.fullmatch(r"\d{3}(, \d{3})*", success), f"{document}: {method} {path}: success is {success!r}"
        assert "?" not in path, f"{document}: {path}: parameters do not belong into the table's path"
        found.append((method, base + re.sub(r"\{\w+\}", "{}", path), needs))
    return found


def err_def():
    """{(public code, status, retryable)} of err.def; two errors may share a code."""
    entry = re.compile(r'^ERR\((\w+),\s*(\d+),\s*(true|false),\s*"(\w+)"\)', re.M)
    found = [(m[4], int(m[2]), m[3] == "true") for m in entry.finditer(read("src/base/err.def"))]
    assert len(found) == len(re.findall(r"^ERR\(", read("src/base/err.def"), re.M))
    return sorted(set(found))


def settings_def():
    """[(name, type, default)] of settings.def."""
    entry = re.compile(r'^SETTING\((\w+),\s*(\w+),\s*"([^"]*)"', re.M)
    found = [(m[2], m[1], m[3]) for m in entry.finditer(read("src/core/settings.def"))]
    assert len(found) == len(re.findall(r"^SETTING\((?!type)", read("src/core/settings.def"), re.M))
    return found


# ---- settings ---------------------------------------------------------------------------------------------


def example_header():
    return re.match(r"(#.*\n)*", read(EXAMPLE))[0]


def manual_around(page, what):
    """What stands before and after the list, markers included."""
    parts = re.fullmatch(rf'(.*^\.\\" {what} begin\n)(.*)(^\.\\" {what} end\n.*)', read(page), re.M | re.S)
    assert parts, f"{page} lacks a marker"
    return parts[1], parts[3]


def manual_around_settings():
    return manual_around(MANUAL, "settings")


def client_commands():
    return subprocess.run([CLIENT, "manual"], capture_output=True, text=True, check=True, timeout=PATIENCE).stdout


def update():
    (ROOT / EXAMPLE).write_text(example_header() + run("settings", "--form", "example"), encoding="utf-8")
    before, after = manual_around_settings()
    (ROOT / MANUAL).write_text(before + run("settings", "--form", "manual") + after, encoding="utf-8")
    before, after = manual_around(CLIENT_MANUAL, "commands")
    (ROOT / CLIENT_MANUAL).write_text(before + client_commands() + after, encoding="utf-8")


def test_example_is_a_header_and_what_the_program_prints():
    assert 0 < example_header().count("\n") <= 15, "the example starts with a short header of comment lines"
    assert read(EXAMPLE) == example_header() + run("settings", "--form", "example")


def test_every_api_s_settings_are_in_the_table_of_apis():
    """All names, and the defaults that the table gives them."""
    names = {name: default for name, _, default in settings_def()}
    of_apis = [name for api in names if f"{api}_prefix" in names for name in (api, f"{api}_prefix")]
    table = rows("docs/operations.md", "setting", "default", "what")
    differences([name for name, _, _ in table], of_apis, "settings of APIs")
    for name, default, _ in table:
        assert default == (names[name] or "empty"), name


def test_example_holds_the_defaults_and_can_be_read(tmp_path):
    shown = re.findall(r"^#(\w+) =(?: (.*))?$", read(EXAMPLE), re.M)
    assert shown == [(name, default) for name, _, default in settings_def()]
    bare = tmp_path / "resultd.conf"
    bare.write_text(re.sub(r"^#(?=\w+ =)", "", read(EXAMPLE), flags=re.M), encoding="utf-8")
    run("settings", "--config", str(bare))  # every line, uncommented, is accepted
    bare.write_text("no_such_setting = 1\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="line 1"):
        run("settings", "--config", str(bare))


def test_manual_lists_what_the_program_prints():
    before, after = manual_around_settings()
    assert read(MANUAL) == before + run("settings", "--form", "manual") + after


def test_the_client_s_manual_lists_what_it_prints():
    before, after = manual_around(CLIENT_MANUAL, "commands")
    assert read(CLIENT_MANUAL) == before + client_commands() + after


def test_the_client_s_exit_statuses_are_those_of_its_manual():
    said = {int(status) for status in re.findall(r"^\.It (\d+)$", read(CLIENT_MANUAL), re.M)}
    assert said == {int(status) for status in re.findall(r"^    FAILURE_\w+ = (\d+),", read("src/cli/failure.h"), re.M)}


def test_help_lists_every_setting_with_its_default():
    shown = re.findall(r"^  --([a-z-]+) (\S+)\n        .+\n        default (.*?)(?:, from .*?)?(?:; re-read.*)?$",
                       run("serve", "--help"), re.M)
    words = {"BOOL": "on|off", "INT": "number", "SIZE": "size", "TIME": "time", "TEXT": "text"}
    assert shown == [(name.replace("_", "-"), words[kind], default or "empty")
                     for name, kind, default in settings_def()]


@pytest.mark.parametrize("page, what", [(MANUAL, "settings"), (CLIENT_MANUAL, "commands")])
def test_manual_is_clean_mdoc(page, what):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", str(ROOT / page)], capture_output=True, text=True,
                          timeout=PATIENCE)
    lines = read(page).splitlines()
    ours = range(lines.index(f'.\\" {what} begin') + 2, lines.index(f'.\\" {what} end') + 1)  # not written by hand
    found = []
    for line in (done.stdout + done.stderr).splitlines():
        at = re.match(r"mandoc: \S+?:(\d+):\d+: STYLE: input text line longer", line)
        # mandoc also looks for the pages of other programs on this machine
        if not (at and int(at[1]) in ours) and "referenced manual not found" not in line and "mandoc.db" not in line:
            found.append(line)
    assert not found, "\n".join(found)


def test_manual_names_every_subcommand():
    shown = re.findall(r"^  resultd ([a-z-]+(?: [a-z-]+)?)(?= |$)", run("--help"), re.M)
    assert len(shown) > 5
    synopsis = read(MANUAL).split(".Sh SYNOPSIS\n")[1].split(".Sh ")[0]
    differences(re.findall(r"^\.Nm resultd\n\.Cm (.+)$", synopsis, re.M), shown, "the synopsis of " + MANUAL)
    described = read(MANUAL).split(".Sh DESCRIPTION\n")[1].split(".Sh ")[0]
    differences(re.findall(r"^\.It Cm (.+)$", described, re.M), shown, "the description of " + MANUAL)


def test_documents_name_only_settings_that_exist():
    known = {name for name, _, _ in settings_def()}
    for document in DOCUMENTS:
        for flag in re.findall(r"resultd serve[^\n`]*", read(document)):
            for name in re.findall(r"--([a-z-]+)", flag):
                assert name in ("help", "config") or name.replace("-", "_") in known, f"{document}: --{name}"
        for name in re.findall(r"\bRESULTD_([A-Z_]+)\b", read(document)):
            assert name in ("NAME", "CONFIG", "TEST_DELAY", "TEST_SETTINGS", "TEST_BLOBS", "TEST_TLS", "PURGE", "URL", "KEY", "LEASE", "WEB") or name.lower() in known, (
                f"{document}: RESULTD_{name}"
            )


def test_settings_in_tables_have_the_default_that_is_said():
    known = {name: default or "empty" for name, _, default in settings_def()}
    said = [(d, row) for d in DOCUMENTS if "| setting |" in read(d) for row in rows(d, "setting", "default", "what")]
    assert said
    for document, (name, default, _) in said:
        assert name in known, f"{document}: there is no setting {name}"
        assert default == known[name], f"{document}: the default of {name} is {known[name]}"


# ---- routes, errors, metrics ------------------------------------------------------------------------------


def test_native_routes():
    differences(documented_routes("docs/api-native.md", "/api/v1"), source_routes("src/api/native.c"),
                "docs/api-native.md")


def test_ricloud_routes():
    differences(documented_routes("docs/api-ricloud.md", ""), source_routes("src/api/ricloud.c"),
                "docs/api-ricloud.md")


def test_playment_routes():
    differences(documented_routes("docs/api-playment.md", ""), source_routes("src/api/playment.c"),
                "docs/api-playment.md")


def test_playment_errors():
    said = re.findall(r'^    \{ERR_\w+, (?:NULL|"[^"]*"), "(\w[\w.]*)"\},$', read("src/api/playment.c"), re.M)
    assert len(said) == read("src/api/playment.c").count("    {ERR_")
    rest = re.findall(r'\? "(\w+)" : "(\w+)";', read("src/api/playment.c"))
    assert len(rest) == 1
    documented = [code for code, _ in rows("docs/api-playment.md", "code", "when")]
    differences(documented, sorted({*said, *rest[0]}), "docs/api-playment.md")


def test_nostradamus_routes():
    differences(documented_routes("docs/api-nostradamus.md", ""), source_routes("src/api/nostradamus.c"),
                "docs/api-nostradamus.md")


def test_datafiniti_routes():
    differences(documented_routes("docs/api-datafiniti.md", ""), source_routes("src/api/datafiniti.c"),
                "docs/api-datafiniti.md")


def test_ufdl_routes():
    differences(documented_routes("docs/api-ufdl.md", ""), source_routes("src/api/ufdl.c", UFDL_NEEDS),
                "docs/api-ufdl.md")


def test_own_pages():
    differences(documented_routes("docs/operations.md", ""),
                source_routes("src/api/ops.c") + source_routes("src/api/links.c") + source_routes("src/api/login.c"),
                "docs/operations.md")


def test_errors():
    documented = rows("docs/api-native.md", "status", "code", "when")
    differences([(code, int(status)) for status, code, _ in documented],
                [(code, status) for code, status, _ in err_def()], "docs/api-native.md")


def test_errors_that_may_be_retried():
    sentence = re.search(r"^Retry-After: (.*?)\.$", read("docs/api-native.md").replace("`", ""), re.M | re.S)
    assert sentence, "docs/api-native.md has no sentence that begins with `Retry-After`:"
    documented = re.findall(r"[a-z_]+", sentence[1])
    differences(documented, [code for code, _, retryable in err_def() if retryable], "Retry-After")


def test_metrics(server):
    with urllib.request.urlopen(server.url + "/-/ready") as answer:  # so that every histogram has a count
        assert answer.status == 200
    with urllib.request.urlopen(server.url + "/-/metrics") as answer:
        text = answer.read().decode()
    documented = [(name, kind) for name, kind, _ in rows("docs/operations.md", "metric", "type", "what")]
    differences(documented, re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M), "docs/operations.md")


# ---- the documents themselves -----------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_lines(document):
    text = read(document)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (ROOT / document).parent.joinpath(target).exists(), f"{document} refers to {target}"
    for number, line in enumerate(text.splitlines(), 1):
        assert len(line) <= 118 or line.startswith("|"), f"{document}:{number}: {len(line)} columns"
        assert line == line.rstrip(), f"{document}:{number}: white space at the end"


def test_paths_in_hacking_exist():
    named = re.findall(r"`((?:src|sql|tests|tools|docs|man|bench)/[\w./-]*)`", read("HACKING.md"))
    assert len(named) > 10
    for path in named:
        path = path.removesuffix("NAME")
        assert (ROOT / path).exists(), f"HACKING.md names {path}"


def test_every_command_of_dev_is_in_hacking():
    shown = subprocess.run([str(ROOT / "dev"), "help"], capture_output=True, text=True, timeout=PATIENCE).stdout
    for command in re.findall(r"^  (\w+)", shown, re.M):
        assert command == "help" or f"./dev {command}" in read("HACKING.md"), f"HACKING.md lacks ./dev {command}"


def test_changes_begin_with_this_version():
    version = run("--version").split()[1]
    first = re.search(r"^## (.+)$", read("CHANGES.md"), re.M)
    assert first and first[1].split()[0] == version


def test_the_package_is_built_with_what_the_list_names():
    groups = (read("packages").split(f"# {group}\n")[1].split("\n\n")[0] for group in ("build", "page"))
    listed = [line.split()[0] for group in groups for line in group.splitlines()]
    asked = re.findall(r"^ ([\w.+-]+)", read("debian/control").split("Build-Depends:\n")[1].split("Standards-Version")[0], re.M)
    ours = {"debhelper-compat", "dh-sequence-installsysusers"}
    essential = {"gcc", "libc6-dev", "curl"}  # there where packages are built; curl is for the tour
    differences(sorted({*asked} - ours), sorted({*listed} - essential), "debian/control")


def test_the_container_has_the_libraries_of_the_package():
    """Those that have a -dev package in the list, by the names of their libraries in Debian 12."""
    wanted = {"libcurl4", "libdeflate0", "libexpat1", "libgnutls30", "libmicrohttpd12", "libpq5", "libsodium23", "libsqlite3-0",
              "libssl3", "libunistring2", "libzstd1", "zlib1g"}
    listed = [name for name in read("packages").split("# build\n")[1].split("\n\n")[0].split() if re.match(r"(lib|zlib).*-dev$", name)]
    assert len(wanted) == len(listed) - 1, "libc6-dev is the one that needs no line"
    named = set(re.findall(r"\b(?:lib\w[\w.+-]*|zlib1g)\b", read("Containerfile"))) - {"lib/resultd", "lib/apt"}
    assert wanted <= named, wanted - named


# ---- the tour ---------------------------------------------------------------------------------------------


class Server:
    """The real program on a free port, with the data folder and key that ./run makes: FOLDER/data."""

    def __init__(self, folder):
        self.folder = folder
        data = str(folder / "data")
        run("project", "create", "default", "--data", data)
        key = run("key", "create", "--project", "default", "--scopes", "read,ack,write,delete,admin", "--data", data)
        (folder / "data" / "first-key").write_text(key, encoding="utf-8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.url = f"http://{self.address}"
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen([BINARY, "serve", "--data", data, "--listen", self.address], stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not self.is_ready():
            assert self.process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)

    def is_ready(self):
        try:
            with urllib.request.urlopen(self.url + "/-/live", timeout=PATIENCE) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, (self.folder / "log").read_text()

    def statuses(self):
        """{status: how many requests were answered with it}, but for the server's own pages."""
        with urllib.request.urlopen(self.url + "/-/metrics") as answer:
            text = answer.read().decode()
        counts = {}
        for labels, count in re.findall(r"^resultd_requests_total\{(.*)\} (\d+)$", text, re.M):
            if 'api="ops"' not in labels:
                status = int(re.search(r'status="(\d+)"', labels)[1])
                counts[status] = counts.get(status, 0) + int(count)
        return counts


@pytest.fixture
def server(tmp_path):
    os.environ["no_proxy"] = "127.0.0.1"
    running = Server(tmp_path)
    yield running
    running.stop()


def tour():
    """[(commands, expected output)]: each fenced block marked `sh tour`, and the `text` block right after it."""
    block = re.compile(r"^```sh tour\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)
    found = [(m[1], m[2] or "") for m in block.finditer(read("README.md"))]
    assert len(found) == read("README.md").count("```sh tour"), "a block of the tour is not closed"
    return found


ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def plain(text):
    """Ids and times are others each time; white space is a matter of layout."""
    return re.sub(r"\s", "", TIME.sub("<time>", ID.sub("<id>", text)))


def matches(expected, actual):
    pattern = ".*?".join(re.escape(part) for part in plain(expected).split("…"))
    return re.fullmatch(pattern, plain(actual)) is not None


def test_comparison_can_fail():
    line = '{"id":"01a2008c-e8f0-7c41-958e-625991910901", … "at":"2026-11-21T23:59:24.400901Z","size":22}\n'
    same = '{"id":"01ffffff-e8f0-7c41-958e-625991910902","x":1,"at":"2027-11-21T23:59:24.000000Z","size":22}'
    assert matches(line, same)
    for wrong in (same.replace("22}", "23}"), same.replace("-7c41", "-8c41"), same.replace("000Z", "0Z"), same + "x", ""):
        assert not matches(line, wrong), wrong


def test_tour(server):
    blocks = tour()
    script = "set -u\n" + "".join(f"{commands}\nprintf '\\n-- end of block --\\n'\n" for commands, _ in blocks)
    assert "127.0.0.1:8080" in script
    done = subprocess.run(["bash", "-c", script.replace("127.0.0.1:8080", server.address)], cwd=server.folder,
                          capture_output=True, text=True, timeout=4 * PATIENCE)
    assert done.returncode == 0 and not done.stderr, done.stderr
    outputs = done.stdout.split("\n-- end of block --\n")[:-1]
    assert len(outputs) == len(blocks)
    for (commands, expected), output in zip(blocks, outputs):
        assert matches(expected.replace("127.0.0.1:8080", server.address), output), (
            f"the README says\n{expected}\nof\n{commands}\nbut the output is\n{output}")
    wanted, deadline = len(re.findall(r"^\s*curl ", script, re.M)), time.monotonic() + PATIENCE
    while sum((statuses := server.statuses()).values()) < wanted and time.monotonic() < deadline:
        time.sleep(0.05)  # a request is counted a moment after its answer
    assert sum(statuses.values()) == wanted, statuses
    # 410 and 409 are what the tour shows: content of a deleted result, deletion of a kept one
    assert {status: count for status, count in statuses.items() if status >= 400} == {410: 1, 409: 1}


def test_the_first_commands_of_the_client(server, tmp_path):
    """As who has a checkout types them, in its folder."""
    (commands, _), = guide("README.md")
    (tmp_path / "build").symlink_to(os.path.dirname(BINARY))
    for name in "README.md", "docs":
        (tmp_path / name).symlink_to(ROOT / name)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RESULTD_")}
    done = subprocess.run(["bash", "-euc", commands.replace("127.0.0.1:8080", server.address)], cwd=tmp_path, capture_output=True,
                          text=True, timeout=4 * PATIENCE, env=environment | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    got = sorted(path.read_bytes() for path in (tmp_path / "july").rglob("*") if path.is_file())
    sent = [ROOT / "README.md", *(path for path in (ROOT / "docs").rglob("*") if path.is_file())]
    assert got == sorted(path.read_bytes() for path in sent) and len(sent) > 10


# ---- the guides: each command in them is run --------------------------------------------------------------


def guide(name):
    """[(commands, expected output or None)]: each block marked `sh`, and the `text` block right after it."""
    block = re.compile(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)
    return [(m[1], m[2]) for m in block.finditer(read(name))]


@pytest.fixture
def desk(server, tmp_path):
    """Runs a guide's commands one after the other, in a folder with the files that it speaks of."""
    key = server.folder / "data" / "first-key"
    folder = tmp_path / "desk"
    for name, data in {"report.csv": "name,price\nnut,9\nbolt,12\n", "out/a.bin": "a", "out/deep/c.txt": "c", "logs/x.txt": "x",
                       "photo.jpg": "not really", "key.txt": key.read_text(encoding="ascii")}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(data, encoding="utf-8")
    subprocess.run(["sqlite3", "shop.db", "CREATE TABLE shop (id INTEGER);"], cwd=folder, check=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RESULTD_")}
    clean |= {"PATH": f"{os.path.dirname(BINARY)}:{os.environ['PATH']}", "HOME": str(folder), "ADDRESS": server.url,
              "XDG_CONFIG_HOME": str(folder / "config")}

    def run_all(before, blocks):
        text = f"set -euo pipefail\n{before}\n" + "".join(f"{commands}\nprintf '\\n-- end of block --\\n'\n" for commands, _ in blocks)
        done = subprocess.run(["bash", "-c", text], cwd=folder, env=clean, capture_output=True, text=True, timeout=4 * PATIENCE)
        outputs = done.stdout.split("\n-- end of block --\n")
        assert done.returncode == 0, f"after {len(outputs) - 1} blocks: {done.stderr}\n{outputs[-1]}"
        return folder, outputs[:-1]

    return run_all


def test_every_command_about_publishing(desk):
    blocks = guide("docs/publishing.md")
    folder, outputs = desk("", blocks)
    assert len(outputs) == len(blocks) >= 7
    for (commands, expected), output in zip(blocks, outputs):
        assert expected is None or matches(expected, output), (commands, expected, output)
    key = (folder / "key.txt").read_text(encoding="ascii").strip()
    assert key not in "".join(outputs)


def test_every_command_about_fetching(desk):
    before = """
    export RESULTD_URL=$ADDRESS RESULTD_KEY=$(cat key.txt)
    batch=$(resultctl batch create july)
    job=$(resultctl job create report --batch "$batch" --reference-id crawl-17)
    result=$(resultctl put --job "$job" --finish report.csv | cut -f 1)
    """
    blocks = guide("docs/fetching.md")
    folder, outputs = desk(before, blocks)
    assert len(outputs) == len(blocks) >= 7
    wanted = (folder / "report.csv").read_bytes()
    for name in ("results/report.csv", "july/crawl-17/report.csv", "copy.csv"):
        assert (folder / name).read_bytes() == wanted, name
    assert (folder / "report.xlsx").read_bytes()[:2] == b"PK" and (folder / "july.zip").is_file()
    assert "bolt\t12" in "".join(outputs) and "nut\t9" not in "".join(outputs)


if __name__ == "__main__":
    if sys.argv[1:] != ["--update"]:
        sys.exit("usage: test_docs.py --update; the tests are run by pytest")
    update()
