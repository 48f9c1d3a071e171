/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_CHOOSE_H
#define REWRITE_CHOOSE_H

#include "icr/error.h"
#include "icr/http.h"
#include "rewrite/probe.h"
#include "rewrite/work.h"

enum choose_mode {
	CHOOSE_ALL_OR_NONE,    /* each region of the settings must be proven or private already */
	CHOOSE_WHAT_IS_PROVEN, /* at least one must; the others wait for their first proof */
	CHOOSE_REFRESH,	       /* never fails for a dead region; see choose_unproven() */
	CHOOSE_RECORDED,       /* no probe: what was proven before stays, all else waits */
};

/*
 * Probes the regions of work->settings, none of whose names the hosts file answers for. A refresh
 * that would leave the private network (--fallback public) looks again, seconds later. Fails as
 * probe_run() does, for faults of this host: then nothing is known about the network.
 */
int choose_probe(struct work *work, enum choose_mode mode, struct probe *ret_probe,
		 struct icr_error *err);

/*
 * Sets work->routes by what PROBE found, in the order of the region table. RECORDED is what the
 * state knows of them: with settings.fallback it decides what becomes of a region that is not
 * proven now. Its failure is told (-ICR_E_UNPROVEN) as MODE says, in the notes when there is more
 * than one; each change of side is a warning among them. The private network is left only on
 * evidence that it is dead. -ICR_E_REFUSED when `ibmcloud cr` would be cut off, or logins be sent
 * elsewhere, and force is not set. May be called again, for what is recorded by then.
 */
int choose_proven(struct work *work, const struct routes *recorded, const struct probe *probe,
		  enum choose_mode mode, struct icr_error *err);

/* As choose_proven, but without a probe: what was proven before stays in use. */
void choose_recorded(struct work *work, const struct routes *recorded);

/* After a refresh: is there a region that should be steered and could not be proven? Those that
 * wait for their first proof count only when nothing at all is steered. Fails with -ICR_E_UNPROVEN
 * then. */
int choose_unproven(const struct work *work, struct icr_error *err);

/* What a failure says about the private network. */
enum choose_evidence {
	EVIDENCE_NONE, /* nothing: whoever was to be asked about it did not answer either */
	EVIDENCE_LIFE, /* something there answers, be it with a refusal */
	EVIDENCE_DEATH,
	EVIDENCE_FAULT_HERE, /* this host could not even ask */
};

enum choose_evidence choose_evidence_http(enum icr_http_outcome outcome);
enum choose_evidence choose_evidence_name(int failure); /* EAI_*, or 0: no address */

/* What all that was asked of an unproven region says together: death only when nothing else. */
enum choose_evidence choose_evidence(const struct probe_region *region);

#endif
