# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
