# SPDX-License-Identifier: Apache-2.0
"""What stands between a server and its PostgreSQL and does what networks do: cuts, swallows, refuses."""

import contextlib
import socket
import threading
import time

LOCK = b"pg_advisory_xact_lock"  # a writing transaction begins
COMMIT = b"COMMIT\0"


class Proxy:
    """On a port of its own, until close(). `cut` is None, "before" or "after": the next writing transaction whose COMMIT
    comes by loses its connection instead of it, or instead of the answer to it; `then` is called at that moment. `of` is
    what such a transaction says, for servers also write of their own accord."""

    def __init__(self, host, port):
        self.target = (host, port)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.listener.getsockname()[1]
        self.cut = None
        self.of = b""
        self.then = None
        self.refuses = False
        self.swallows = False
        self.came = 0  # connections, the refused ones too
        self.cuts = 0
        self.lock = threading.Lock()
        self.pairs = []
        self.open = True
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while self.open:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.came += 1
            if self.refuses:
                client.close()
                continue
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pairs.append((client, server))
            threading.Thread(target=self.to_server, args=(client, server), daemon=True).start()
            threading.Thread(target=self.to_client, args=(client, server), daemon=True).start()

    @staticmethod
    def end(client, server):
        for one in (client, server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def takes_part(self, said):
        """None, or how the connection on which this was said is to be cut; once."""
        with self.lock:
            how = self.cut if LOCK in said and self.of in said and COMMIT in said else None
            if how:
                self.cut = None
                self.cuts += 1
            return how

    def to_server(self, client, server):
        said, how = b"", None  # of this transaction, or what came since the last one
        with contextlib.suppress(OSError):
            while piece := client.recv(1 << 16):
                said += piece
                how = self.takes_part(said)
                if how == "before":
                    break
                if how == "after":
                    self.pairs.remove((client, server))
                    server.sendall(piece)
                    time.sleep(0.3)  # it is committed, and its answer is on its way
                    break
                while self.swallows:
                    time.sleep(0.01)
                server.sendall(piece)
                if COMMIT in piece:
                    said = b""
        if how and self.then:
            self.then()
        self.end(client, server)

    def to_client(self, client, server):
        with contextlib.suppress(OSError):
            while piece := server.recv(1 << 16):
                while self.swallows:
                    time.sleep(0.01)
                if (client, server) in self.pairs:
                    client.sendall(piece)
        self.end(client, server)

    def refuse(self):
        """Nobody comes through, nor stays."""
        self.refuses = True
        for pair in self.pairs:
            self.end(*pair)

    def close(self):
        self.open = self.swallows = False
        self.listener.close()
        for pair in self.pairs:
            self.end(*pair)
