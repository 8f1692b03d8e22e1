/* SPDX-License-Identifier: Apache-2.0 */
/* Ids are valid, sorted and unique; digests are those of RFC 1321, FIPS 180-4 and RFC 4231. */
#include "base/digest.h"
#include "base/id.h"
#include "base/text.h"
#include "support/test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { IDS = 2000 };

static void *make_ids(void *to)
{
    char(*ids)[ID_SIZE] = to;
    for (int i = 0; i < IDS; i++)
        id_new(ids[i]);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void ids_are_valid_and_unique_across_threads(void **state)
{
    static char ids[4 * IDS][ID_SIZE];
    pthread_t threads[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_ids, ids[IDS * i]), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    qsort(ids, 4 * IDS, ID_SIZE, compare);
    for (int i = 0; i < 4 * IDS; i++) {
        assert_true(id_valid(ids[i]));
        assert_int_equal(ids[i][14], '7');
        assert_true(i == 0 || strcmp(ids[i - 1], ids[i]) < 0);
    }
}

static void what_is_no_id_is_refused(void **state)
{
    static const char good[] = "0189a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
    char bad[ID_SIZE];
    (void)state;
    assert_true(id_valid(good));
    assert_false(id_valid(""));
    assert_false(id_valid("0189a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b0"));
    assert_false(id_valid("0189a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5"));
    assert_false(id_valid("0189A1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"));
    assert_false(id_valid("0189a1b2c3d4-7e5f-8a9b-0c1d2e3f4a5b-"));
    for (int i = 0; i < ID_LEN; i++) {
        memcpy(bad, good, sizeof bad);
        bad[i] = '/';
        assert_false(id_valid(bad));
    }
}

static void tokens_use_the_whole_alphabet(void **state)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    char token[20001];
    (void)state;
    id_token(token, 20000);
    assert_int_equal(strlen(token), 20000);
    assert_int_equal(strspn(token, alphabet), 20000);
    for (const char *c = alphabet; *c; c++)
        assert_non_null(strchr(token, *c));
    id_token(token, 0);
    assert_string_equal(token, "");
}

static void digest_of(const char *text, struct digest_values *ret)
{
    struct digest *d = digest_new();
    digest_update(d, text, strlen(text));
    digest_finish(d, ret);
    digest_free(d);
}

static void digests_of_known_texts(void **state)
{
    static const struct {
        const char *text, *md5, *sha256;
        uint32_t crc32;
    } known[] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e",
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0},
        {"abc", "900150983cd24fb0d6963f7d28e17f72",
         "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 0x352441C2},
        {"123456789", "25f9e794323b453885f5181f1b624d0b",
         "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225", 0xCBF43926},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct digest_values v;
        digest_of(known[i].text, &v);
        assert_string_equal(v.md5, known[i].md5);
        assert_string_equal(v.sha256, known[i].sha256);
        assert_int_equal(v.crc32, known[i].crc32);
    }
}

static void pieces_and_halves_make_the_same_digest(void **state)
{
    static const char text[] = "the quick brown fox jumps over the lazy dog, again and again";
    struct digest_values whole;
    struct digest_values halves;
    struct digest *d = digest_new();
    (void)state;
    digest_of(text, &whole);
    for (size_t i = 0; i < sizeof text - 1; i += 7)
        digest_update_md5(d, text + i, sizeof text - 1 - i < 7 ? sizeof text - 1 - i : 7);
    for (size_t i = 0; i < sizeof text - 1; i++)
        digest_update_rest(d, text + i, 1);
    digest_finish(d, &halves);
    digest_free(d);
    digest_free(NULL);
    assert_string_equal(whole.md5, halves.md5);
    assert_string_equal(whole.sha256, halves.sha256);
    assert_int_equal(whole.crc32, halves.crc32);
}

static void hmac_of_rfc_4231(void **state)
{
    unsigned char mac[DIGEST_SHA256_LEN];
    char hex[DIGEST_SHA256_HEX];
    char long_key[131];
    (void)state;
    digest_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
    text_hex(mac, sizeof mac, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(long_key, 0xAA, sizeof long_key);
    digest_hmac_sha256(long_key, sizeof long_key, "Test Using Larger Than Block-Size Key - Hash Key First",
                       54, mac);
    text_hex(mac, sizeof mac, hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    digest_sha256("abc", 3, mac);
    text_hex(mac, sizeof mac, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(digest_equal("abc", "abc", 3));
    assert_false(digest_equal("abc", "abd", 3));
    assert_true(digest_equal("abc", "abd", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_valid_and_unique_across_threads), cmocka_unit_test(what_is_no_id_is_refused),
        cmocka_unit_test(tokens_use_the_whole_alphabet),           cmocka_unit_test(digests_of_known_texts),
        cmocka_unit_test(pieces_and_halves_make_the_same_digest),  cmocka_unit_test(hmac_of_rfc_4231),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
