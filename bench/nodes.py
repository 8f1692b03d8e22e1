# SPDX-License-Identifier: Apache-2.0
"""Several nodes of resultd on one PostgreSQL, behind one nginx with the configuration of examples/cluster: how much
work each of them, nginx and PostgreSQL do in a second of a processor."""

import os
import re

import peers

EXAMPLE = os.path.join(peers.ROOT, "examples", "cluster", "nginx.conf")


class Proxy:
    """nginx, before the nodes of these two ports, which may be one."""

    def __init__(self, processes, folder, ports):
        self.processes, self.port = processes, peers.free_port()
        with open(EXAMPLE, encoding="utf-8") as f:
            text = f.read().replace("10.0.0.20:80;", f"127.0.0.1:{self.port};")
        places = iter(ports)
        text = re.sub(r"10\.0\.0\.2[12]:8080", lambda _: f"127.0.0.1:{next(places)}", text)
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        text = text.replace("http {", f"http {{ access_log off; {temporary} keepalive_requests 1000000000;", 1)
        path = os.path.join(folder, "nodes.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"worker_processes 2; daemon off; pid {folder}/pid; error_log {folder}/error.log error; {user}\n")
            f.write(text)
        self.proc = processes.start(
            [peers.program("nginx"), "-p", folder, "-e", os.path.join(folder, "error.log"), "-c", path])
        peers.wait_ready(self.proc, self.port, "/-/live", 10)

    def cpu(self):
        return peers.cpu_of_family(self.proc.pid)

    def stop(self):
        self.processes.stop(self.proc)


def spent(work, servers, pg, proxy):
    """What `work` gives (with "requests"), and how many requests there were for each second of a processor that one of
    the parts has spent: {"nodes", "PostgreSQL", "nginx"}."""
    parts = {"nodes": lambda: sum(server.cpu() for server in servers), "PostgreSQL": pg.cpu, "nginx": proxy.cpu}
    before = {name: cpu() for name, cpu in parts.items()}
    got = work()
    return got, {name: got["requests"] / max(cpu() - before[name], 0.01) for name, cpu in parts.items()}
