#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Writes an SPDX 2.3 document of the sources and of the libraries that a build uses.

usage: sbom.py ARCHIVE LIBRARY...

ARCHIVE is what `make dist` made; every file in it is listed with its checksums. The libraries are
told by pkg-config's names, and their versions are those of this host (by dpkg-query; without it,
by pkg-config). The same archive on the same host gives the same bytes.
"""

import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import time

NAME = "docker-credential-icr"
AUTHORS = "Organization: the docker-credential-icr authors"
# pkg-config's name: the package of the running library on Debian, licence, and how it is used.
LIBRARIES = {
    "libcjson": ("libcjson1", "MIT", "linked"),
    "libkeyutils": ("libkeyutils1", "LGPL-2.1-or-later", "linked"),
    "libcurl": ("libcurl4", "curl", "loaded when the network is asked"),
    "libsecret-1": ("libsecret-1-0", "LGPL-2.1-or-later", "loaded to store in a desktop's keyring"),
}


def output(*command):
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def sha(kind, data):
    return hashlib.new(kind, data).hexdigest()


def files_of(archive):
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda member: member.name):
            if member.isfile():
                yield member.name.split("/", 1)[1], tar.extractfile(member).read()


def describe_files(archive):
    described = []
    for number, (name, data) in enumerate(files_of(archive), 1):
        licence = re.search(rb"SPDX-License-Identifier: ([\w.-]+)", data[:400])
        described.append({
            "SPDXID": f"SPDXRef-File-{number}",
            "fileName": "./" + name,
            "checksums": [{"algorithm": "SHA1", "checksumValue": sha("sha1", data)},
                          {"algorithm": "SHA256", "checksumValue": sha("sha256", data)}],
            "licenseConcluded": "Apache-2.0",
            "licenseInfoInFiles": [licence.group(1).decode() if licence else "NOASSERTION"],
            "copyrightText": "Copyright the docker-credential-icr authors",
        })
    return described


def describe_library(name, package, licence, use):
    version = purl = ""
    if shutil.which("dpkg-query"):
        line = output("dpkg-query", "-W", "-f", "${Version} ${Architecture}\\n", package)
        version, _, architecture = line.partition(" ")
        purl = f"pkg:deb/debian/{package}@{version.replace('+', '%2B')}?arch={architecture}"
    else:
        version = output("pkg-config", "--modversion", name)
    described = {
        "SPDXID": f"SPDXRef-{name}",
        "name": package if purl else name,
        "versionInfo": version or "NOASSERTION",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "comment": use,
    }
    if version and purl:
        described["externalRefs"] = [{"referenceCategory": "PACKAGE-MANAGER",
                                      "referenceType": "purl", "referenceLocator": purl}]
    return described


def main():
    archive = pathlib.Path(sys.argv[1])
    data = archive.read_bytes()
    with tarfile.open(archive) as tar:
        made = max(member.mtime for member in tar.getmembers())
    version = re.search(rf"{NAME}-(.+)\.tar\.gz$", archive.name).group(1)
    files = describe_files(archive)
    codes = sorted(file["checksums"][0]["checksumValue"] for file in files)
    product = {
        "SPDXID": f"SPDXRef-{NAME}",
        "name": NAME,
        "versionInfo": version,
        "packageFileName": archive.name,
        "downloadLocation": "NOASSERTION",
        "supplier": AUTHORS,
        "filesAnalyzed": True,
        "packageVerificationCode": {
            "packageVerificationCodeValue": sha("sha1", "".join(codes).encode())},
        "checksums": [{"algorithm": "SHA256", "checksumValue": sha("sha256", data)}],
        "licenseConcluded": "Apache-2.0",
        "licenseInfoFromFiles": sorted({file["licenseInfoInFiles"][0] for file in files}),
        "licenseDeclared": "Apache-2.0",
        "copyrightText": "Copyright the docker-credential-icr authors",
        "hasFiles": [file["SPDXID"] for file in files],
    }
    libraries = [describe_library(name, *LIBRARIES[name]) for name in sorted(sys.argv[2:])]
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", product["SPDXID"])]
    relations += [(product["SPDXID"], "DEPENDS_ON", library["SPDXID"]) for library in libraries]
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{NAME}-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/{NAME}-{version}-{sha('sha256', data)}",
        "creationInfo": {
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made)),
            "creators": [AUTHORS, f"Tool: {NAME}-sbom-{version}"],
        },
        "packages": [product] + libraries,
        "files": files,
        "relationships": [{"spdxElementId": one, "relationshipType": kind,
                           "relatedSpdxElement": other} for one, kind, other in relations],
    }
    json.dump(document, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
