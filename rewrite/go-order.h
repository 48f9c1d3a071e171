/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_GO_ORDER_H
#define REWRITE_GO_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/text.h"
#include "rewrite/work.h"

#define NSSWITCH_FILE "/etc/nsswitch.conf"

/*
 * Why programs in Go that are built without glibc ask name servers before the hosts file, or
 * instead of it, when TEXT is their nsswitch.conf(5): words that follow "hosts:", malloc'ed; NULL
 * when they do not. Source: net/nss.go and net/conf.go of Go 1.26, parseNSSConf(), lookupOrder().
 */
char *go_asks_servers(const char *text, size_t len);

/* Says where this host's programs in Go are so led past the hosts file. Names that the name servers
 * lead the same way are no problem. PAST: see surroundings_of(). */
void go_order_of(struct work *work, struct icr_strings *past);

#endif
