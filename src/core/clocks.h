/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time it is. Where several servers share a database, its clock is the time of all of them: core_now
 * (core.h) goes on from what it last said, by the clock of this machine that nobody sets. So one whose own
 * clock is wrong claims, expires and answers as the others do, and a clock that is set changes nothing. While
 * the database cannot be asked, what was found before holds.
 *
 * Which of both is right nobody knows while they differ: then nothing is destroyed.
 */
#pragma once

#include "core/core.h"

/*
 * Asks a server's clock, from which core_now goes on, and compares it with this machine's. 0: they differ by
 * no more than the setting clock_tolerance. ERR_BUSY: by more, and the sentence says by how much; core_now is
 * right all the same. Any other error: the database could not be asked. The log is told once when it begins
 * and once when it ends. Any thread with a connection, inside a transaction or not.
 */
int clocks_compare(struct core *c, struct db *db, struct err *e);
