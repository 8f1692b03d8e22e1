/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an archive in memory, as strictly as a reader can: what a test of a writer of ZIP needs. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The content of an entry, with a NUL behind it, to be freed. NULL: there is none, or the directory, the
 * local header, the descriptor, the sizes or the CRC-32 are not as they should be. `offset`: bytes that are
 * said to stand before the archive.
 */
char *unpack_entry(const void *zip, size_t len, uint64_t offset, const char *name, size_t *ret_len);
int unpack_count(const void *zip, size_t len); /* of entries, by the end record */
