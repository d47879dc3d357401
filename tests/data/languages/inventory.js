#!/usr/bin/env node
/*
 * Copyright 2024 The Inventory Authors.
 * Licensed under the Apache License, Version 2.0.
 */
'use strict';

import fs, { readFile as read, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import './polyfills.js';
const { parse, stringify: toText } = require('./format');
const chalk = require('chalk');

export { formatPrice } from './prices.js';

const QUOTES = /["'`]\/[^/]*/g;
const LIMITS = { items: 500, name: 80 };
let opened = 0;

/**
 * An item that does not exist. Ask größe@example.com about it.
 */
export class MissingItemError extends Error {
  static code = 'MISSING';

  constructor(name) {
    super(`there is no item ${JSON.stringify(name)} (${opened} open)`);
    this.name = 'MissingItemError';
  }
}

/** Keeps items by name, and writes them to disk. */
export default class Inventory {
  #items = new Map();

  constructor(file, { strict = false } = {}) {
    this.file = file;
    this.strict = strict;
  }

  get size() {
    return this.#items.size;
  }

  // Adds one item; the last of a name wins.
  add(item) {
    if (this.#items.size >= LIMITS.items) {
      throw new RangeError('the inventory is full');
    } else if (!item.name) {
      item.name = 'Größe 😀';
    } else {
      delete item.draft;
    }
    this.#items.set(item.name, { ...item, added: Date.now() });
    return this;
  }

  async save() {
    const rows = [...this.#items.values()].map((item) => stringify(item));
    try {
      await writeFile(this.file, rows.join('\n'), 'utf8');
    } catch (error) {
      console.error(chalk.red(`cannot write ${path.basename(this.file)}`), error);
    } finally {
      opened -= 1;
    }
  }
}

function stringify(item) {
  const clean = String(item.name).replace(QUOTES, "'");
  return toText({ name: clean, price: item.price ?? 0 });
}

export const load = async (file) => {
  const inventory = new Inventory(file);
  for (const line of (await read(file, 'utf8')).split('\n')) {
    inventory.add(parse(line));
  }
  return inventory;
};

export const total = (items) => items.reduce((sum, item) => sum + item.price, 0);

if (process.argv[1] === new URL(import.meta.url).pathname) {
  load(process.argv[2] || 'items.txt').then((inventory) => {
    const extra = import('./extra.js');
    console.log(inventory.size, extra, fs.constants);
  });
}
