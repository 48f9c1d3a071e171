# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""A certificate authority for the lab, made with the openssl command, and trusted system-wide."""

import os
import ssl
import subprocess
import time

# Where the distributions keep the bundle of trusted certificates, and the folder of hashed links.
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
           "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
           "/etc/ssl/ca-bundle.pem")
HASH_FOLDERS = ("/etc/ssl/certs", "/etc/pki/tls/certs")

CONFIGURATION = """
[ca]
default_ca = lab
[lab]
database = {folder}/index.txt
new_certs_dir = {folder}/issued
serial = {folder}/serial
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[req]
distinguished_name = name
prompt = no
[name]
commonName = {common_name}
"""


def openssl(*arguments, stdin=b""):
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, timeout=20)
    if done.returncode:
        raise RuntimeError("openssl %s: status %d: %s" % (
            arguments[0], done.returncode, done.stderr.decode(errors="replace")))
    return done.stdout


def utc(offset):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + offset))


class Authority:
    """One CA in FOLDER; all its server certificates share one key, to be quick."""

    def __init__(self, folder, common_name="ICR lab CA"):
        self.folder = folder
        self.count = 0
        os.makedirs(os.path.join(folder, "issued"))
        for name, text in (("index.txt", ""), ("serial", "01\n")):
            with open(self._path(name), "w") as file:
                file.write(text)
        with open(self._path("ca.cnf"), "w") as file:
            file.write(CONFIGURATION.format(folder=folder, common_name=common_name))
        for name in ("ca", "server"):
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                    self._path(name + ".key"))
        openssl("req", "-x509", "-config", self._path("ca.cnf"), "-extensions", "authority",
                "-key", self._path("ca.key"), "-days", "30", "-out", self._path("ca.pem"))
        self.certificate = self._path("ca.pem")

    def _path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, names, expired=False):
        """An SSL context that presents a certificate for NAMES (in subjectAltName)."""
        self.count += 1
        base = self._path("cert-%d" % self.count)
        with open(base + ".ext", "w") as file:
            file.write("basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"
                       "subjectAltName=%s\n" % ",".join("DNS:" + name for name in names))
        openssl("req", "-new", "-config", self._path("ca.cnf"), "-key", self._path("server.key"),
                "-subj", "/CN=" + names[0], "-out", base + ".csr")
        openssl("ca", "-batch", "-notext", "-config", self._path("ca.cnf"), "-in", base + ".csr",
                "-cert", self.certificate, "-keyfile", self._path("ca.key"),
                "-startdate", utc(-10 * 86400), "-enddate", utc(-86400 if expired else 86400),
                "-extfile", base + ".ext", "-out", base + ".pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(base + ".pem", self._path("server.key"))
        return context

    def trust(self):
        """Puts the CA where OpenSSL, GnuTLS and Go programs look; /etc must be private.

        The CA of an earlier lab in the same namespace stays: its name is another, it is not in use.
        """
        with open(self.certificate, "rb") as file:
            pem = file.read()
        found = False
        for bundle in {os.path.realpath(path) for path in BUNDLES if os.path.exists(path)}:
            if not bundle.startswith("/etc/"):
                raise RuntimeError("%s is outside the private /etc" % bundle)
            with open(bundle, "rb") as file:
                before = file.read()
            os.unlink(bundle)
            with open(bundle, "wb") as file:
                file.write(before.rstrip(b"\n") + b"\n" + pem)
            found = True
        if not found:
            raise RuntimeError("no CA bundle found: install ca-certificates")
        digest = openssl("x509", "-noout", "-hash", "-in", self.certificate).decode().strip()
        for folder in HASH_FOLDERS:
            if os.path.isdir(folder):
                with open(os.path.join(folder, digest + ".0"), "wb") as file:
                    file.write(pem)
