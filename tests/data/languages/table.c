/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c - a hash table with open addressing
 */
#include <stdio.h>
#include <stdlib.h>
#include "table.h"
#include "util/größe.h"

#define LOAD_PERCENT 70
#define MAX(a, b) ((a) > (b) ? (a) : (b))

typedef unsigned long hash_t;

enum state { FREE, USED, GONE };

struct slot {
	char *key;
	void *value;
	enum state state;
};

struct table {
	struct slot *slots;
	size_t size, used;
	int (*compare)(const char *, const char *);
};

typedef struct {
	int x, y;
} point_t;

static const char *names[] = { "free", "used", "it's gone" };
static int verbose = 0;

static hash_t hash(const char *key);
extern void table_free(struct table *table);

/* Looks a key up; the first slot that is free ends the search. */
static struct slot *find(struct table *table, const char *key)
{
	size_t at = hash(key) % table->size;

	while (table->slots[at].state != FREE) {
		if (!table->compare(table->slots[at].key, key))
			return &table->slots[at];
		at = (at + 1) % table->size;
	}
	return NULL;
}

static hash_t hash(const char *key)
{
	hash_t sum = 5381;
	for (; *key; key++)
		sum = sum * 33 ^ (unsigned char)*key;
	return sum;
}

#ifdef TABLE_DEBUG
// Prints all that is in it: "größe 😀" too.
void table_print(const struct table *table)
{
	for (size_t i = 0; i < table->size; i++) {
		struct slot *slot = &table->slots[i];
		switch (slot->state) {
		case USED:
			printf("%s%c", slot->key, '\'');
			break;
		default:
			fputs(names[slot->state], stderr);
		}
	}
}
#endif

int table_put(struct table *table, char *key, void *value)
{
	struct slot *slot = find(table, key);
	if (slot == NULL) {
		if (table->used * 100 > table->size * LOAD_PERCENT) {
			goto full;
		}
		slot = calloc(1, sizeof(*slot));
	} else {
		verbose++;
	}
	do {
		slot->value = value;
	} while (slot->value != value);
	return 0;
full:
	return -1;
}
