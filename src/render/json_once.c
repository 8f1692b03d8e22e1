/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See json_once.h. The text is read once into a tree with one node for each step, whose value is replaced
 * when it comes again; then the tree is written. So the work grows with the length only, and the memory with
 * the number of different steps, which columns.h limits.
 */
#include "render/json_once.h"

#include "base/arena.h"
#include "render/json_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOBODY = -1 };

struct node {
    const struct step *step;
    const char *key; /* with its quotes, as it was written first; in an array NULL */
    size_t key_len;
    const char *value; /* of an object or array only the first character counts */
    size_t value_len;
    int64_t reading; /* of this value, if it is an object or array */
    int64_t parent;  /* the parent's reading in which it was seen */
    int first, last; /* of what is nested in it */
    int next;        /* in the parent */
};

struct json_once {
    struct columns *columns;
    struct node *nodes; /* steps know theirs by `member`, which counts only where the node knows them, too */
    int count;
    int room;
    int64_t readings;
    const char *at;
    const char *end;
    char *to;
    char *scratch;
};

struct json_once *json_once_new(struct columns *columns)
{
    struct json_once *w = mem_alloc(sizeof *w);
    *w = (struct json_once){.columns = columns};
    return w;
}

void json_once_free(struct json_once *w)
{
    free(w->nodes);
    free(w);
}

static int node_of(struct json_once *w, struct step *s)
{
    if (s->member < w->count && w->nodes[s->member].step == s)
        return s->member;
    if (w->count == w->room) {
        w->room = w->room ? 2 * w->room : 32;
        w->nodes = mem_realloc(w->nodes, (size_t)w->room * sizeof *w->nodes);
    }
    s->member = w->count++;
    w->nodes[s->member] = (struct node){.step = s};
    return s->member;
}

/* Puts a node behind the others of its parent, unless it is one of them. */
static void append(struct json_once *w, int parent, int child, const char *key, size_t key_len)
{
    struct node *p = &w->nodes[parent];
    struct node *c = &w->nodes[child];
    if (c->parent == p->reading)
        return;
    c->parent = p->reading;
    c->key = key;
    c->key_len = key_len;
    c->next = NOBODY;
    if (p->first == NOBODY)
        p->first = child;
    else
        w->nodes[p->last].next = child;
    p->last = child;
}

static void space(struct json_once *w)
{
    token_space(&w->at, w->end);
}

/* It was made when the text was read: never NULL. */
static struct step *step_of(struct json_once *w, struct step *parent, const char *key, size_t len)
{
    return columns_step(w->columns, parent, NULL, key, len);
}

static struct step *read_key(struct json_once *w, struct step *s, const char **ret, size_t *ret_len)
{
    const char *what = "";
    const char *key = NULL;
    size_t len = 0;
    bool escaped = false;
    *ret = w->at;
    (void)token_string(&w->at, w->end, &key, &len, &escaped, &what);
    *ret_len = (size_t)(w->at - *ret);
    space(w);
    w->at++; /* the colon */
    return step_of(w, s, w->scratch, token_unescape(key, len, w->scratch));
}

static struct step *read_index(struct json_once *w, struct step *s, int64_t index)
{
    char key[24];
    int len = snprintf(key, sizeof key, "%lld", (long long)index);
    return step_of(w, s, key, (size_t)len);
}

static void read_value(struct json_once *w, struct step *s, int node);

static void read_nested(struct json_once *w, struct step *s, int node)
{
    bool named = *w->at++ == '{';
    w->nodes[node].first = NOBODY;
    w->nodes[node].reading = ++w->readings;
    space(w);
    for (int64_t i = 0; *w->at != '}' && *w->at != ']'; i++) {
        const char *key = NULL;
        size_t len = 0;
        struct step *below = named ? read_key(w, s, &key, &len) : read_index(w, s, i);
        int child = node_of(w, below);
        append(w, node, child, key, len);
        read_value(w, below, child);
        space(w);
        w->at += *w->at == ',';
        space(w);
    }
    w->at++;
}

static void read_value(struct json_once *w, struct step *s, int node)
{
    const char *what = "";
    space(w);
    const char *start = w->at;
    if (*start == '{' || *start == '[')
        read_nested(w, s, node);
    else
        (void)token_skip(&w->at, w->end, true, 0, &what);
    w->nodes[node].value = start;
    w->nodes[node].value_len = (size_t)(w->at - start);
}

static void put(struct json_once *w, const char *s, size_t len)
{
    memcpy(w->to, s, len);
    w->to += len;
}

static void write_node(struct json_once *w, int node)
{
    const struct node *n = &w->nodes[node];
    bool named = *n->value == '{';
    if (!named && *n->value != '[') {
        put(w, n->value, n->value_len);
        return;
    }
    put(w, n->value, 1);
    for (int i = n->first; i != NOBODY; i = w->nodes[i].next) {
        const struct node *child = &w->nodes[i];
        if (i != n->first)
            put(w, ",", 1);
        if (named) {
            put(w, child->key, child->key_len);
            put(w, ":", 1);
        }
        write_node(w, i);
    }
    put(w, named ? "}" : "]", 1);
}

size_t json_once_write(struct json_once *w, const char *text, const char *end, char *to, char *scratch)
{
    struct step *root = columns_root(w->columns);
    w->count = 0;
    w->readings = 0;
    w->at = text;
    w->end = end;
    w->to = to;
    w->scratch = scratch;
    int node = node_of(w, root);
    read_value(w, root, node);
    write_node(w, node);
    return (size_t)(w->to - to);
}
