/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/surroundings.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/nss.h"
#include "icr/sha256.h"
#include "icr/value.h"
#include "rewrite/docker/edit.h"
#include "rewrite/docker/find.h"
#include "rewrite/docker/proxy.h"
#include "rewrite/go-order.h"
#include "rewrite/own-hosts.h"
#include "rewrite/part/hosts.h"
#include "rewrite/processes.h"
#include "rewrite/signing.h"
#include "rewrite/systemd.h"

#define TEXT_MAX ((size_t)1024 * 1024)

/* What one file, or the environment, says about proxies of https. */
struct proxies {
	char *variable; /* the last that names a proxy; or NULL. Never the URL: it may hold a
			   password */
	size_t line;	/* of it */
	/* NO_PROXY and no_proxy: of two that differ, programs read one or the other */
	char *lists[2];
	size_t list_line; /* of the last */
};

static void proxies_free(struct proxies *proxies)
{
	free(proxies->variable);
	for (size_t i = 0; i < ICR_LENGTH(proxies->lists); i++)
		free(proxies->lists[i]);
}

static void take(struct proxies *proxies, char **place, const char *text, size_t len, size_t line)
{
	free(*place);
	*place = len ? icr_strndup(text, len) : NULL;
	if (place == &proxies->variable)
		proxies->line = line;
	else
		proxies->list_line = line;
}

/* The value of "NAME=VALUE" in an environment file, a shell script, a list of TOML, or systemd's
 * Environment=: to the quote that opened before the name or behind the sign, else to the blank. */
static size_t value_span(char quote, const char **value, const char *end)
{
	const char *at = *value;

	if (at < end && (*at == '"' || *at == '\''))
		quote = *at++;
	*value = at;
	while (at < end && (quote ? *at != quote : !icr_is_space(*at) && *at != ';'))
		at++;
	return (size_t)(at - *value);
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Where the value stands that follows a variable's name; NULL when there is none. Behind a blank as
 * in pam_env.conf(5): "NAME DEFAULT=VALUE OVERRIDE=VALUE", the first that is not empty. */
static const char *find_value(const char *at, const char *end)
{
	static const char *const words[] = {"DEFAULT=", "OVERRIDE="};
	const char *value = NULL;

	if (at < end && *at == '=')
		return at + 1;
	while (at < end && icr_is_space(*at) && (!value || value == at)) {
		while (at < end && icr_is_space(*at))
			at++;
		const char *word = at;
		for (size_t i = 0; i < ICR_LENGTH(words) && word == at; i++) {
			size_t len = strlen(words[i]);
			if ((size_t)(end - at) >= len && memcmp(at, words[i], len) == 0)
				value = at += len;
		}
	}
	return value;
}

static void read_line(struct proxies *proxies, const char *text, size_t len, size_t line)
{
	static const char *const variables[] = {"https_proxy", "all_proxy", "no_proxy"};
	const char *end = text + len;

	for (const char *at = text; at < end; at++) {
		if (at > text && is_word(at[-1]))
			continue;
		for (size_t i = 0; i < ICR_LENGTH(variables); i++) {
			size_t name = strlen(variables[i]);
			if ((size_t)(end - at) <= name || strncasecmp(at, variables[i], name) != 0)
				continue;
			const char *value = find_value(at + name, end);
			if (!value)
				continue;
			char quote = at > text && (at[-1] == '"' || at[-1] == '\'') ? at[-1] : '\0';
			size_t span = value_span(quote, &value, end);
			if (strcmp(variables[i], "no_proxy") == 0)
				take(proxies, &proxies->lists[*at == 'n'], value, span, line);
			else
				take(proxies, &proxies->variable, at, span ? name : 0, line);
			/* a value names no other variable */
			at = value + span - 1;
			break;
		}
	}
}

/* Most files name no proxy. */
static bool names_proxy(const char *text, size_t len)
{
	static const char word[] = "_proxy";
	const char *end = text + len;

	while ((text = memchr(text, word[0], (size_t)(end - text)))) {
		if ((size_t)(end - text) >= strlen(word) &&
		    strncasecmp(text, word, strlen(word)) == 0)
			return true;
		text++;
	}
	return false;
}

static void read_text(struct proxies *proxies, const char *text, size_t len)
{
	const char *end = text + len;

	if (!names_proxy(text, len))
		return;
	for (size_t line = 1; text < end; line++) {
		const char *next = memchr(text, '\n', (size_t)(end - text));
		size_t span = (size_t)((next ? next : end) - text), blank = 0;
		while (blank < span && icr_is_space(text[blank]))
			blank++;
		if (blank < span && text[blank] != '#' && text[blank] != ';')
			read_line(proxies, text, span, line);
		text += span + 1;
	}
}

/* Who reads a file: where none of the programs is installed, nobody does. */
struct reader {
	const char *path;    /* a file, or a folder whose *SUFFIX is read */
	const char *suffix;  /* NULL: a file */
	const char *clients; /* in words */
	bool containers;     /* read by the programs of containers/image alone */
};

#define CLIENTS	     "podman, skopeo and other clients"
#define PODMAN	     "podman and buildah"
#define ALL_SERVICES "podman and other clients in services"
#define OF_USERS     "podman and other clients in services of users"
#define SUSE_PROXY   "/etc/sysconfig/proxy"

/* Units are not among them: see services[]. */
static const struct reader readers[] = {
	{"/etc/environment", NULL, CLIENTS, true},
	{"/etc/security/pam_env.conf", NULL, CLIENTS, true},
	{"/etc/profile", NULL, CLIENTS, true},
	{"/etc/profile.d", ".sh", CLIENTS, true},
	{"/etc/bash.bashrc", NULL, CLIENTS, true},
	{"/etc/bashrc", NULL, CLIENTS, true},
	{SUSE_PROXY, NULL, CLIENTS, true},
	{"/usr/share/containers/containers.conf", NULL, PODMAN, true},
	{"/etc/containers/containers.conf", NULL, PODMAN, true},
	{"/etc/containers/containers.conf.d", ".conf", PODMAN, true},
	/* systemd-system.conf(5) */
	{"/usr/lib/systemd/system.conf", NULL, ALL_SERVICES, true},
	{"/usr/lib/systemd/system.conf.d", ".conf", ALL_SERVICES, true},
	{"/etc/systemd/system.conf", NULL, ALL_SERVICES, true},
	{"/etc/systemd/system.conf.d", ".conf", ALL_SERVICES, true},
	{"/usr/lib/systemd/system/service.d", ".conf", ALL_SERVICES, true},
	{"/etc/systemd/system/service.d", ".conf", ALL_SERVICES, true},
	{"/usr/lib/systemd/user.conf", NULL, OF_USERS, true},
	{"/usr/lib/systemd/user.conf.d", ".conf", OF_USERS, true},
	{"/etc/systemd/user.conf", NULL, OF_USERS, true},
	{"/etc/systemd/user.conf.d", ".conf", OF_USERS, true},
	/* environment.d(5) */
	{"/usr/lib/environment.d", ".conf", OF_USERS, true},
	{"/etc/environment.d", ".conf", OF_USERS, true},
	/* of OpenRC, where the environment of k3s is no unit's */
	{"/etc/rancher/k3s/k3s.env", NULL, "k3s", false},
};

/* Services that pull with the environment of their units; docker.service is the Docker part's. */
static const struct service {
	const char *unit;
	const char *name;
} services[] = {
	{"podman.service", "podman's service"},
	{"podman-auto-update.service", "podman's updates"},
	{"podman-kube@.service", "podman's Kubernetes files"},
	{"crio.service", "CRI-O"},
	{"containerd.service", "containerd"},
	{"buildkit.service", "BuildKit"},
	{"buildkitd.service", "BuildKit"},
	{"k3s.service", "k3s"},
	{"k3s-agent.service", "k3s"},
	{"rke2-server.service", "rke2"},
	{"rke2-agent.service", "rke2"},
};

/* Programs that read the environment and pull by themselves. */
static const char *const clients[] = {"podman", "skopeo", "buildah", "crane",
				      "oras",	"regctl", "nerdctl"};

static bool has_clients(void)
{
	static const char *const folders[] = {"/usr/bin", "/usr/local/bin"};

	for (size_t i = 0; i < ICR_LENGTH(folders); i++)
		for (size_t k = 0; k < ICR_LENGTH(clients); k++) {
			_cleanup_free_ char *path = icr_path_join(folders[i], clients[k]);
			if (host_has(path))
				return true;
		}
	return false;
}

struct look {
	const struct host *host;
	const struct icr_strings *names;
	struct notes *notes;
	struct icr_strings *past;
	char *lists[2];		    /* of /etc/environment, which other files add to */
	char *variable;		    /* the first that names a proxy for who logs in; or NULL */
	bool blind;		    /* to processes of others */
	struct icr_strings running; /* services whose processes were told of */
};

static bool any_covers(char *const lists[2], const char *name)
{
	return (lists[0] && docker_names_cover(lists[0], name)) ||
	       (lists[1] && docker_names_cover(lists[1], name));
}

/* Whichever list a program goes by. What a shell adds to is taken to be there. */
static bool is_covered(const struct look *look, const struct proxies *proxies, const char *name)
{
	bool covered = proxies->lists[0] || proxies->lists[1];

	if (!covered)
		return any_covers(look->lists, name);
	for (size_t i = 0; covered && i < ICR_LENGTH(proxies->lists); i++) {
		const char *list = proxies->lists[i];
		covered = !list || docker_names_cover(list, name) ||
			  (strchr(list, '$') && any_covers(look->lists, name));
	}
	return covered;
}

/* Says what PROXIES mean for the names; false when there is nothing to say. WHERE:
 * "/etc/environment:1". COUNTS: for this host as a whole, not for whoever calls. */
static bool judge(struct look *look, const struct proxies *proxies, const char *where,
		  const char *who, bool counts)
{
	_cleanup_buf_ struct icr_buf missing = ICR_BUF(TEXT_MAX);

	if (!proxies->variable)
		return false;
	for (size_t i = 0; i < look->names->count; i++)
		if (!is_covered(look, proxies, look->names->items[i]))
			icr_buf_printf(&missing, "%s%s", missing.len ? "," : "",
				       look->names->items[i]);
	if (!missing.len)
		return false;
	_cleanup_free_ char *text = icr_printf(
		"%s: %s takes the names past the route, through a proxy, for %s; add to no_proxy "
		"there: %s",
		where, proxies->variable, who, missing.data);
	note_past(look->notes, counts ? look->past : NULL, text);
	return true;
}

/* SUSE's file has a switch of its own. */
static bool is_switched_off(const char *path, const struct icr_buf *text)
{
	_cleanup_strings_ struct icr_strings variables = {0};

	if (strcmp(path, SUSE_PROXY) != 0)
		return false;
	systemd_environment_parse(&variables, text->data, text->len);
	const char *enabled = environment_value(&variables, "PROXY_ENABLED");
	return enabled && strcmp(enabled, "yes") != 0;
}

static void look_at_file(struct look *look, const char *path, const struct reader *reader)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);
	icr_cleanup(proxies_free) struct proxies proxies = {0};

	if (!host_read(path, &text) || is_switched_off(path, &text))
		return;
	read_text(&proxies, text.data, text.len);
	for (size_t i = 0; i < ICR_LENGTH(look->lists); i++)
		if (strcmp(path, "/etc/environment") == 0 && proxies.lists[i])
			look->lists[i] = icr_strdup(proxies.lists[i]);
	size_t line = proxies.line;
	bool session = strcmp(reader->clients, CLIENTS) == 0;
	if (session && proxies.variable && !look->variable)
		look->variable = icr_strdup(proxies.variable);
	/* another file names the proxy, and this one from whom it keeps off */
	if ((session || strcmp(reader->clients, PODMAN) == 0) && !proxies.variable &&
	    look->variable && (proxies.lists[0] || proxies.lists[1])) {
		proxies.variable = icr_strdup(look->variable);
		line = proxies.list_line;
	}
	if (!proxies.variable)
		return;
	_cleanup_free_ char *where = icr_printf("%s%s:%zu", look->host->root, path, line);
	(void)judge(look, &proxies, where, reader->clients, !reader->containers || has_clients());
}

/* systemd's 99-environment.conf is /etc/environment by another name. */
static bool is_the_environment(const char *path)
{
	_cleanup_free_ char *target = NULL;
	size_t tail = strlen("/etc/environment");

	return icr_path_link_target(path, &target, NULL) >= 0 && strlen(target) >= tail &&
	       strcmp(target + strlen(target) - tail, "/etc/environment") == 0;
}

static void look_into_folder(struct look *look, const char *folder, const struct reader *reader)
{
	_cleanup_strings_ struct icr_strings files = {0};

	icr_folder_list(folder, reader->suffix, &files);
	for (size_t i = 0; i < files.count; i++)
		if (!is_the_environment(files.items[i]))
			look_at_file(look, files.items[i], reader);
}

/* k3s and rke2 give their containerd what is named CONTAINERD_HTTPS_PROXY and the like. Source:
 * docs.k3s.io, "Configuring an HTTP proxy". */
static const char *service_variable(const struct icr_strings *environment,
				    const char *const *variables, const char **ret_name)
{
	static const char *const prefixes[] = {"CONTAINERD_", ""};

	for (size_t i = 0; i < ICR_LENGTH(prefixes); i++)
		for (size_t k = 0; variables[k]; k++) {
			_cleanup_free_ char *name = icr_printf("%s%s", prefixes[i], variables[k]);
			const char *value = environment_value(environment, name);
			if (!value)
				continue;
			*ret_name = variables[k];
			return value;
		}
	return NULL;
}

static bool has_proxy(const struct icr_strings *environment)
{
	for (size_t i = 0; i < environment->count; i++)
		if (names_proxy(environment->items[i], strlen(environment->items[i])))
			return true;
	return false;
}

/* Returns whether there was something to say. COUNTS as in judge(). */
static bool judge_service(struct look *look, const struct icr_strings *environment,
			  const char *where, const char *name, bool counts)
{
	static const char *const proxy[] = {"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy",
					    NULL};
	static const char *const exceptions[] = {"NO_PROXY", "no_proxy", NULL};
	const char *variable = NULL, *ignored;

	if (!service_variable(environment, proxy, &variable))
		return false;
	const char *list = service_variable(environment, exceptions, &ignored);
	const struct proxies proxies = {.variable = (char *)variable,
					.lists = {(char *)(list ? list : "")}};
	return judge(look, &proxies, where, name, counts);
}

/* What a process was started with goes on, whatever its unit's files say by now. This host's
 * dockerd tells of its proxies by itself. */
static const struct service running[] = {
	{"crio", "CRI-O"},     {"containerd", "containerd"}, {"buildkitd", "BuildKit"},
	{"k3s-server", "k3s"}, {"k3s-agent", "k3s"},	     {"rke2", "rke2"},
};

static void look_at_process(struct look *look, const char *pid, const char *name)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);
	_cleanup_strings_ struct icr_strings environment = {0};
	_cleanup_free_ char *path = icr_printf("/proc/%s/environ", pid);
	_cleanup_free_ char *where = icr_printf(
		"process %s, which goes by what it was started with until it is restarted", pid);

	if (!host_read(path, &text))
		return;
	for (const char *word = text.data; word < text.data + text.len; word += strlen(word) + 1)
		icr_strings_add(&environment, word);
	/* a user's, or what a user calls so, is not the host's */
	bool root = process_is_root(pid);
	_cleanup_free_ char *whose = icr_printf("%s%s", name, root ? "" : " of another user");
	if (judge_service(look, &environment, where, whose, root) && root)
		icr_strings_add_once(&look->running, name);
}

/* Another dockerd, of a user or a second one of root's, which nobody configures here. */
static void look_at_docker(struct look *look, const char *pid)
{
	_cleanup_docker_ struct docker docker = docker_other(pid);
	_cleanup_docker_proxy_ struct docker_proxy proxy = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);
	_cleanup_json_ struct icr_json json = {0};
	const struct docker_edit edit = {.json = &json, .path = docker.config};
	_cleanup_free_ char *where =
		icr_printf("process %s, another dockerd than this host's own", pid);

	/* a file that makes no sense by now is not the one that it was started with */
	(void)process_read_file(pid, docker.config, &text);
	if (icr_json_parse(text.data, text.len, docker.config, DOCKER_JSON_FLAGS, &json, NULL) <
		    0 &&
	    icr_json_parse("", 0, docker.config, DOCKER_JSON_FLAGS, &json, NULL) < 0)
		return;
	if (docker_proxy_read(&docker, &edit, &proxy, NULL) < 0 || !proxy.used)
		return;
	const struct proxies proxies = {.variable = (char *)"a proxy that it was started with",
					.lists = {proxy.no_proxy}};
	(void)judge(look, &proxies, where, "Docker", process_is_root(pid));
}

static void look_at_running(struct look *look, const struct processes *processes, pid_t dockerd)
{
	_cleanup_free_ char *own = icr_printf("%d", (int)dockerd);

	for (size_t i = 0; i < processes->count; i++) {
		const struct process *process = &processes->items[i];
		_cleanup_free_ char *path = icr_printf("/proc/%s/environ", process->pid);
		look->blind |= process_engine_called(process->name) && access(path, R_OK) < 0 &&
			       errno == EACCES;
		for (size_t k = 0; k < ICR_LENGTH(running); k++)
			if (strcmp(process->name, running[k].unit) == 0 &&
			    process_is_here(process->pid))
				look_at_process(look, process->pid, running[k].name);
		if (strcmp(process->name, "dockerd") == 0 && process_is_here(process->pid) &&
		    strcmp(process->pid, own) != 0)
			look_at_docker(look, process->pid);
	}
	if (look->blind)
		note_warning(look->notes, "only root can tell which proxies and which hosts file "
					  "the engines go by that run here");
}

/* To who is not root a unit may say less than to systemd. */
static void judge_closed(struct look *look, const struct systemd_unit *unit, const char *name)
{
	if (!unit->closed)
		return;
	_cleanup_free_ char *text =
		icr_printf("%s: closed to this user, so it cannot be told whether %s pulls through "
			   "a proxy: ask as root",
			   unit->closed, name);
	note_past(look->notes, look->past, text);
}

static void look_at_service(struct look *look, struct work *work, const struct service *service)
{
	icr_cleanup(systemd_unit_free) struct systemd_unit unit =
		systemd_unit_read(look->host, service->unit, "");

	judge_closed(look, &unit, service->name);
	/* one that is masked starts nothing */
	if (!unit.command.count)
		return;
	own_hosts_of_unit(work, &unit, service->name, look->past);
	if (!has_proxy(&unit.environment) || icr_strings_has(&look->running, service->name))
		return;
	_cleanup_free_ char *where = icr_printf("%s%s, with its drop-ins and files of variables",
						look->host->root, unit.path);
	(void)judge_service(look, &unit.environment, where, service->name, true);
}

static void look_at_environment(struct look *look)
{
	static const char *const variables[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
						"ALL_PROXY"};
	struct proxies proxies = {.lists = {(char *)icr_environment_get("NO_PROXY"),
					    (char *)icr_environment_get("no_proxy")}};

	for (size_t i = 0; !proxies.variable && i < ICR_LENGTH(variables); i++)
		if (icr_environment_get(variables[i]))
			proxies.variable = (char *)variables[i];
	(void)judge(look, &proxies, "the environment of this command",
		    "clients that are started in it", false);
}

/* One who may run clients: their home and how they are called. */
struct user {
	const char *home, *name;
	const char *docker_config; /* DOCKER_CONFIG; or NULL */
};

/* The host that a context of the Docker CLI leads to, malloc'ed; NULL when it cannot be told.
 * Source: docker/cli cli/context/store, metadata files are named by the SHA-256 of the context. */
static char *context_host(const char *folder, const char *name)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);
	_cleanup_value_ struct icr_value *message = NULL;
	char hash[ICR_SHA256_HEX];

	icr_sha256_hex(name, strlen(name), hash);
	_cleanup_free_ char *path = icr_printf("%s/contexts/meta/%s/meta.json", folder, hash);
	if (!host_read(path, &text) ||
	    icr_value_parse(text.data, text.len, false, &message, NULL) < 0)
		return NULL;
	const char *found = icr_value_text(
		icr_value_get(icr_value_get(message, "Endpoints"), "docker"), "Host");
	return found ? icr_strdup(found) : NULL;
}

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Does the engine at this address run on this host, with its hosts file? */
static bool is_here(const char *address)
{
	return strcmp(address, "unix:///var/run/docker.sock") == 0 ||
	       strcmp(address, "unix:///run/docker.sock") == 0 ||
	       begins(address, "unix:///run/user/") || begins(address, "unix:///run/podman/") ||
	       begins(address, "tcp://127.") || begins(address, "tcp://localhost") ||
	       begins(address, "fd://");
}

/* The words are "ssh", "tcp", "unix", ...: the rest of the address may hold a password. */
static void judge_engine(struct look *look, const char *what, const char *address)
{
	if (is_here(address))
		return;
	note_warning(look->notes,
		     "%s leads to an engine elsewhere (%.*s), which has a hosts file of its own: "
		     "what it pulls is not steered from here",
		     what, (int)(strcspn(address, ":") < 16 ? strcspn(address, ":") : 16), address);
}

static void look_at_contexts(struct look *look, const struct user *user, const char *chosen)
{
	_cleanup_free_ char *folder = user->docker_config ? icr_strdup(user->docker_config)
							  : icr_path_join(user->home, ".docker");
	_cleanup_free_ char *path = icr_path_join(folder, "config.json");
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);
	_cleanup_value_ struct icr_value *message = NULL;

	if (!chosen && host_read(path, &text) &&
	    icr_value_parse(text.data, text.len, false, &message, NULL) >= 0)
		chosen = icr_value_text(message, "currentContext");
	if (!chosen || !*chosen || strcmp(chosen, "default") == 0)
		return;
	_cleanup_free_ char *address = context_host(folder, chosen);
	_cleanup_free_ char *what =
		icr_printf("the Docker context \"%s\" of %s", chosen, user->name);
	judge_engine(look, what, address ? address : "an unknown place:");
}

static bool is_proxy_option(const struct icr_value *option)
{
	return strcasecmp(option->name, "env.https_proxy") == 0 ||
	       strcasecmp(option->name, "env.all_proxy") == 0;
}

/* Docker makes the hosts file of such a container from this host's, at each start. */
static bool is_host_network(const struct icr_value *option)
{
	const char *text = icr_value_string(option);

	return strcmp(option->name, "network") == 0 && text && strcmp(text, "host") == 0;
}

/* Does IS hold for an option of a node of a builder? Source: buildx, store.Node. */
static bool nodes_have(const struct icr_value *nodes, bool (*is)(const struct icr_value *option))
{
	icr_value_each(node, nodes)
		icr_value_each(option, icr_value_get(node, "DriverOpts"))
			if (option->name && is(option))
				return true;
	return false;
}

/* buildx's builders in containers are made from the hosts file of their image, not of this host. */
static void look_at_builders(struct look *look, const struct user *user)
{
	_cleanup_free_ char *folder = user->docker_config ? icr_strdup(user->docker_config)
							  : icr_path_join(user->home, ".docker");
	_cleanup_free_ char *instances = icr_path_join(folder, "buildx/instances");
	_cleanup_dir_ DIR *dir = opendir(instances);

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);
		_cleanup_value_ struct icr_value *message = NULL;
		_cleanup_free_ char *path = icr_path_join(instances, entry->d_name);
		if (entry->d_name[0] == '.' || !host_read(path, &text) ||
		    icr_value_parse(text.data, text.len, false, &message, NULL) < 0)
			continue;
		const char *driver = icr_value_text(message, "Driver");
		const struct icr_value *nodes = icr_value_get(message, "Nodes");
		if (driver && begins(driver, "docker-container"))
			note(look->notes,
			     "the buildx builder \"%s\" of %s runs in a container with a hosts "
			     "file of its own%s: what it pulls is not steered%s",
			     entry->d_name, user->name,
			     nodes_have(nodes, is_proxy_option) ? ", and through a proxy" : "",
			     nodes_have(nodes, is_host_network)
				     ? " until that container is restarted"
				     : "");
	}
}

static void look_at_user(struct look *look, const struct user *user)
{
	static const struct reader reader = {.suffix = ".conf",
					     .clients = "podman and buildah of that user",
					     .containers = true};
	_cleanup_free_ char *file = icr_path_join(user->home, ".config/containers/containers.conf");
	_cleanup_free_ char *folder =
		icr_path_join(user->home, ".config/containers/containers.conf.d");

	look_at_file(look, file, &reader);
	look_into_folder(look, folder, &reader);
	look_at_builders(look, user);
}

static void look_at_users(struct look *look)
{
	const struct icr_environment *environment = &look->host->environment;
	struct user caller = {environment->home, "the calling user", environment->docker_config};

	if (environment->docker_host)
		judge_engine(look, "DOCKER_HOST", environment->docker_host);
	if (icr_environment_get("CONTAINER_HOST"))
		judge_engine(look, "podman's CONTAINER_HOST",
			     icr_environment_get("CONTAINER_HOST"));
	if (caller.home && caller.home[0] == '/') {
		look_at_user(look, &caller);
		if (!environment->docker_host)
			look_at_contexts(look, &caller, icr_environment_get("DOCKER_CONTEXT"));
	}
	uid_t id;
	_cleanup_free_ char *home =
		environment->sudo_user ? icr_home_of(environment->sudo_user, &id) : NULL;
	if (!home || (caller.home && strcmp(caller.home, home) == 0))
		return;
	struct user behind = {home, environment->sudo_user, NULL};
	look_at_user(look, &behind);
	look_at_contexts(look, &behind, NULL);
}

/* Is a name server at work here? Port 53 in the kernel's list, "0035" in hexadecimal. */
static bool serves_names(void)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);

	return host_read("/proc/net/udp", &text) && strstr(text.data, ":0035 ");
}

static bool has_option(const char *text, size_t len, const char *option)
{
	const char *end = text + len;

	while (text < end) {
		const char *next = memchr(text, '\n', (size_t)(end - text));
		size_t span = (size_t)((next ? next : end) - text);
		icr_trim(&text, &span);
		if (span == strlen(option) && memcmp(text, option, span) == 0)
			return true;
		text = next ? next + 1 : end;
	}
	return false;
}

/* "no-hosts" on the command line, or in a file that it or dnsmasq's default names. */
static bool ignores_hosts(const struct icr_buf *command)
{
	static const char prefix[] = "--conf-file=";
	const char *file = "/etc/dnsmasq.conf";

	for (const char *word = command->data; word < command->data + command->len;
	     word += strlen(word) + 1) {
		if (strcmp(word, "--no-hosts") == 0 || strcmp(word, "-h") == 0)
			return true;
		if (begins(word, prefix))
			file = word + strlen(prefix);
		else if (strcmp(word, "-C") == 0)
			file = word + strlen(word) + 1;
	}
	_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);
	struct stat info;
	/* anybody may start one that names any file */
	return file[0] == '/' && stat(file, &info) == 0 && info.st_uid == 0 &&
	       host_read(file, &text) && has_option(text.data, text.len, "no-hosts");
}

static const char dnsmasq[] = "dnsmasq";

/* dnsmasq reads the hosts file when it starts and when it gets SIGHUP: dnsmasq(8). */
static void look_for_dnsmasq(struct look *look, const struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++) {
		const char *pid = processes->items[i].pid;
		_cleanup_buf_ struct icr_buf command = ICR_BUF(TEXT_MAX);
		_cleanup_free_ char *line = icr_printf("/proc/%s/cmdline", pid);
		if (strcmp(processes->items[i].name, dnsmasq) != 0 || !serves_names() ||
		    !host_read(line, &command) || ignores_hosts(&command))
			continue;
		note(look->notes,
		     "a dnsmasq (process %s) answers from /etc/hosts as it was when it read the "
		     "file: kill -HUP %s makes it read it again, also after each refresh that "
		     "changes the file and after undo",
		     pid, pid);
	}
}

/* Counts when the file, or a folder above it, is closed to others. */
static void judge_mode(struct look *look, const char *path, mode_t needed)
{
	struct stat info;

	if (stat(path, &info) < 0 || (info.st_mode & needed) == needed)
		return;
	_cleanup_free_ char *text = icr_printf(
		"%s%s: closed to other users (mode %04o), whose programs so ask name servers for "
		"what " HOSTS_FILE " steers: chmod o+%s %s%s",
		look->host->root, path, (unsigned)info.st_mode & 07777,
		needed == S_IROTH ? "r" : "x", look->host->root, path);
	note_past(look->notes, look->past, text);
}

/* A resolver that cannot read the hosts file goes on without it, in silence. */
static void look_at_hosts_file(struct look *look)
{
	_cleanup_free_ char *path = NULL;

	if (icr_file_resolve(HOSTS_FILE, &path, NULL) < 0)
		return;
	for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		judge_mode(look, path, S_IXOTH);
		*slash = '/';
	}
	judge_mode(look, path, S_IROTH);
}

void surroundings_of(struct work *work, struct icr_strings *past)
{
	_cleanup_strings_ struct icr_strings names = {0};
	struct look look = {
		.host = &work->host, .names = &names, .notes = &work->notes, .past = past};

	for (size_t i = 0; i < work->routes.count; i++) {
		const char *all[ROUTE_NAMES_MAX];
		size_t count = route_names(&work->routes.items[i], all);
		for (size_t k = 0; k < count; k++)
			icr_strings_add(&names, all[k]);
	}
	if (!names.count)
		return;
	if (settings_route(&work->settings) == ROUTE_HOSTS) {
		look_at_hosts_file(&look);
		go_order_of(work, past);
	}
	for (size_t i = 0; i < ICR_LENGTH(readers); i++) {
		const struct reader *reader = &readers[i];
		if (systemd_lacks(&work->host, reader->path))
			continue;
		if (reader->suffix)
			look_into_folder(&look, reader->path, reader);
		else
			look_at_file(&look, reader->path, reader);
	}
	icr_cleanup(processes_free) struct processes processes = {0};
	if (work->host.live) {
		const char *const wanted[] = {dnsmasq, NULL};
		processes_find(wanted, &processes);
		look_at_running(&look, &processes, docker_of(work)->process.pid);
	}
	for (size_t i = 0; i < ICR_LENGTH(services); i++)
		look_at_service(&look, work, &services[i]);
	judge_closed(&look, &docker_of(work)->unit, "docker");
	if (docker_of(work)->unit.command.count)
		own_hosts_of_unit(work, &docker_of(work)->unit, "docker", past);
	if (work->host.live) {
		look_at_environment(&look);
		look_at_users(&look);
		look_for_dnsmasq(&look, &processes);
		own_hosts_of(work, &processes, past);
	}
	free(look.lists[0]);
	free(look.lists[1]);
	free(look.variable);
	icr_strings_free(&look.running);
	signing_of(work);
}
