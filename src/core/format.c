/* SPDX-License-Identifier: Apache-2.0 */
/* See format.h. */
#include "core/format.h"

#include <string.h>

const struct format_words format_words[FORMAT_END] = {
    [FORMAT_JSON] = {"json", "application/json", ".json"},
    [FORMAT_NDJSON] = {"ndjson", "application/x-ndjson", ".ndjson"},
    [FORMAT_CSV] = {"csv", "text/csv; charset=utf-8", ".csv"},
    [FORMAT_TSV] = {"tsv", "text/tab-separated-values; charset=utf-8", ".tsv"},
    [FORMAT_XLSX] = {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"},
};

int format_of_name(const char *name)
{
    for (int i = 0; i < FORMAT_END; i++)
        if (strcmp(format_words[i].name, name) == 0)
            return i;
    return -1;
}
