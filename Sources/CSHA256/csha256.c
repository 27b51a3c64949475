// See csha256.h. FIPS 180-4 names: a block is 64 bytes, a..h the eight words of the state.
//
// `rounds` runs independent messages in step. One message alone leaves the SHA unit idle for a
// third of the time: each of its 32 double rounds waits for the one before.

#include "csha256.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

#define BLOCK 64
// Two keep the SHA unit busy; three or four gain nothing and no longer fit the registers.
#define LANES 2
_Static_assert(LANES == 2, "of a batch at most one message is left over");
#define WITH_SHA __attribute__((target("sha,sse4.1,ssse3")))
#define INLINED static inline __attribute__((always_inline)) WITH_SHA

int csha256_available(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    return (b & bit_SHA) != 0;
}

static const uint32_t K[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

// The state as the instructions want it: words a b e f and c d g h, highest first.
typedef struct {
    __m128i abef, cdgh;
} state;

INLINED state initial(void) {
    state s = {
        _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c),
        _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19),
    };
    return s;
}

INLINED void finish(state s, uint8_t *out) {
    const __m128i big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    __m128i feba = _mm_shuffle_epi32(s.abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(s.cdgh, 0xb1);
    __m128i dcba = _mm_blend_epi16(feba, dchg, 0xf0);
    __m128i hgfe = _mm_alignr_epi8(dchg, feba, 8);
    _mm_storeu_si128((__m128i *)out, _mm_shuffle_epi8(dcba, big_endian));
    _mm_storeu_si128((__m128i *)(out + 16), _mm_shuffle_epi8(hgfe, big_endian));
}

// Takes one block into each of `lanes` states; `lanes` is a constant wherever this is inlined.
INLINED void rounds(int lanes, state *states, const uint8_t *const *blocks) {
    const __m128i big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    __m128i w[LANES][4];
    state now[LANES];
    for (int lane = 0; lane < lanes; lane++) now[lane] = states[lane];
#pragma clang loop unroll(full)
    for (int step = 0; step < 16; step++) {
        const __m128i k = _mm_load_si128((const __m128i *)(K + 4 * step));
#pragma clang loop unroll(full)
        for (int lane = 0; lane < lanes; lane++) {
            __m128i *const four = &w[lane][step & 3];
            if (step < 4) {
                const __m128i *from = (const __m128i *)(blocks[lane] + 16 * step);
                *four = _mm_shuffle_epi8(_mm_loadu_si128(from), big_endian);
            } else {
                // w[t] = s1(w[t-2]) + w[t-7] + s0(w[t-15]) + w[t-16], four at a time.
                const __m128i back1 = w[lane][(step + 3) & 3], back2 = w[lane][(step + 2) & 3];
                const __m128i sum = _mm_add_epi32(
                    _mm_sha256msg1_epu32(*four, w[lane][(step + 1) & 3]),
                    _mm_alignr_epi8(back1, back2, 4));
                *four = _mm_sha256msg2_epu32(sum, back1);
            }
            const __m128i wk = _mm_add_epi32(*four, k);
            now[lane].cdgh = _mm_sha256rnds2_epu32(now[lane].cdgh, now[lane].abef, wk);
            now[lane].abef = _mm_sha256rnds2_epu32(
                now[lane].abef, now[lane].cdgh, _mm_shuffle_epi32(wk, 0x0e));
        }
    }
    for (int lane = 0; lane < lanes; lane++) {
        states[lane].abef = _mm_add_epi32(states[lane].abef, now[lane].abef);
        states[lane].cdgh = _mm_add_epi32(states[lane].cdgh, now[lane].cdgh);
    }
}

// A message cut into blocks. The first holds the prefix and the last one or two the padding: those
// are made here, end to end; all between lie in the caller's memory. Of a message of less than a
// block all is made here.
typedef struct {
    uint8_t own[3 * BLOCK] __attribute__((aligned(16)));
    const uint8_t *middle; // Block 1, where there is a middle.
    size_t last_from; // The block that own[BLOCK] is; at least 1.
    size_t blocks;
} message;

// The prefix and the first 63 bytes, as four whole vectors: a vector that is stored and loaded
// again alike does not wait for memory, bytes stored otherwise would.
INLINED void cut_first(uint8_t *to, uint8_t prefix, const uint8_t *bytes) {
    const __m128i start = _mm_slli_si128(_mm_loadu_si128((const __m128i *)bytes), 1);
    _mm_store_si128((__m128i *)to, _mm_or_si128(start, _mm_cvtsi32_si128(prefix)));
    for (int i = 16; i < BLOCK; i += 16) {
        const __m128i next = _mm_loadu_si128((const __m128i *)(bytes + i - 1));
        _mm_store_si128((__m128i *)(to + i), next);
    }
}

INLINED void cut(message *m, uint8_t prefix, const uint8_t *bytes, size_t length) {
    const size_t total = length + 1;
    uint8_t *rest = m->own;
    m->blocks = (total + 8) / BLOCK + 1;
    if (total < BLOCK) {
        m->last_from = 1;
        m->middle = NULL;
        memset(m->own, 0, 2 * BLOCK);
        *rest++ = prefix;
        if (length > 0) memcpy(rest, bytes, length);
        rest += length;
    } else {
        m->last_from = total / BLOCK;
        m->middle = bytes + (BLOCK - 1);
        cut_first(m->own, prefix, bytes);
        memset(m->own + BLOCK, 0, 2 * BLOCK);
        rest += BLOCK;
        memcpy(rest, bytes + length - total % BLOCK, total % BLOCK);
        rest += total % BLOCK;
    }
    *rest = 0x80;
    const uint64_t bits = __builtin_bswap64((uint64_t)total * 8);
    memcpy(m->own + (1 + m->blocks - m->last_from) * BLOCK - 8, &bits, 8);
}

INLINED const uint8_t *block(const message *m, size_t index) {
    if (index == 0) return m->own;
    if (index < m->last_from) return m->middle + (index - 1) * BLOCK;
    return m->own + (1 + index - m->last_from) * BLOCK;
}

// Hashes `lanes` messages: in step while all have blocks left, then each alone.
INLINED void hash(int lanes, const message *m, uint8_t *out) {
    state states[LANES];
    size_t common = m[0].blocks;
    for (int lane = 0; lane < lanes; lane++) {
        states[lane] = initial();
        if (m[lane].blocks < common) common = m[lane].blocks;
    }
    for (size_t i = 0; i < common; i++) {
        const uint8_t *blocks[LANES];
        for (int lane = 0; lane < lanes; lane++) blocks[lane] = block(&m[lane], i);
        rounds(lanes, states, blocks);
    }
    for (int lane = 0; lane < lanes; lane++) {
        for (size_t i = common; i < m[lane].blocks; i++) {
            const uint8_t *alone = block(&m[lane], i);
            rounds(1, &states[lane], &alone);
        }
        finish(states[lane], out + 32 * lane);
    }
}

WITH_SHA void csha256_prefixed(
    uint8_t prefix, const uint8_t *bytes, size_t length, uint8_t out[32]) {
    message m;
    cut(&m, prefix, bytes, length);
    hash(1, &m, out);
}

WITH_SHA void csha256_leaves(
    const uint8_t *base, const void *ends, size_t start, size_t count, uint8_t *out) {
    message m[LANES];
    for (size_t i = 0; i < count; i++) {
        uint32_t end;
        memcpy(&end, (const uint8_t *)ends + 4 * i, sizeof end);
        const int lane = i % LANES;
        cut(&m[lane], 0, base + start, end - start);
        start = end;
        if (lane == LANES - 1) hash(LANES, m, out + 32 * (i - lane));
    }
    if (count % LANES != 0) hash(1, m, out + 32 * (count - 1));
}

// What is written lies below what is still to be read, so `out` may be `children`: a node of 65
// bytes is copied whole when it is cut.
WITH_SHA void csha256_nodes(const uint8_t *children, size_t pairs, uint8_t *out) {
    message m[LANES];
    for (size_t i = 0; i < pairs; i++) {
        const int lane = i % LANES;
        cut(&m[lane], 1, children + BLOCK * i, BLOCK);
        if (lane == LANES - 1) hash(LANES, m, out + 32 * (i - lane));
    }
    if (pairs % LANES != 0) hash(1, m, out + 32 * (pairs - 1));
}

#else

// Nobody may call these where `csha256_available` says 0.
int csha256_available(void) { return 0; }

void csha256_prefixed(uint8_t prefix, const uint8_t *bytes, size_t length, uint8_t out[32]) {
    __builtin_trap();
}

void csha256_leaves(
    const uint8_t *base, const void *ends, size_t start, size_t count, uint8_t *out) {
    __builtin_trap();
}

void csha256_nodes(const uint8_t *children, size_t pairs, uint8_t *out) { __builtin_trap(); }

#endif
