/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite's view of files (its VFS), with writes gathered. A commit to the log is two small writes for each
 * page, one after the other in the file; a checkpoint is one for each page, mostly neighbours. As single
 * system calls they are a third of what a commit costs. Here they are put together and written when SQLite
 * syncs, reads or gives up its lock, or where the next one is no neighbour.
 *
 * Only for connections with synchronous=FULL: these sync the log before anybody else may look at what was
 * written to it, and the database before the log is used again. A write that fails is reported by the call
 * that needed it, at the latest by the sync, and tried again by the next.
 */
#pragma once

/* Makes the VFS known to SQLite under the name below. Any thread, any number of times; 0, or an SQLite code.
 */
int sqlite_gather_register(void);

#define SQLITE_GATHER_VFS "resultd-gather"
