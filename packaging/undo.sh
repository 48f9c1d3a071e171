#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
#
# Before "make uninstall" takes the programs away from this host: takes back what PROGRAM applied,
# and disables those units of UNITDIR that are enabled still.
set -eu

state=/var/lib/icr-rewrite/state.json
journal=/var/lib/icr-rewrite/journal

# A run that was killed has left its journal, and where the record is lost our lines still stand.
if { [ -e "$state" ] || [ -e "$journal" ] || grep -qs '^# BEGIN icr-rewrite' /etc/hosts; } &&
	[ -e "$PROGRAM" ] && ! "$PROGRAM" undo; then
	cat >&2 <<-END
		uninstall: the private route is still in force, and its undo failed: nothing was removed
		uninstall: put right what it says and run it again; without the program nobody renews the
		uninstall: lines of icr-rewrite in /etc/hosts, and pulls fail when the addresses change
	END
	exit 1
fi

# Without its record undo does not know that apply enabled them.
for unit in icr-rewrite.timer icr-rewrite-boot.service; do
	if [ -e "$UNITDIR/$unit" ] && command -v systemctl >/dev/null &&
		systemctl is-enabled --quiet "$unit" 2>/dev/null; then
		systemctl disable --now "$unit"
	fi
done

if [ -e "$UNITDIR/icr-credential.service" ] && command -v systemctl >/dev/null &&
	systemctl is-enabled --quiet icr-credential.service 2>/dev/null; then
	systemctl disable --now icr-credential.service
	echo "uninstall: the sealed key stays: /etc/credstore.encrypted/icr-apikey"
fi
