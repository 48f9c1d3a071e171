/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/text.h"
#include "tests/unit/folder.h"
#include "tests/unit/suite.h"

/* A folder, and in it a file "f". */
#define IN_FOLDER                                                                                  \
	_cleanup_folder_ struct folder folder;                                                     \
	folder_make(&folder);                                                                      \
	_cleanup_free_ char *f = folder_path(&folder, "f");                                        \
	_cleanup_error_ struct icr_error err = {0}

static int replace(const char *path, const char *text, struct icr_error *err)
{
	return icr_file_replace(path, text, strlen(text), 0640, err);
}

static void check_read(const char *path, size_t max, int expected, const char *what)
{
	_cleanup_buf_ struct icr_buf buf = {0};
	_cleanup_error_ struct icr_error err = {0};

	icr_buf_init(&buf, max);
	icr_buf_text(&buf, "<");
	CU_ASSERT_EQUAL(icr_file_read(path, &buf, &err), expected);
	if (expected == 1) {
		CU_ASSERT_STRING_EQUAL(buf.data + 1, what);
		return;
	}
	CU_ASSERT_STRING_EQUAL(buf.data, "<");
	CU_ASSERT_EQUAL(buf.failed, 0);
	if (what) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(err.what);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.what, what));
		CU_ASSERT_STRING_EQUAL(err.where, path);
	}
}

static void test_read(void)
{
	IN_FOLDER;

	check_read(f, 100, 0, NULL);
	file_put(f, "");
	check_read(f, 1, 1, "");
	file_put(f, "content");
	check_read(f, 100, 1, "content");
	check_read(f, 8, 1, "content");
	check_read(f, 7, -EFBIG, "larger than the allowed 7 bytes");
	/* files of /proc have size 0 and content */
	check_read("/proc/sys/kernel/ostype", 100, 1, "Linux\n");
	check_read("/proc/sys/kernel/ostype", 4, -EFBIG, "larger than");
}

static void test_equals(void)
{
	IN_FOLDER;
	_cleanup_free_ char *large = icr_calloc(1, 200000);

	CU_ASSERT_EQUAL(icr_file_equals(f, "", 0, &err), 0);
	file_put(f, "");
	CU_ASSERT_EQUAL(icr_file_equals(f, "", 0, &err), 1);
	CU_ASSERT_EQUAL(icr_file_equals(f, "x", 1, &err), 0);
	memset(large, 'a', 199999);
	file_put(f, large);
	CU_ASSERT_EQUAL(icr_file_equals(f, large, 199999, &err), 1);
	CU_ASSERT_EQUAL(icr_file_equals(f, large, 199998, &err), 0);
	CU_ASSERT_EQUAL(icr_file_equals(f, large, 200000, &err), 0);
	large[199998] = 'b';
	CU_ASSERT_EQUAL(icr_file_equals(f, large, 199999, &err), 0);
	/* files of /proc have size 0 and content */
	CU_ASSERT_EQUAL(icr_file_equals("/proc/sys/kernel/ostype", "Linux\n", 6, &err), 1);
	CU_ASSERT_EQUAL(icr_file_equals("/proc/sys/kernel/ostype", "Linux\n\n", 7, &err), 0);
	CU_ASSERT_EQUAL(icr_file_equals("/proc/sys/kernel/ostype", "Linux", 5, &err), 0);
	CU_ASSERT_EQUAL(icr_file_equals(folder.path, "", 0, &err), -ICR_E_REFUSED);
}

static void test_read_others(void)
{
	IN_FOLDER;
	_cleanup_free_ char *fifo = folder_path(&folder, "fifo");
	_cleanup_free_ char *link = folder_path(&folder, "link");
	_cleanup_free_ char *below = folder_path(&folder, "f/x");

	CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
	check_read(fifo, 100, -ICR_E_REFUSED, "is not a regular file");
	check_read(folder.path, 100, -ICR_E_REFUSED, "is a folder");
	check_read("/dev/zero", 100, -ICR_E_REFUSED, "is not a regular file");
	CU_ASSERT_EQUAL(symlink("f", link), 0);
	check_read(link, 100, -ENOENT, "is a symbolic link to f, which does not exist");
	file_put(f, "x");
	check_read(link, 100, 1, "x");
	check_read(below, 100, -ENOTDIR, "Not a directory");
	CU_ASSERT_EQUAL(unlink(f), 0);
	CU_ASSERT_EQUAL(symlink("link", f), 0);
	check_read(f, 100, -ELOOP, "symbolic links");
}

static void check_private(const char *path, uid_t owner, int expected, const char *what,
			  const char *hint)
{
	_cleanup_buf_ struct icr_buf buf = {0};
	_cleanup_error_ struct icr_error err = {0};
	const struct icr_file_policy policy = {.owner = owner, .forbidden = 0077};

	icr_buf_init(&buf, 100);
	CU_ASSERT_EQUAL(icr_file_read_private(path, &policy, &buf, &err), expected);
	if (expected >= 0)
		return;
	CU_ASSERT_PTR_NOT_NULL(strstr(err.what, what));
	CU_ASSERT_PTR_NOT_NULL_FATAL(err.hint);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, hint));
}

static void test_private(void)
{
	IN_FOLDER;
	_cleanup_free_ char *odd = folder_path(&folder, "it's $HOME");
	_cleanup_free_ char *link = folder_path(&folder, "link");

	check_private(f, geteuid(), 0, NULL, NULL);
	file_put(f, "x");
	CU_ASSERT_EQUAL(chmod(f, 0600), 0);
	check_private(f, geteuid(), 1, NULL, NULL);
	check_private(f, geteuid() + 1, -ICR_E_REFUSED, "belongs to user id", "chown ");
	CU_ASSERT_EQUAL(chmod(f, 0640), 0);
	check_private(f, geteuid(), -ICR_E_REFUSED, "is open to others (mode 0640)",
		      "chmod 0600 /tmp/");
	CU_ASSERT_EQUAL(symlink("f", link), 0);
	check_private(link, geteuid(), -ICR_E_REFUSED, "is a symbolic link", "");
	file_put(odd, "x");
	CU_ASSERT_EQUAL(chmod(odd, 0604), 0);
	check_private(odd, geteuid(), -ICR_E_REFUSED, "mode 0604", "/it'\\''s $HOME'");
}

static mode_t mode_of(const char *path)
{
	struct stat st = {0};

	CU_ASSERT_EQUAL(lstat(path, &st), 0);
	return st.st_mode;
}

static void test_replace(void)
{
	IN_FOLDER;
	mode_t mask = umask(0777);

	CU_ASSERT_EQUAL(replace(f, "one", &err), 0);
	(void)umask(mask);
	CU_ASSERT(file_is(f, "one"));
	CU_ASSERT_EQUAL(mode_of(f) & 07777, 0640);
	CU_ASSERT_EQUAL(chmod(f, 04751), 0);
	CU_ASSERT_EQUAL(replace(f, "two, longer", &err), 0);
	CU_ASSERT(file_is(f, "two, longer"));
	CU_ASSERT_EQUAL(mode_of(f) & 07777, 04751);
	CU_ASSERT_EQUAL(icr_file_replace(f, NULL, 0, 0600, &err), 0);
	CU_ASSERT(file_is(f, ""));
	CU_ASSERT_EQUAL(folder_count(folder.path), 1);
}

static void test_replace_links(void)
{
	IN_FOLDER;
	_cleanup_free_ char *sub = folder_path(&folder, "sub");
	_cleanup_free_ char *link = folder_path(&folder, "sub/link");
	_cleanup_free_ char *chain = folder_path(&folder, "chain");
	_cleanup_free_ char *real = NULL;

	CU_ASSERT_EQUAL(icr_folder_make(sub, 0755, &err), 0);
	CU_ASSERT_EQUAL(symlink("../f", link), 0);
	CU_ASSERT_EQUAL(symlink("sub/link", chain), 0);
	CU_ASSERT_EQUAL(replace(chain, "x", &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.what, "is a symbolic link to sub/link"));
	file_put(f, "old");
	CU_ASSERT_EQUAL(replace(chain, "new", &err), 0);
	CU_ASSERT(file_is(f, "new"));
	CU_ASSERT(S_ISLNK(mode_of(link)) && S_ISLNK(mode_of(chain)));
	CU_ASSERT_EQUAL(icr_file_resolve(chain, &real, &err), 0);
	CU_ASSERT_STRING_EQUAL(real, f);
	CU_ASSERT_EQUAL(folder_count(sub), 1);
}

static void test_resolve(void)
{
	IN_FOLDER;
	_cleanup_free_ char *dots = folder_path(&folder, "sub/../f");
	_cleanup_free_ char *sub = folder_path(&folder, "sub");
	_cleanup_free_ char *nowhere = folder_path(&folder, "none/f");
	_cleanup_free_ char *real = NULL, *nothing = NULL;

	CU_ASSERT_EQUAL(mkdir(sub, 0700), 0);
	CU_ASSERT_EQUAL(icr_file_resolve(dots, &real, &err), 0);
	CU_ASSERT_STRING_EQUAL(real, f);
	CU_ASSERT_EQUAL(icr_file_resolve(nowhere, &nothing, &err), -ENOENT);
	CU_ASSERT_EQUAL(icr_file_resolve("", &nothing, &err), -EISDIR);
	CU_ASSERT_PTR_NULL(nothing);
}

static void test_replace_refused(void)
{
	IN_FOLDER;
	_cleanup_free_ char *fifo = folder_path(&folder, "fifo");
	_cleanup_free_ char *nowhere = folder_path(&folder, "none/f");

	CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
	CU_ASSERT_EQUAL(replace(fifo, "x", &err), -ICR_E_REFUSED);
	CU_ASSERT_EQUAL(replace(folder.path, "x", &err), -ICR_E_REFUSED);
	CU_ASSERT_EQUAL(replace(nowhere, "x", &err), -ENOENT);
	CU_ASSERT_EQUAL(folder_count(folder.path), 1);
	CU_ASSERT_EQUAL(replace("/proc/version", "x", &err) < 0, 1);
}

static void test_replace_attributes(void)
{
	IN_FOLDER;
	char value[16] = "";

	file_put(f, "old");
	if (setxattr(f, "user.icr", "kept", 4, 0) < 0)
		return; /* no such attributes in /tmp */
	CU_ASSERT_EQUAL(replace(f, "new", &err), 0);
	CU_ASSERT_EQUAL(getxattr(f, "user.icr", value, sizeof(value)), 4);
	CU_ASSERT_STRING_EQUAL(value, "kept");
}

/* version 2; rw- for the owner, r-- for user 1 by an entry of its own, mask rw- (acl(5)) */
static const unsigned char acl[] = {2,	0, 0, 0,		      /* version */
				    1,	0, 6, 0, 255, 255, 255, 255,  /* owner */
				    2,	0, 4, 0, 1,   0,   0,	0,    /* user 1 */
				    4,	0, 0, 0, 255, 255, 255, 255,  /* group */
				    16, 0, 6, 0, 255, 255, 255, 255,  /* mask */
				    32, 0, 0, 0, 255, 255, 255, 255}; /* others */

static void test_replace_acl(void)
{
	IN_FOLDER;
	unsigned char now[sizeof(acl) + 1] = {0};

	file_put(f, "old");
	if (setxattr(f, "system.posix_acl_access", acl, sizeof(acl), 0) < 0)
		return; /* no ACLs in /tmp */
	CU_ASSERT_EQUAL(replace(f, "new", &err), 0);
	CU_ASSERT_EQUAL(getxattr(f, "system.posix_acl_access", now, sizeof(now)), sizeof(acl));
	CU_ASSERT_EQUAL(memcmp(now, acl, sizeof(acl)), 0);
	CU_ASSERT_EQUAL(mode_of(f) & 07777, 0660);
}

/* A default ACL of the folder would let user 1 read what it could not. */
static void test_replace_default_acl(void)
{
	IN_FOLDER;

	file_put(f, "old");
	CU_ASSERT_EQUAL(chmod(f, 0660), 0);
	if (setxattr(folder.path, "system.posix_acl_default", acl, sizeof(acl), 0) < 0)
		return;
	CU_ASSERT_EQUAL(replace(f, "new", &err), 0);
	CU_ASSERT_EQUAL(getxattr(f, "system.posix_acl_access", NULL, 0), -1);
	CU_ASSERT_EQUAL(errno, ENODATA);
	CU_ASSERT_EQUAL(mode_of(f) & 07777, 0660);
}

/* Runs CHECK in a process of its own; its result is the exit status. */
static int in_child(int (*check)(const char *path), const char *path)
{
	/* for leak checks of the child, whose stack is given up */
	static const char *volatile kept;
	int status = -1;

	kept = path;
	pid_t child = fork();
	CU_ASSERT_FATAL(child >= 0);
	if (child == 0)
		_exit(check(kept));
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool become_user(void)
{
	return setresgid(4711, 4711, 4711) == 0 && setresuid(4711, 4711, 4711) == 0;
}

static int replace_status(const char *path)
{
	_cleanup_error_ struct icr_error err = {0};

	if (!become_user())
		return 96;
	int r = replace(path, "new", &err);
	if (r == -EPERM)
		return err.hint && strstr(err.what, "cannot keep its ") ? 1 : 98;
	return r == 0 ? 0 : 97;
}

static void test_replace_owner(void)
{
	IN_FOLDER;
	struct stat st;

	if (geteuid() != 0)
		return;
	file_put(f, "old");
	CU_ASSERT_EQUAL(chown(f, 4712, 4713), 0);
	CU_ASSERT_EQUAL(chmod(f, 0664), 0);
	CU_ASSERT_EQUAL(replace(f, "by root", &err), 0);
	CU_ASSERT_EQUAL(stat(f, &st), 0);
	CU_ASSERT(st.st_uid == 4712 && st.st_gid == 4713);

	CU_ASSERT_EQUAL(chmod(folder.path, 0777), 0);
	CU_ASSERT_EQUAL(in_child(replace_status, f), 1);
	CU_ASSERT(file_is(f, "by root"));
	/* their own file, but a group that they cannot give, and that must not become everybody */
	CU_ASSERT_EQUAL(chown(f, 4711, 4713), 0);
	CU_ASSERT_EQUAL(chmod(f, 0604), 0);
	CU_ASSERT_EQUAL(in_child(replace_status, f), 1);
	CU_ASSERT(file_is(f, "by root"));
	/* one that may do more than everybody: the new group may not */
	CU_ASSERT_EQUAL(chmod(f, 0664), 0);
	CU_ASSERT_EQUAL(in_child(replace_status, f), 0);
	CU_ASSERT(file_is(f, "new"));
	CU_ASSERT_EQUAL(stat(f, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0644);
	CU_ASSERT(st.st_uid == 4711 && st.st_gid != 4713);
	CU_ASSERT_EQUAL(folder_count(folder.path), 1);
}

/* In a mount namespace of our own: the file is a mount point, the folder read-only. */
static int replace_mounted(const char *path)
{
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_free_ char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(path, path, "none", MS_BIND, NULL) < 0)
		return 77;
	if (replace(path, "x", &err) != -EBUSY || !strstr(err.what, "mount point"))
		return 1;
	if (umount(path) < 0 || mount(folder, folder, "none", MS_BIND, NULL) < 0 ||
	    mount("none", folder, "none", MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		return 77;
	if (replace(path, "x", &err) != -EROFS || !err.hint)
		return 2;
	return 0;
}

static void test_replace_mounted(void)
{
	IN_FOLDER;

	if (geteuid() != 0)
		return;
	file_put(f, "old");
	int status = in_child(replace_mounted, f);
	CU_ASSERT(status == 0 || status == 77);
	CU_ASSERT(file_is(f, "old"));
	CU_ASSERT_EQUAL(folder_count(folder.path), 1);
}

static void test_long_name(void)
{
	_cleanup_folder_ struct folder folder;
	char name[256] = "";

	folder_make(&folder);
	memset(name, 'n', 255);
	_cleanup_free_ char *path = folder_path(&folder, name);
	CU_ASSERT_EQUAL(replace(path, "x", NULL), 0);
	CU_ASSERT_EQUAL(replace(path, "y", NULL), 0);
	CU_ASSERT(file_is(path, "y"));
	CU_ASSERT_EQUAL(folder_count(folder.path), 1);
}

static void test_sweep(void)
{
	IN_FOLDER;
	_cleanup_free_ char *dead = folder_path(&folder, ".f.icr-abc123");
	_cleanup_free_ char *alive = folder_path(&folder, ".f.icr-abc124");
	_cleanup_free_ char *journalled = folder_path(&folder, ".f.icr-new-abc123");
	_cleanup_free_ char *other = folder_path(&folder, ".g.icr-abc123");

	file_put(dead, "");
	file_put(journalled, "");
	file_put(other, "");
	_cleanup_fd_ int fd = open(alive, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(flock(fd, LOCK_EX | LOCK_NB), 0);
	CU_ASSERT_EQUAL(replace(f, "x", &err), 0);
	CU_ASSERT_EQUAL(access(dead, F_OK), -1);
	CU_ASSERT_EQUAL(access(alive, F_OK), 0);
	CU_ASSERT_EQUAL(access(journalled, F_OK), 0);
	CU_ASSERT_EQUAL(access(other, F_OK), 0);
}

static void test_stage(void)
{
	IN_FOLDER;
	_cleanup_free_ char *temporary = folder_path(&folder, ".f.icr-new-x");

	CU_ASSERT_EQUAL(icr_file_stage(f, temporary, "new", 3, 0604, &err), 0);
	CU_ASSERT(file_is(temporary, "new"));
	CU_ASSERT(file_is(f, NULL));
	CU_ASSERT_EQUAL(mode_of(temporary) & 07777, 0604);
	CU_ASSERT_EQUAL(icr_file_stage(f, temporary, "newer", 5, 0600, &err), -EEXIST);
	CU_ASSERT(file_is(temporary, "new"));
}

static void test_folder_make(void)
{
	IN_FOLDER;
	_cleanup_free_ char *deep = folder_path(&folder, "a/b//c/");
	_cleanup_free_ char *a = folder_path(&folder, "a");
	_cleanup_free_ char *below = folder_path(&folder, "f/x");
	mode_t mask = umask(0027);

	CU_ASSERT_EQUAL(icr_folder_make(deep, 0755, &err), 0);
	(void)umask(mask);
	CU_ASSERT_EQUAL(mode_of(a) & 07777, 0755);
	CU_ASSERT_EQUAL(mode_of(deep) & 07777, 0755);
	CU_ASSERT_EQUAL(icr_folder_make(deep, 0700, &err), 0);
	CU_ASSERT_EQUAL(mode_of(deep) & 07777, 0755);
	file_put(f, "");
	CU_ASSERT_EQUAL(icr_folder_make(f, 0700, &err), -EEXIST);
	CU_ASSERT(icr_folder_make(below, 0700, &err) < 0);
}

static void check_join(const char *directory, const char *name, const char *expected)
{
	_cleanup_free_ char *path = icr_path_join(directory, name);

	CU_ASSERT_PTR_NOT_NULL_FATAL(path);
	CU_ASSERT_STRING_EQUAL(path, expected);
}

static void test_join(void)
{
	check_join("/etc", "hosts", "/etc/hosts");
	check_join("/etc/", "hosts", "/etc/hosts");
	check_join("/mnt", "/etc/hosts", "/mnt/etc/hosts");
	check_join("/", "/etc/hosts", "/etc/hosts");
	check_join("/", "etc", "/etc");
	check_join("", "/etc/hosts", "/etc/hosts");
	check_join("", "hosts", "hosts");
	check_join("/mnt/", "/", "/mnt");
	check_join("a", "b/", "a/b/");
}

static void test_lock(void)
{
	IN_FOLDER;

	_cleanup_fd_ int first = icr_lock(f, 0, &err);
	CU_ASSERT_FATAL(first >= 0);
	CU_ASSERT_EQUAL(mode_of(f) & 07777, 0600);
	CU_ASSERT_EQUAL(fcntl(first, F_GETFD), FD_CLOEXEC);
	CU_ASSERT_EQUAL(icr_lock(f, 30, &err), -ETIMEDOUT);
	CU_ASSERT_STRING_EQUAL(err.where, f);
	(void)close(first);
	first = icr_lock(f, 0, &err);
	CU_ASSERT(first >= 0);
	_cleanup_fd_ int whole = icr_lock(folder.path, 0, &err);
	CU_ASSERT(whole >= 0);
	CU_ASSERT_EQUAL(icr_lock(folder.path, 10, &err), -ETIMEDOUT);
	CU_ASSERT_EQUAL(icr_lock("/dev/null", 10, &err), -ICR_E_REFUSED);
}

/* The holder replaces the file that it has locked, and lets go a little later. */
static void replace_locked(const char *path, int ready, int go)
{
	char byte = 0;
	int fd = icr_lock(path, 0, NULL);

	if (fd < 0 || write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1 || unlink(path) < 0)
		_exit(1);
	file_put(path, "another file");
	(void)usleep(50000); /* for the waiter to be waiting: either way it must pass */
	_exit(0);
}

static void test_lock_replaced(void)
{
	IN_FOLDER;
	int ready[2], go[2], status = -1;
	char byte = 0;

	CU_ASSERT_EQUAL_FATAL(pipe2(ready, O_CLOEXEC), 0);
	CU_ASSERT_EQUAL_FATAL(pipe2(go, O_CLOEXEC), 0);
	pid_t child = fork();
	CU_ASSERT_FATAL(child >= 0);
	if (child == 0)
		replace_locked(f, ready[1], go[0]);
	CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
	CU_ASSERT_EQUAL(write(go[1], &byte, 1), 1);
	_cleanup_fd_ int fd = icr_lock(f, 10000, &err);
	CU_ASSERT_FATAL(fd >= 0);
	/* the lock is on the file that others will find */
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_EQUAL(status, 0);
	_cleanup_fd_ int now = open(f, O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(flock(now, LOCK_EX | LOCK_NB), -1);
	for (int i = 0; i < 2; i++) {
		(void)close(ready[i]);
		(void)close(go[i]);
	}
}

static void test_folder_list(void)
{
	static const char *const names[] = {"d.conf", "b.conf", "c.conf.old", ".conf",
					    "a.conf", "c.conf", "e.CONF"};
	static const char *const wanted[] = {"z", "a.conf", "b.conf", "c.conf", "d.conf"};
	_cleanup_strings_ struct icr_strings paths = {0};
	_cleanup_folder_ struct folder folder;

	folder_make(&folder);
	for (size_t i = 0; i < ICR_LENGTH(names); i++) {
		_cleanup_free_ char *path = folder_path(&folder, names[i]);
		file_put(path, "");
	}
	icr_strings_add(&paths, "z");
	icr_folder_list(folder.path, ".conf", &paths);
	icr_folder_list("/nonexistent", ".conf", &paths);
	CU_ASSERT_EQUAL_FATAL(paths.count, ICR_LENGTH(wanted));
	for (size_t i = 0; i < paths.count; i++)
		CU_ASSERT_STRING_EQUAL(icr_path_base(paths.items[i]), wanted[i]);
}

static const struct test tests[] = {
	{"read", test_read},
	{"compare", test_equals},
	{"read what is no file", test_read_others},
	{"private files", test_private},
	{"replace", test_replace},
	{"replace behind links", test_replace_links},
	{"resolve", test_resolve},
	{"what cannot be replaced", test_replace_refused},
	{"extended attributes are kept", test_replace_attributes},
	{"an ACL is kept", test_replace_acl},
	{"no ACL is inherited", test_replace_default_acl},
	{"the owner is kept", test_replace_owner},
	{"mount points, read-only folders", test_replace_mounted},
	{"a long name", test_long_name},
	{"what the dead left", test_sweep},
	{"stage", test_stage},
	{"make folders", test_folder_make},
	{"list folders", test_folder_list},
	{"join", test_join},
	{"lock", test_lock},
	{"lock of a replaced file", test_lock_replaced},
};

int main(void)
{
	return suite_run("file", tests, sizeof(tests) / sizeof(tests[0]));
}
