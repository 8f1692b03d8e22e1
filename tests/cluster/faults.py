# SPDX-License-Identifier: Apache-2.0
"""What may go wrong with a site. Each fault is struck under load. Those that last are ended after a time; what was killed
is started again only after the site works without it.
"""

import time

WITHOUT = 2  # seconds that something stays away after the site works again
GATEWAY_STOPPED = 30  # seconds
WIRE_CUT = 12  # seconds
QUOTA_FULL = 6  # seconds


class Fault:
    """`lasts`: seconds until it is ended, None: the site has to work without what was struck."""

    lasts = None
    small = True  # one monitor and one OSD are enough
    about = ""

    def __init__(self, site, rng):
        self.site, self.rng = site, rng

    def strike(self):
        """Does it."""

    def mend(self):
        """Ends it, or starts again what was killed."""


class NodeKilled(Fault):
    about = "kill -9 of a node"

    def strike(self):
        self.node = self.rng.choice(self.site.nodes)
        self.node.kill()

    def mend(self):
        self.node.start()


class PrimaryKilled(Fault):
    """The whole machine, or only its PostgreSQL."""

    about = "kill -9 of PostgreSQL's primary"

    def strike(self):
        (self.name,) = self.site.patroni.with_role("primary")
        self.whole = self.rng.random() < 0.7
        if self.whole:
            self.site.patroni.kill_machine(self.name)
        else:
            self.site.patroni.kill_database(self.name)

    def mend(self):
        if self.whole:
            self.site.patroni.start(self.name)


class EtcdKilled(Fault):
    about = "kill -9 of one of three etcd"

    def strike(self):
        self.name = f"etcd{self.rng.randint(1, 3)}"
        self.site.patroni.kill(self.name)

    def mend(self):
        self.site.patroni.start(self.name)


class GatewayStopped(Fault):
    """Both of them: there is no S3, but connections stay."""

    about = f"S3 gateways stopped for {GATEWAY_STOPPED} s"
    lasts = GATEWAY_STOPPED

    def strike(self):
        self.site.ceph.stop("rgw.0", "rgw.1")

    def mend(self):
        self.site.ceph.go_on("rgw.0", "rgw.1")


class OsdAndGatewayKilled(Fault):
    about = "kill -9 of an OSD and a gateway"
    small = False

    def strike(self):
        self.names = [f"osd.{self.rng.randrange(3)}", f"rgw.{self.rng.randrange(2)}"]
        self.site.ceph.kill(*self.names)

    def mend(self):
        self.site.ceph.start(*self.names)


class QuotaFull(Fault):
    about = f"the bucket's quota is full for {QUOTA_FULL} s"
    lasts = QUOTA_FULL
    bucket = "results"

    def strike(self):
        self.site.ceph.limit_objects(self.bucket)

    def mend(self):
        self.site.ceph.lift_limit(self.bucket)


class WireCut(Fault):
    """Of one node, or of all."""

    about = f"nodes cut from the database for {WIRE_CUT} s"
    lasts = WIRE_CUT

    def strike(self):
        wires = self.site.wires
        self.wires = wires if self.rng.random() < 0.5 else [self.rng.choice(wires)]
        for wire in self.wires:
            wire.stop()

    def mend(self):
        for wire in self.wires:
            wire.go_on()


# In the order of ./test cluster.
FAULTS = {
    "node": NodeKilled,
    "primary": PrimaryKilled,
    "wire": WireCut,
    "etcd": EtcdKilled,
    "gateway": GatewayStopped,
    "osd": OsdAndGatewayKilled,
    "quota": QuotaFull,
}


def away(fault, works):
    """Waits as long as the fault lasts; whether the site had to work without what was struck, and did."""
    if fault.lasts is not None:
        time.sleep(fault.lasts)
        return True
    worked = works()
    time.sleep(WITHOUT)
    return worked


# ---- what the test has to notice --------------------------------------------------------------------------

VICTIM = (
    "(SELECT pk FROM result r WHERE project = 1 AND state = '{}' AND deleted_at IS NULL AND is_inline = {}"
    " AND expires_at > (extract(epoch FROM now()) + 3600) * 1000000"
    " AND NOT EXISTS (SELECT 1 FROM representation WHERE result = r.pk) ORDER BY pk DESC LIMIT 1)"
)


class Sabotage(Fault):
    """Something that was acknowledged is undone behind the site's back."""

    lasts = 0
    sql = ""

    def strike(self):
        rows = self.site.patroni.rows(self.sql)
        if not rows:
            raise RuntimeError(f"nothing to damage: {self.sql}")
        return rows


class LostResult(Sabotage):
    sql = f"DELETE FROM result WHERE pk = {VICTIM.format('available', 1)} RETURNING id"


class LostAck(Sabotage):
    sql = (
        "UPDATE result SET state = 'available', consumed_at = NULL"
        f" WHERE pk = {VICTIM.format('consumed', 1)} RETURNING id"
    )


class LostEvent(Sabotage):
    sql = "DELETE FROM event WHERE seq = (SELECT max(seq) - 3 FROM event) RETURNING seq"


class LostObject(Sabotage):
    sql = f"SELECT id FROM result WHERE pk = {VICTIM.format('available', 0)}"

    def strike(self):
        ((id_,),) = super().strike()
        key = f"a/{id_.rsplit('-', 1)[1][:2]}/{id_}"
        self.site.ceph.admin("object", "rm", f"--bucket={QuotaFull.bucket}", f"--object={key}")


# name: (what it does, words that have to be reported)
SABOTAGE = {
    "lost-result": (LostResult, "404"),
    "lost-ack": (LostAck, "has consumed_at None"),
    "lost-event": (LostEvent, "there is no event number"),
    "lost-object": (LostObject, "missing"),
}
