/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_SETTINGS_H
#define REWRITE_SETTINGS_H

#include <stdbool.h>

#include "icr/error.h"
#include "icr/region-set.h"

struct part;

/* How pulls get to the private network. */
enum route_kind {
	ROUTE_AUTO,   /* hosts where it can be proven, else native */
	ROUTE_HOSTS,  /* a managed block in /etc/hosts */
	ROUTE_NATIVE, /* each engine's own mirror configuration */
};

enum fallback {
	FALLBACK_NEVER,	 /* a dead private network keeps its last proven addresses */
	FALLBACK_PUBLIC, /* refresh takes the lines out until it is back */
};

/* What apply was asked for; recorded, so that refresh and a later apply repeat it. */
struct settings {
	struct icr_region_set regions;
	enum route_kind route;	/* as asked for */
	enum route_kind chosen; /* what auto came to; ROUTE_AUTO: undecided */
	enum fallback fallback;
	bool docker_mirror;
	bool force;    /* of this run: consent is not recorded */
	char *engines; /* --engines as given; NULL = auto */
};

/* "auto", "hosts", "native". */
const char *route_kind_text(enum route_kind route);

/* Reads one of these; false for another word. */
bool route_kind_parse(const char *text, enum route_kind *ret_route);

/* The route that is in use: what auto has come to. */
enum route_kind settings_route(const struct settings *settings);

/* Is the part in these settings (--engines)? What is no engine always is. */
bool settings_have_part(const struct settings *settings, const struct part *part);

/* Takes --engines' VALUE over: NULL or "auto", or names of engines. -ICR_E_USAGE for others. */
int settings_set_engines(struct settings *settings, const char *value, struct icr_error *err);

void settings_free(struct settings *settings);

#endif
