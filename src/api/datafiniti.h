/* SPDX-License-Identifier: Apache-2.0 */
/* Datafiniti's API, shared by its handlers and its description. */
#pragma once

#include "api/operation.h"

#define DATAFINITI_KEY_FORMS (KEY_BASIC | KEY_BEARER | KEY_HEADER)

extern const struct description datafiniti_description;
extern const struct operation datafiniti_op_ask, datafiniti_op_list, datafiniti_op_request,
    datafiniti_op_results, datafiniti_op_user;
