/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */

/*
 * bench ROUNDS INPUT COMMAND... [-- INPUT COMMAND...]...
 *
 * Runs the commands in turn, A B C A B C, so that a drift of the machine's speed touches all alike,
 * and prints a line for each: median and 95th percentile of wall time, median CPU time, the ratio
 * of wall time to the first command round by round (5th percentile, median, 95th), peak memory and
 * exit status. posix_spawn rather than fork: the parent's size plays no part. INPUT is the file on
 * standard input; standard output and error go to /dev/null. Words NAME=VALUE in front of a command
 * are set in its environment alone.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define WARM_UP		5
#define COMMANDS_MAX	16
#define ENVIRONMENT_MAX 8

extern char **environ;

struct command {
	const char *input;
	char **arguments, **environment;
	double *wall_us, *cpu_us, *ratio;
	long peak_kb;
	int status;
};

static double now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double seconds_us(struct timeval time)
{
	return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

static void run(struct command *command, double *ret_wall_us, double *ret_cpu_us)
{
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, command->input, O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	pid_t pid;
	int status;
	struct rusage usage;
	double begin = now_us();
	int r = posix_spawnp(&pid, command->arguments[0], &actions, NULL, command->arguments,
			     command->environment);
	if (r != 0 || wait4(pid, &status, 0, &usage) != pid) {
		fprintf(stderr, "bench: %s: %s\n", command->arguments[0], strerror(r));
		exit(EXIT_FAILURE);
	}
	*ret_wall_us = now_us() - begin;
	*ret_cpu_us = seconds_us(usage.ru_utime) + seconds_us(usage.ru_stime);
	command->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (usage.ru_maxrss > command->peak_kb)
		command->peak_kb = usage.ru_maxrss;
	posix_spawn_file_actions_destroy(&actions);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double percentile(double *values, size_t count, double part)
{
	qsort(values, count, sizeof(*values), ascending);
	return values[(size_t)(part * (double)(count - 1) + 0.5)];
}

/* Moves the words NAME=VALUE from the front of WORDS to an environment of their own. */
static char **take_environment(char ***words)
{
	size_t inherited = 0, count = 0;
	while (environ[inherited])
		inherited++;
	char **all = calloc(inherited + ENVIRONMENT_MAX + 1, sizeof(char *));
	if (!all)
		exit(EXIT_FAILURE);
	for (; **words && strchr(**words, '=') && count < ENVIRONMENT_MAX; (*words)++)
		all[count++] = **words;
	for (size_t i = 0; i < inherited; i++) {
		size_t name = strcspn(environ[i], "=") + 1, j = 0;
		while (j < count && strncmp(all[j], environ[i], name) != 0)
			j++;
		if (j == count)
			all[count++] = environ[i];
	}
	return all;
}

static size_t read_commands(int argc, char **argv, size_t rounds, struct command *commands)
{
	size_t count = 0;
	for (int i = 2; i + 1 < argc && count < COMMANDS_MAX; i++) {
		struct command *command = &commands[count++];
		command->input = argv[i++];
		command->arguments = &argv[i];
		while (i < argc && strcmp(argv[i], "--") != 0)
			i++;
		if (i < argc)
			argv[i] = NULL;
		command->environment = take_environment(&command->arguments);
		command->wall_us = calloc(rounds, sizeof(double));
		command->cpu_us = calloc(rounds, sizeof(double));
		command->ratio = calloc(rounds, sizeof(double));
		if (!command->wall_us || !command->cpu_us || !command->ratio)
			exit(EXIT_FAILURE);
	}
	return count;
}

static void report(struct command *command, size_t rounds)
{
	double low = percentile(command->ratio, rounds, 0.05);
	double middle = percentile(command->ratio, rounds, 0.5);
	double high = percentile(command->ratio, rounds, 0.95);
	double wall = percentile(command->wall_us, rounds, 0.5);
	double wall_high = percentile(command->wall_us, rounds, 0.95);
	double cpu = percentile(command->cpu_us, rounds, 0.5);
	printf("%.3f %.3f %.3f %.2f %.2f %.2f %ld %d\n", wall / 1e3, wall_high / 1e3, cpu / 1e3,
	       low, middle, high, command->peak_kb, command->status);
}

int main(int argc, char **argv)
{
	struct command commands[COMMANDS_MAX] = {0};
	long rounds = argc > 3 ? strtol(argv[1], NULL, 10) : 0;
	if (rounds < 1 || rounds > 100000) {
		fprintf(stderr, "usage: bench ROUNDS INPUT COMMAND... [-- INPUT COMMAND...]...\n");
		return 2;
	}
	size_t count = read_commands(argc, argv, (size_t)rounds, commands);
	for (long round = -WARM_UP; round < rounds; round++) {
		for (size_t i = 0; i < count; i++) {
			double wall, cpu;
			run(&commands[i], &wall, &cpu);
			if (round < 0)
				continue;
			commands[i].wall_us[round] = wall;
			commands[i].cpu_us[round] = cpu;
			commands[i].ratio[round] = wall / commands[0].wall_us[round];
		}
	}
	for (size_t i = 0; i < count; i++)
		report(&commands[i], (size_t)rounds);
	return EXIT_SUCCESS;
}
