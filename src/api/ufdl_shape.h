/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of UFDL's API, for its operations (ufdl_describe.c). */
#pragma once

#include "api/operation.h"

extern const struct shape ufdl_error_shape, ufdl_form_errors_shape, ufdl_tokens_shape, ufdl_access_shape,
    ufdl_nothing_shape, ufdl_any_shape, ufdl_output_shape, ufdl_job_shape, ufdl_template_shape,
    ufdl_node_shape;

/* The body of lists. */
extern const struct shape ufdl_filter_shape;
