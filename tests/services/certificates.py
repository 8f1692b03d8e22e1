# SPDX-License-Identifier: Apache-2.0
"""Certificates for servers on this machine, made by openssl: each is its own authority, so that its file is also what
a client is told to trust."""

import subprocess

KINDS = {"rsa": ["rsa:2048"], "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]}
NAMES = "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost,DNS:results.example.org"


def make(folder, name="server", kind="ec", days=30):
    """The paths of a certificate and of its key, which nobody else may read."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", *KINDS[kind], "-nodes", "-days", str(days), "-subj", f"/CN={name}"]
        + ["-addext", NAMES, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    key.chmod(0o600)
    return certificate, key
