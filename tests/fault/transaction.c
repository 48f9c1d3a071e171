/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/*
 * What tests/fault/test_transaction.py kills: "commit FOLDER" makes one transaction of three
 * writes, a removal and a symbolic link in FOLDER, "recover FOLDER" ends what it left. Exit status
 * 0, 10 and 11 are what recovery did, 1 a failure that was told.
 */
#include <stdio.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/transaction.h"

static int add(struct icr_transaction *transaction, const char *folder, const char *name,
	       const char *content, mode_t mode, struct icr_error *err)
{
	_cleanup_free_ char *path = icr_path_join(folder, name);

	return icr_transaction_write(transaction, path, NULL, content, strlen(content), NULL, mode,
				     err);
}

static int commit(const char *folder, const char *journal, struct icr_error *err)
{
	_cleanup_transaction_ struct icr_transaction *transaction = icr_transaction_new(journal);
	_cleanup_free_ char *gone = icr_path_join(folder, "gone");
	_cleanup_free_ char *link = icr_path_join(folder, "sub/link");

	int r = add(transaction, folder, "one", "one: new\n", 0644, err);
	if (r == 0)
		r = add(transaction, folder, "sub/two", "two: new, and longer\n", 0600, err);
	if (r == 0)
		r = add(transaction, folder, "three", "three: made\n", 0640, err);
	if (r == 0)
		r = icr_transaction_remove(transaction, gone, NULL, err);
	if (r == 0)
		r = icr_transaction_symlink(transaction, link, NULL, "../one", err);
	return r == 0 ? icr_transaction_commit(transaction, err) : r;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_buf_ struct icr_buf text = {0};

	icr_buf_init(&text, 4096);
	if (argc != 3)
		return 2;
	_cleanup_free_ char *journal = icr_path_join(argv[2], "state/journal.json");
	if (!journal)
		return 2;
	int r = strcmp(argv[1], "commit") == 0 ? commit(argv[2], journal, &err)
					       : icr_transaction_recover(journal, NULL, &err);
	if (r >= 0)
		return r == 0 ? 0 : 9 + r;
	icr_error_print(&err, &text);
	(void)fprintf(stderr, "%s (%s)\n", text.data, err.hint ? err.hint : "");
	return 1;
}
