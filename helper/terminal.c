/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "icr/cleanup.h"

#define CONTROL(letter) ((letter)&0x1f)
#define DELETE		0x7f

/* What terminals send before and behind pasted text (xterm's bracketed paste mode). */
static const char *const paste_marks[] = {"\x1b[200~", "\x1b[201~"};

struct terminal {
	int fd, signals;
	bool echo;
	struct termios before;
	sigset_t mask;
};

static void say(const struct terminal *terminal, const char *text, size_t len)
{
	ssize_t written = write(terminal->fd, text, len);
	(void)written;
}

static void restore(struct terminal *terminal)
{
	if (terminal->fd >= 0) {
		(void)tcsetattr(terminal->fd, TCSAFLUSH, &terminal->before);
		(void)close(terminal->fd);
	}
	/* what arrived and was not read from signals is delivered now */
	(void)sigprocmask(SIG_SETMASK, &terminal->mask, NULL);
	if (terminal->signals >= 0)
		(void)close(terminal->signals);
}

/* Characters come one by one and are not shown; Ctrl-C is a character like any other. */
static int prepare(struct terminal *terminal, struct icr_error *err)
{
	sigset_t stopping;

	(void)sigemptyset(&stopping);
	(void)sigaddset(&stopping, SIGHUP);
	(void)sigaddset(&stopping, SIGINT);
	(void)sigaddset(&stopping, SIGQUIT);
	(void)sigaddset(&stopping, SIGTERM);
	(void)sigaddset(&stopping, SIGTSTP);
	(void)sigprocmask(SIG_BLOCK, &stopping, &terminal->mask);
	terminal->signals = signalfd(-1, &stopping, SFD_CLOEXEC | SFD_NONBLOCK);
	terminal->fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (terminal->fd < 0 || terminal->signals < 0 ||
	    tcgetattr(terminal->fd, &terminal->before) < 0)
		return icr_fail_errno(err, errno, NULL, "cannot use the terminal");
	struct termios raw = terminal->before;
	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)(IXON | INLCR | IGNCR);
	raw.c_iflag |= ICRNL;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(terminal->fd, TCSAFLUSH, &raw) < 0)
		return icr_fail_errno(err, errno, NULL, "cannot use the terminal");
	return 0;
}

/* Takes a whole UTF-8 character off the end. */
static void rub_out(const struct terminal *terminal, struct icr_buf *line)
{
	size_t len = line->len;

	while (len > 0 && ((unsigned char)line->data[len - 1] & 0xc0) == 0x80)
		len--;
	if (len > 0)
		len--;
	if (len < line->len && terminal->echo)
		say(terminal, "\b \b", strlen("\b \b"));
	icr_buf_truncate(line, len);
}

static void drop_paste_mark(struct icr_buf *line)
{
	for (size_t i = 0; i < ICR_LENGTH(paste_marks); i++) {
		size_t len = strlen(paste_marks[i]);
		if (line->len >= len &&
		    memcmp(line->data + line->len - len, paste_marks[i], len) == 0)
			icr_buf_truncate(line, line->len - len);
	}
}

/* Returns 1 at the end of the line. */
static int take(const struct terminal *terminal, char c, struct icr_buf *line,
		struct icr_error *err)
{
	switch (c) {
	case '\n':
		return 1;
	case CONTROL('C'):
	case CONTROL('\\'):
		return icr_fail(err, ECANCELED, "cancelled");
	case CONTROL('D'):
		return line->len > 0 ? 1 : icr_fail(err, ECANCELED, "cancelled");
	case CONTROL('H'):
	case DELETE:
		rub_out(terminal, line);
		return 0;
	case CONTROL('U'):
		while (line->len > 0)
			rub_out(terminal, line);
		return 0;
	default:
		icr_buf_char(line, c);
		drop_paste_mark(line);
		if (terminal->echo && (unsigned char)c >= ' ')
			say(terminal, &c, 1);
		return icr_buf_check(line, "the line", err);
	}
}

static int read_line(const struct terminal *terminal, struct icr_buf *line, struct icr_error *err)
{
	struct pollfd polled[] = {{.fd = terminal->fd, .events = POLLIN},
				  {.fd = terminal->signals, .events = POLLIN}};

	for (;;) {
		char c;
		if (poll(polled, ICR_LENGTH(polled), -1) < 0 && errno != EINTR)
			return icr_fail_errno(err, errno, NULL, "cannot use the terminal");
		/* left unread: it is still to be delivered */
		if (polled[1].revents)
			return icr_fail(err, ECANCELED, "cancelled");
		if (!polled[0].revents)
			continue;
		ssize_t got = read(terminal->fd, &c, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return icr_fail(err, ECANCELED, "the terminal is gone");
		int r = take(terminal, c, line, err);
		if (r != 0)
			return r < 0 ? r : 0;
	}
}

static int ask(const char *prompt, bool echo, struct icr_buf *ret, struct icr_error *err)
{
	icr_cleanup(restore) struct terminal terminal = {.fd = -1, .signals = -1, .echo = echo};

	int r = prepare(&terminal, err);
	if (r < 0)
		return r;
	say(&terminal, prompt, strlen(prompt));
	r = read_line(&terminal, ret, err);
	say(&terminal, "\n", 1);
	return r;
}

int terminal_ask_secret(const char *prompt, struct icr_buf *ret, struct icr_error *err)
{
	return ask(prompt, false, ret, err);
}

int terminal_ask(const char *prompt, struct icr_buf *ret, struct icr_error *err)
{
	return ask(prompt, true, ret, err);
}
