/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong in resultctl: the exit status of the program, and a sentence for who reads standard error.
 *
 * Functions that can fail return 0 or one of these and take `struct failure *f` last, written only on
 * failure. They are documented in resultctl(1): scripts rely on them.
 */
#pragma once

enum failure_exit {
    FAILURE_NONE = 0,
    FAILURE_OTHER = 1,
    FAILURE_USAGE = 2,
    FAILURE_KEY = 3,         /* no key, a wrong one, or one that lacks a scope */
    FAILURE_ABSENT = 4,      /* not found, expired or deleted */
    FAILURE_CONFLICT = 5,    /* the state forbids it, a name is taken, something changed meanwhile */
    FAILURE_REFUSED = 6,     /* the server does not take what was asked for or sent */
    FAILURE_UNREACHABLE = 7, /* no answer, or none but 5xx, after all tries */
    FAILURE_DAMAGED = 8,     /* bytes are not those that they should be */
    FAILURE_LOCAL = 9,       /* a file or the terminal here */
    FAILURE_JOB = 10,        /* a job that was waited for has failed or was cancelled */
    FAILURE_TIME = 11,       /* what was waited for has not come in time */
    FAILURE_INTERRUPTED = 130,
};

struct failure {
    enum failure_exit exit;
    int status;    /* of the answer that said so; 0: none did */
    char code[40]; /* the server's word for it, or "" */
    char text[640];
};

/* Fills `f` and returns `exit`. */
int failure_set(struct failure *f, enum failure_exit exit, const char *text, ...)
    __attribute__((format(printf, 3, 4)));
/* FAILURE_LOCAL: the sentence ends with what errno says. */
int failure_errno(struct failure *f, const char *what, const char *path);
/* The same failure, its sentence with "BEFORE: " in front. */
int failure_in(struct failure *f, const char *before);
/* What an HTTP status means for the caller of this program. */
enum failure_exit failure_of_status(int status);

#if defined(__clang_analyzer__) || defined(__CPPCHECK__)
#define failure_set(f, exit, ...) ((void)failure_set(f, exit, __VA_ARGS__), (int)(exit))
#endif
