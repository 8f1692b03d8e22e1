/* SPDX-License-Identifier: Apache-2.0 */
/* What a bucket answers: lists, errors, upload ids. A second reading gives the same. */
#include "blob/s3_xml.h"
#include "fuzz/fuzz.h"

#include <string.h>

struct sum {
    int count;
    size_t length;
    int64_t numbers;
};

static int add(void *ctx, const struct s3_entry *entry)
{
    struct sum *s = ctx;
    FUZZ_ASSERT(memchr(entry->key, '\0', sizeof entry->key) &&
                memchr(entry->upload, '\0', sizeof entry->upload));
    FUZZ_ASSERT(entry->size >= 0);
    s->count++;
    s->length += strlen(entry->key) + strlen(entry->upload) + strlen(entry->part);
    s->numbers ^= entry->size ^ entry->time;
    return s->count == 5000 ? -1 : 0;
}

static void add_removed(void *ctx, const char *key, const char *fault)
{
    struct sum *s = ctx;
    s->count++;
    s->length += strlen(key) + (fault ? strlen(fault) + 1 : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct sum first = {0, 0, 0};
    struct sum second = {0, 0, 0};
    struct s3_page page;
    struct s3_fault fault = {"?", "?"};
    char upload[512] = "";
    int rc = s3_xml_list(bytes, size, add, &first, &page);
    FUZZ_ASSERT(rc >= -1 && rc <= 1 && strlen(page.next) < sizeof page.next);
    FUZZ_ASSERT(s3_xml_list(bytes, size, add, &second, &page) == rc);
    FUZZ_ASSERT(first.count == second.count && first.length == second.length &&
                first.numbers == second.numbers);
    bool is_fault = s3_xml_fault(bytes, size, &fault);
    FUZZ_ASSERT(is_fault || strcmp(fault.code, "?") == 0);
    FUZZ_ASSERT(!is_fault || rc == 0); /* an error is no list */
    bool begun = s3_xml_text(bytes, size, "InitiateMultipartUploadResult", "UploadId", upload, sizeof upload);
    FUZZ_ASSERT(begun == (*upload != '\0'));
    struct sum removed = {0, 0, 0};
    struct sum again = {0, 0, 0};
    bool is_removal = s3_xml_removed(bytes, size, add_removed, &removed);
    FUZZ_ASSERT(s3_xml_removed(bytes, size, add_removed, &again) == is_removal);
    FUZZ_ASSERT(removed.count == again.count && removed.length == again.length);
    FUZZ_ASSERT(!is_removal || (rc == 0 && !is_fault));
    return 0;
}
