/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/sha256.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "icr/memory.h"

#define BLOCK 64

/* FIPS 180-4, 4.2.2 */
static const uint32_t constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

/* One round of FIPS 180-4, 6.2.2; what moves there from variable to variable is renamed by the
 * caller. */
static inline void round_of(const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t *d,
			    const uint32_t *e, const uint32_t *f, const uint32_t *g, uint32_t *h,
			    uint32_t word)
{
	uint32_t s1 = rotate(*e, 6) ^ rotate(*e, 11) ^ rotate(*e, 25);
	uint32_t t1 = *h + s1 + ((*e & *f) ^ (~*e & *g)) + word;
	uint32_t s0 = rotate(*a, 2) ^ rotate(*a, 13) ^ rotate(*a, 22);
	*d += t1;
	*h = t1 + s0 + ((*a & *b) ^ (*a & *c) ^ (*b & *c));
}

static void compress(uint32_t state[8], const uint8_t *block)
{
	uint32_t w[64], v[8];

	for (int t = 0; t < 16; t++)
		w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
		       (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
	for (int t = 16; t < 64; t++) {
		uint32_t s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
		uint32_t s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;
		w[t] = s1 + w[t - 7] + s0 + w[t - 16];
	}
	memcpy(v, state, sizeof(v));
	uint32_t *a = v, *b = v + 1, *c = v + 2, *d = v + 3, *e = v + 4, *f = v + 5, *g = v + 6,
		 *h = v + 7;
	for (int t = 0; t < 64; t += 8) {
		round_of(a, b, c, d, e, f, g, h, constants[t] + w[t]);
		round_of(h, a, b, c, d, e, f, g, constants[t + 1] + w[t + 1]);
		round_of(g, h, a, b, c, d, e, f, constants[t + 2] + w[t + 2]);
		round_of(f, g, h, a, b, c, d, e, constants[t + 3] + w[t + 3]);
		round_of(e, f, g, h, a, b, c, d, constants[t + 4] + w[t + 4]);
		round_of(d, e, f, g, h, a, b, c, constants[t + 5] + w[t + 5]);
		round_of(c, d, e, f, g, h, a, b, constants[t + 6] + w[t + 6]);
		round_of(b, c, d, e, f, g, h, a, constants[t + 7] + w[t + 7]);
	}
	for (int i = 0; i < 8; i++)
		state[i] += v[i];
	icr_wipe(w, sizeof(w));
}

static void compress_plainly(uint32_t state[8], const uint8_t *blocks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		compress(state, blocks + i * BLOCK);
}

#ifdef __x86_64__
/* The same by the processor's own instructions, ten times as fast. Source: Intel, "Intel SHA
 * Extensions: New Instructions Supporting the Secure Hash Algorithm", 2013. */
__attribute__((target("sha,sse4.1"))) static void
compress_by_processor(uint32_t state[8], const uint8_t *blocks, size_t count)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
	__m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
	__m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
	__m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
	__m128i w[4];

	for (const uint8_t *block = blocks; count > 0; count--, block += BLOCK) {
		const __m128i abef_before = abef, cdgh_before = cdgh;
#pragma GCC unroll 16
		for (int t = 0; t < 16; t++) {
			__m128i *now = &w[t % 4], last = w[(t + 3) % 4], sum;
			if (t < 4) {
				*now = _mm_loadu_si128((const __m128i *)(block + 16 * t));
				*now = _mm_shuffle_epi8(*now, big_endian);
			} else {
				*now = _mm_sha256msg1_epu32(*now, w[(t + 1) % 4]);
				sum = _mm_alignr_epi8(last, w[(t + 2) % 4], 4);
				*now = _mm_sha256msg2_epu32(_mm_add_epi32(*now, sum), last);
			}
			sum = _mm_loadu_si128((const __m128i *)(constants + (size_t)4 * t));
			sum = _mm_add_epi32(*now, sum);
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
		}
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}
	__m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
	icr_wipe(w, sizeof(w));
}

static bool processor_can(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_1) &&
	       __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}
#endif

static void compress_all(uint32_t state[8], const uint8_t *blocks, size_t count)
{
#ifdef __x86_64__
	/* asking takes longer than a few blocks do */
	if (count > 64 && processor_can()) {
		compress_by_processor(state, blocks, count);
		return;
	}
#endif
	compress_plainly(state, blocks, count);
}

/* The end of the message, padded to one block or two (FIPS 180-4, 5.1.1). */
static void finish(uint32_t state[8], const uint8_t *rest, size_t rest_len, uint64_t bits)
{
	uint8_t last[2 * BLOCK] = {0};
	size_t len = rest_len + 9 <= BLOCK ? BLOCK : 2 * BLOCK;

	for (size_t i = 0; i < rest_len; i++)
		last[i] = rest[i];
	last[rest_len] = 0x80;
	for (int i = 0; i < 8; i++)
		last[len - 1 - (size_t)i] = (uint8_t)(bits >> 8 * i);
	compress_plainly(state, last, len / BLOCK);
	icr_wipe(last, sizeof(last));
}

/* FIPS 180-4, 5.3.3 */
static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
				    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* BEGUN is the state behind the first DONE bytes, which are whole blocks. */
static void go_on(const uint32_t *begun, size_t done, const uint8_t *bytes, size_t len,
		  char ret_hex[ICR_SHA256_HEX])
{
	static const char digits[] = "0123456789abcdef";
	size_t whole = len / BLOCK * BLOCK;
	uint32_t state[8];

	memcpy(state, begun, sizeof(state));
	if (whole > done)
		compress_all(state, bytes + done, (whole - done) / BLOCK);
	finish(state, len > whole ? bytes + whole : NULL, len - whole, (uint64_t)len * 8);
	for (int i = 0; i < 64; i++)
		ret_hex[i] = digits[state[i / 8] >> (28 - 4 * (i % 8)) & 0xf];
	ret_hex[64] = '\0';
}

void icr_sha256_hex(const void *data, size_t len, char ret_hex[ICR_SHA256_HEX])
{
	go_on(initial, 0, data, len, ret_hex);
}

void icr_sha256_hex_both(const void *a, size_t a_len, const void *b, size_t b_len, size_t common,
			 char ret_a[ICR_SHA256_HEX], char ret_b[ICR_SHA256_HEX])
{
	size_t blocks = common / BLOCK;
	uint32_t state[8];

	memcpy(state, initial, sizeof(state));
	compress_all(state, a, blocks);
	go_on(state, blocks * BLOCK, a, a_len, ret_a);
	go_on(state, blocks * BLOCK, b, b_len, ret_b);
}
