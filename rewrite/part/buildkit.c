/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* A buildkitd of its own: docker build without one is Docker's. */
#include <string.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/value.h"
#include "rewrite/change.h"
#include "rewrite/native.h"
#include "rewrite/part/part.h"
#include "rewrite/toml.h"
#include "rewrite/work.h"

#define CONFIG "/etc/buildkit/buildkitd.toml"

static void print(const struct native_names *names, struct icr_buf *out)
{
	for (size_t i = 0; i < names->count; i++)
		icr_buf_printf(out,
			       "[registry.\"%s\"]" NATIVE_MARK "\n"
			       "mirrors = [\"%s\"]" NATIVE_MARK "\n",
			       names->items[i].name, names->items[i].private_name);
}

/* What keeps our tables from being made. */
struct obstacle {
	const struct native_names *names;
	size_t line;
	const char *what;
};

static int look_at(const struct toml_item *item, void *data)
{
	static const char *const registry[] = {"registry", NULL};
	struct obstacle *obstacle = data;

	if (!toml_below(item, registry))
		return 0;
	obstacle->line = item->line;
	if (item->depth == 1 ? item->kind != TOML_TABLE : item->table == 0) {
		obstacle->what = "has its registries in dotted keys or in braces, where no "
				 "tables can be added";
		return 1;
	}
	for (size_t i = 0; item->depth > 1 && i < obstacle->names->count; i++)
		if (strcmp(item->path[1], obstacle->names->items[i].name) == 0) {
			obstacle->what = "configures this registry already";
			return 1;
		}
	return 0;
}

static int plan_file(struct work *work, struct changes *changes, const struct native_names *names,
		     struct change **ret_change, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf lines = ICR_BUF(ICR_BUF_MAX);
	struct obstacle obstacle = {.names = names};

	print(names, &lines);
	int r = changes_file(changes, &work->host, &part_buildkit, CONFIG, ret_change, err);
	if (r < 0)
		return r;
	const struct content *base = &(*ret_change)->base;
	r = toml_scan(base->text.data, base->text.len, CONFIG, look_at, &obstacle, err);
	if (r > 0)
		return native_refuse(CONFIG, obstacle.line, obstacle.what, &lines, err);
	return r < 0 ? r : native_insert(*ret_change, base->text.len, "", &lines, NULL, err);
}

static bool is_there(const struct host *host)
{
	static const char *const programs[] = {"buildkitd", NULL};

	return host_has_program(host, programs) || host_has(CONFIG);
}

static int buildkit_plan(struct work *work, struct changes *changes, struct icr_error *err)
{
	icr_cleanup(native_names_free) struct native_names names = {0};
	struct change *change;

	native_names(work, &part_buildkit, &names);
	if (!names.count)
		return 0;
	int r = plan_file(work, changes, &names, &change, err);
	if (r < 0)
		return r;
	if (!native_soft(work))
		native_note(work, "buildkit: goes on to the public names when the private network "
				  "is dead, whatever --fallback says: it has no other way");
	if (change_differs(change))
		native_note(work, "buildkit: takes up " CONFIG " when it is restarted (systemctl "
				  "restart buildkit)");
	native_note(work, "buildkit: asks the client for credentials for the private names: "
			  "docker-credential-icr configure sets them up");
	return 0;
}

static int buildkit_find(struct work *work, struct changes *changes, struct icr_error *err)
{
	return native_find(work, changes, &part_buildkit, CONFIG, err);
}

static bool buildkit_writes(const char *path)
{
	return strcmp(path, CONFIG) == 0;
}

static int buildkit_status(struct work *work, struct icr_value *status, struct icr_error *err)
{
	(void)work;
	(void)err;
	icr_value_put_text(status, "name", part_buildkit.name);
	icr_value_put_flag(status, "found", is_there(&work->host));
	if (host_has(CONFIG))
		icr_value_put_text(status, "config", CONFIG);
	return 0;
}

const struct part part_buildkit = {
	.name = "buildkit",
	.engine = true,
	.is_there = is_there,
	.writes = buildkit_writes,
	.find = buildkit_find,
	.plan = buildkit_plan,
	.strip = native_strip,
	.status = buildkit_status,
	.words = native_words,
};
