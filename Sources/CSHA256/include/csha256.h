// SHA-256 by the processor's own instructions (x86-64 with SHA), for many short messages at once:
// the leaves and the inner nodes of an RFC 6962 tree. Only Gavel imports this module; where the
// processor lacks the instructions it uses swift-crypto.
//
// Why not swift-crypto alone: it hashes one message a call, with an allocation, and the
// instructions wait for each other. Independent messages hide those waits.
//
// Rules of every function here:
// - It may be called only where `csha256_available` says 1.
// - It reads no byte outside the messages it is given, keeps no pointer, and allocates nothing.
// - Integers in memory are little endian; pointers need no alignment.
#ifndef CSHA256_H
#define CSHA256_H

#include <stddef.h>
#include <stdint.h>

// Whether this processor has the instructions: 1 or 0.
int csha256_available(void);

// SHA-256 of `prefix` followed by `length` bytes. `message` may be null when `length` is 0.
void csha256_prefixed(uint8_t prefix, const uint8_t *message, size_t length, uint8_t out[32]);

// The hashes of `count` leaves, 32 bytes each: SHA-256(0x00 || entry). Entry i ends before
// base[ends[i]] and starts where entry i - 1 ended, the first at base[start]. `ends` are 32-bit
// integers, none below `start` or the one before. `out` overlaps nothing.
void csha256_leaves(
    const uint8_t *base, const void *ends, size_t start, size_t count, uint8_t *out);

// The hashes of `pairs` inner nodes, 32 bytes each: SHA-256(0x01 || left || right), where left and
// right are neighbours in `children`. `out` may be `children`, and then replaces its first half.
void csha256_nodes(const uint8_t *children, size_t pairs, uint8_t *out);

#endif
