/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/environment.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/progress.h"

#define CHUNK 4096
/* how often to look for the end of a child where the kernel has no pidfd_open (before 5.3) */
#define LOOK_MS 20

extern char **environ;

/* One running child: our ends of its pipes, -1 when there is none. */
struct child {
	pid_t pid;
	int pidfd;
	int input, output, errors;
	size_t written;
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void child_close(struct child *child)
{
	close_end(&child->pidfd);
	close_end(&child->input);
	close_end(&child->output);
	close_end(&child->errors);
}

#define _cleanup_child_ __attribute__((cleanup(child_close)))

/* A pipe whose ends are above standard error, so that the child's dup2 calls cannot hit them. */
static int make_pipe(int ret_ends[2])
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		ret_ends[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		int code = errno;
		(void)close(ends[i]);
		if (ret_ends[i] >= 0)
			continue;
		(void)close(i == 0 ? ends[1] : ret_ends[0]);
		return -code;
	}
	return 0;
}

/* Connects the child's descriptor TARGET to a pipe, or to /dev/null when it is not WANTED. Our end
 * goes to OURS, the child's to THEIRS. */
static int connect_stream(posix_spawn_file_actions_t *actions, int target, bool wanted, int *ours,
			  int *theirs)
{
	bool reads = target == STDIN_FILENO;

	if (!wanted)
		return -posix_spawn_file_actions_addopen(actions, target, "/dev/null",
							 reads ? O_RDONLY : O_WRONLY, 0);
	int ends[2];
	int r = make_pipe(ends);
	if (r < 0)
		return r;
	*ours = ends[reads ? 1 : 0];
	*theirs = ends[reads ? 0 : 1];
	/* ours alone: the child gets its end without the flag, through dup2 */
	if (fcntl(*ours, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return -posix_spawn_file_actions_adddup2(actions, *theirs, target);
}

static int connect_errors(const struct icr_process *process, posix_spawn_file_actions_t *actions,
			  struct child *child, int *theirs)
{
	if (process->pass_errors)
		return 0;
	/* one pipe for both keeps the order of what was said */
	if (process->errors && process->errors == process->output)
		return -posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
	return connect_stream(actions, STDERR_FILENO, process->errors != NULL, &child->errors,
			      theirs);
}

/* Variables that hold a key: those that helper/source/environment.c reads, and Docker's own. */
static bool is_key(const char *variable)
{
	static const char *const names[] = {
		"IBMCLOUD_API_KEY=",
		"IC_API_KEY=",
		"CONTAINER_REGISTRY_APIKEY=",
		"DOCKER_AUTH_CONFIG=",
	};

	for (size_t i = 0; i < ICR_LENGTH(names); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Ours, without keys: what a child starts in turn may stay for long. The texts are environ's. */
static char **child_environment(void)
{
	size_t count = 0, kept = 0;

	while (environ && environ[count])
		count++;
	char **list = icr_calloc(count + 1, sizeof(*list));
	for (size_t i = 0; i < count; i++)
		if (!is_key(environ[i]))
			list[kept++] = environ[i];
	return list;
}

static int spawn(const struct icr_process *process, posix_spawn_file_actions_t *actions,
		 struct child *child)
{
	_cleanup_free_ char **without_keys = child_environment();
	posix_spawnattr_t attributes;
	sigset_t mask, defaults;

	int r = -posix_spawnattr_init(&attributes);
	if (r < 0)
		return r;
	(void)sigemptyset(&mask);
	(void)sigemptyset(&defaults);
	(void)sigaddset(&defaults, SIGPIPE);
	(void)sigaddset(&defaults, SIGXFSZ);
	(void)posix_spawnattr_setsigmask(&attributes, &mask);
	(void)posix_spawnattr_setsigdefault(&attributes, &defaults);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = -posix_spawnp(&child->pid, process->arguments[0], actions, &attributes,
			  (char *const *)process->arguments,
			  process->pass_keys ? environ : without_keys);
	(void)posix_spawnattr_destroy(&attributes);
	return r;
}

static int start(const struct icr_process *process, struct child *child)
{
	_cleanup_fd_ int input = -1, output = -1, errors = -1;
	posix_spawn_file_actions_t actions;

	int r = -posix_spawn_file_actions_init(&actions);
	if (r < 0)
		return r;
	r = connect_stream(&actions, STDIN_FILENO, process->input != NULL, &child->input, &input);
	if (r == 0)
		r = connect_stream(&actions, STDOUT_FILENO, process->output != NULL, &child->output,
				   &output);
	if (r == 0)
		r = connect_errors(process, &actions, child, &errors);
	if (r == 0)
		r = spawn(process, &actions, child);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r == 0)
		child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	return r;
}

/* A child that does not want its input is no failure of ours. */
static void feed(const struct icr_process *process, struct child *child)
{
	while (child->written < process->input_len) {
		ssize_t n = write(child->input, process->input + child->written,
				  process->input_len - child->written);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		child->written += (size_t)n;
	}
	close_end(&child->input);
}

/* Takes what is there. A buffer that is full stays marked so, and the rest is thrown away, for the
 * child to come to its end. */
static void drain(int *fd, struct icr_buf *buf)
{
	char unwanted[CHUNK] = {0};

	while (*fd >= 0) {
		size_t left = buf->max - buf->len;
		size_t len = left > 0 && left < CHUNK ? left : CHUNK;
		char *room = left > 0 ? icr_buf_room(buf, len) : NULL;
		ssize_t n = read(*fd, room ? room : unwanted, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			close_end(fd);
		else if (room)
			icr_buf_added(buf, (size_t)n);
		else
			(void)icr_buf_room(buf, 1); /* marks it */
	}
	explicit_bzero(unwanted, sizeof(unwanted));
}

static void serve(const struct icr_process *process, struct child *child)
{
	if (child->input >= 0)
		feed(process, child);
	if (child->output >= 0)
		drain(&child->output, process->output);
	if (child->errors >= 0)
		drain(&child->errors, process->errors);
}

/* Until the child has ended, whatever its own children do with the pipes. True when it did so in
 * time; it is reaped then. */
static bool serve_until(const struct icr_process *process, struct child *child, int64_t deadline,
			int *ret_status)
{
	for (;;) {
		if (waitpid(child->pid, ret_status, WNOHANG) == child->pid)
			return true;
		int64_t left = deadline - icr_clock_ms();
		if (left <= 0)
			return false;
		struct pollfd fds[] = {
			{.fd = child->pidfd, .events = POLLIN},
			{.fd = child->input, .events = POLLOUT},
			{.fd = child->output, .events = POLLIN},
			{.fd = child->errors, .events = POLLIN},
		};
		if (child->pidfd < 0 && left > LOOK_MS)
			left = LOOK_MS;
		if (poll(fds, ICR_LENGTH(fds), icr_progress_slice((int)left)) > 0)
			serve(process, child);
		icr_progress_tick();
	}
}

static int stop(const struct icr_process *process, struct child *child, struct icr_error *err)
{
	(void)kill(child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	return icr_fail(err, ETIMEDOUT, "%s did not end within %d ms and was stopped",
			process->arguments[0], process->timeout_ms);
}

static int check_buffers(const struct icr_process *process, struct icr_error *err)
{
	int r = process->output ? icr_buf_check(process->output, "its output", err) : 0;

	if (r == 0 && process->errors)
		r = icr_buf_check(process->errors, "its error output", err);
	if (r < 0)
		(void)icr_error_wrap(err, "%s", process->arguments[0]);
	return r;
}

/* posix_spawnp says EACCES for a folder in PATH that may not be searched, though the program is
 * just not there. */
static bool is_found(const char *name)
{
	const char *folder = icr_environment_get("PATH");

	if (!folder || strchr(name, '/'))
		return true;
	for (; *folder; folder += strspn(folder, ":")) {
		size_t len = strcspn(folder, ":");
		_cleanup_free_ char *path = icr_printf("%.*s/%s", (int)len, folder, name);
		if (access(path, F_OK) == 0)
			return true;
		folder += len;
	}
	return false;
}

static int run_child(const struct icr_process *process, struct icr_error *err)
{
	_cleanup_child_ struct child child = {
		.pidfd = -1,
		.input = -1,
		.output = -1,
		.errors = -1,
	};
	int64_t deadline = icr_clock_ms() + process->timeout_ms;
	int status = 0;

	int r = start(process, &child);
	if (r == -ENOENT || (r == -EACCES && !is_found(process->arguments[0])))
		return icr_fail(err, ENOENT, "there is no program %s", process->arguments[0]);
	if (r < 0)
		return icr_fail_errno(err, -r, NULL, "cannot run %s", process->arguments[0]);
	if (!serve_until(process, &child, deadline, &status))
		return stop(process, &child, err);
	serve(process, &child);
	r = check_buffers(process, err);
	if (r < 0)
		return r;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int icr_process_run(const struct icr_process *process, struct icr_error *err)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, pipe_before;
	struct sigaction standard = {.sa_handler = SIG_DFL}, child_before;

	/* a child may close its input unread; whoever ignores SIGCHLD never learns exit statuses */
	(void)sigaction(SIGPIPE, &ignore, &pipe_before);
	(void)sigaction(SIGCHLD, &standard, &child_before);
	int r = run_child(process, err);
	(void)sigaction(SIGCHLD, &child_before, NULL);
	(void)sigaction(SIGPIPE, &pipe_before, NULL);
	return r;
}
