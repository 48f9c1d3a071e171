/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/curl.h"

#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/library.h"
#include "icr/thread.h"

ICR_LIBRARY_NOTE(note, "[{\"feature\":\"http\",\"description\":\"Requests to registries\","
		       "\"priority\":\"recommended\","
		       "\"soname\":[\"libcurl.so.4\",\"libcurl-gnutls.so.4\"]}]");

static void wiping_free(void *pointer)
{
	if (pointer)
		explicit_bzero(pointer, malloc_usable_size(pointer));
	free(pointer);
}

/* Not realloc itself: it may leave an unwiped copy behind. */
static void *wiping_realloc(void *pointer, size_t size)
{
	if (!pointer)
		return malloc(size);
	size_t old_size = malloc_usable_size(pointer);
	void *copy = malloc(size);
	if (!copy)
		return NULL;
	memcpy(copy, pointer, old_size < size ? old_size : size);
	wiping_free(pointer);
	return copy;
}

/* What OpenSSL has to do once takes three milliseconds, and nothing that libcurl brings besides. */
struct beginning {
	int (*init)(uint64_t options, const void *settings);
	int (*seed)(void);
	pthread_t thread;
	bool begun;
};

static void *begin(void *data)
{
	const struct beginning *beginning = data;

	if (beginning->init(0, NULL) == 1)
		(void)beginning->seed();
	return NULL;
}

/* Meanwhile, where libcurl is likely to be built with it. The thread may not call dlsym(), which
 * would wait for libcurl. */
static void begin_openssl(struct beginning *beginning)
{
	static const char *const names[] = {"libssl.so.3", NULL};
	const struct icr_library_symbol symbols[] = {
		{"OPENSSL_init_ssl", (void **)&beginning->init},
		{"RAND_status", (void **)&beginning->seed},
	};

	if (icr_library_load(names, "libssl3", symbols, ICR_LENGTH(symbols), NULL) < 0)
		return;
	beginning->begun = icr_thread_start(NULL, begin, beginning, &beginning->thread) == 0;
}

static int load_all(struct icr_curl *curl, struct icr_error *err)
{
	static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4", NULL};
	const struct icr_library_symbol symbols[] = {
		{"curl_global_init_mem", (void **)&curl->global_init_mem},
		{"curl_version_info", (void **)&curl->version_info},
		{"curl_easy_init", (void **)&curl->easy_init},
		{"curl_easy_setopt", (void **)&curl->easy_setopt},
		{"curl_easy_getinfo", (void **)&curl->easy_getinfo},
		{"curl_easy_strerror", (void **)&curl->easy_strerror},
		{"curl_easy_cleanup", (void **)&curl->easy_cleanup},
		{"curl_multi_init", (void **)&curl->multi_init},
		{"curl_multi_add_handle", (void **)&curl->multi_add_handle},
		{"curl_multi_remove_handle", (void **)&curl->multi_remove_handle},
		{"curl_multi_perform", (void **)&curl->multi_perform},
		{"curl_multi_poll", (void **)&curl->multi_poll},
		{"curl_multi_info_read", (void **)&curl->multi_info_read},
		{"curl_multi_strerror", (void **)&curl->multi_strerror},
		{"curl_multi_cleanup", (void **)&curl->multi_cleanup},
		{"curl_slist_append", (void **)&curl->slist_append},
		{"curl_slist_free_all", (void **)&curl->slist_free_all},
		{"curl_url", (void **)&curl->url},
		{"curl_url_set", (void **)&curl->url_set},
		{"curl_url_get", (void **)&curl->url_get},
		{"curl_url_cleanup", (void **)&curl->url_cleanup},
		{"curl_free", (void **)&curl->free},
	};

	int r = icr_library_load(names, "libcurl4 (libcurl on Fedora and Alpine)", symbols,
				 ICR_LENGTH(symbols), err);
	if (r < 0)
		return r;
	CURLcode code = curl->global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wiping_free,
					      wiping_realloc, strdup, calloc);
	if (code != CURLE_OK)
		return icr_fail(err, ICR_E_UNAVAILABLE, "cannot start libcurl: %s",
				curl->easy_strerror(code));
	return 0;
}

static int load(struct icr_curl *curl, struct icr_error *err)
{
	struct beginning beginning = {.begun = false};

	begin_openssl(&beginning);
	int r = load_all(curl, err);
	if (beginning.begun)
		(void)pthread_join(beginning.thread, NULL);
	return r;
}

int icr_curl_load(const struct icr_curl **ret_curl, struct icr_error *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct icr_curl curl;
	static bool loaded;
	int r = 0;

	(void)pthread_mutex_lock(&lock);
	if (!loaded)
		r = load(&curl, err);
	loaded = r >= 0;
	(void)pthread_mutex_unlock(&lock);
	if (r < 0)
		return r;
	*ret_curl = &curl;
	return 0;
}
