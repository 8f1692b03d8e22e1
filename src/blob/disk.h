/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs as files of one folder: FOLDER/xx/KEY, where xx are the first two digits of the key's last group,
 * which are random.
 */
#pragma once

#include "blob/blob.h"

/* Makes the folder and its 256 parts where they are missing, readable by the owner alone. */
int disk_open(const char *folder, struct blob_store **ret, struct err *e);

/* Lets the group of the folder open what blob_share gives to it. 0, or an error. */
int disk_share(struct blob_store *s, struct err *e);

/* For reading only, and makes nothing: what is not there is empty. */
int disk_find(const char *folder, struct blob_store **ret, struct err *e);

/* The path of a blob's file. `ret` has `size` bytes. */
void disk_path(const char *folder, const char *key, char *ret, size_t size);
