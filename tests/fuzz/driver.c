/* SPDX-License-Identifier: Apache-2.0 */
/* Replays files, or all files of folders, through a fuzz target: what libFuzzer does with a corpus, without
 * clang. */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

enum { LARGEST = 1 << 20 };

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "re");
    uint8_t *buffer = malloc(LARGEST);
    if (!f || !buffer) {
        perror(path);
        exit(2);
    }
    size_t size = fread(buffer, 1, LARGEST, f);
    uint8_t *exact = malloc(size + (size == 0)); /* so that a sanitizer sees a read beyond the end */
    if (!exact)
        exit(2);
    memcpy(exact, buffer, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    free(buffer);
    (void)fclose(f);
    return 1;
}

static int replay(const char *path)
{
    struct stat st;
    int n = 0;
    if (stat(path, &st) < 0) {
        perror(path);
        exit(2);
    }
    if (!S_ISDIR(st.st_mode))
        return replay_file(path);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char inner[4096];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        n += replay(inner);
    }
    if (dir)
        (void)closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    int n = 0;
    for (int i = 1; i < argc; i++)
        n += replay(argv[i]);
    (void)printf("%d inputs\n", n);
    return n > 0 ? 0 : 1; /* an empty corpus proves nothing */
}
