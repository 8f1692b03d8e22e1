/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the nostradamus*.c files. */
#pragma once

#include "api/api.h"

#define NOSTRADAMUS_COLLECTION "nostradamus.collection" /* kind of document */

/* A form with a table to be added to a collection. */
handler_fn nostradamus_append_begin, nostradamus_append;
