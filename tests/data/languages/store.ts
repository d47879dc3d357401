// Copyright 2024 The Store Authors. All rights reserved.
// SPDX-License-Identifier: MIT

import type { Clock } from './clock';
import { EventEmitter } from 'events';
import assert = require('assert');

export type Key = string | number;
export type Listener<T> = (value: T, previous?: T) => void;

export interface Entry<T> {
  readonly value: T;
  expires?: number;
  touch(now: number): void;
}

export enum Policy {
  Oldest = 'oldest',
  Newest = 'newest',
}

declare global {
  interface Window {
    store: Store<unknown>;
  }
}

const DEFAULT_TTL: number = 60_000;

function logged(target: object, name: string): void {
  console.debug(`calls ${name} of ${typeof target}`);
}

/**
 * A store whose entries run out: "größer" 😀 values first.
 */
export abstract class Store<T> extends EventEmitter {
  protected readonly entries = new Map<Key, Entry<T>>();
  private listeners_: Listener<T>[] = [];

  constructor(
    private readonly clock: Clock,
    public policy: Policy = Policy.Oldest,
  ) {
    super();
    assert(clock, 'a clock is needed');
  }

  abstract evict(count: number): Key[];

  get(key: Key): T | undefined;
  get(key: Key, fallback: T): T;
  get(key: Key, fallback?: T): T | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined || (entry.expires ?? Infinity) < this.clock.now()) {
      return fallback;
    }
    return entry.value;
  }

  @logged
  set(key: Key, value: T, ttl = DEFAULT_TTL): this {
    const previous = this.get(key);
    const entry: Entry<T> = {
      value,
      expires: this.clock.now() + ttl,
      touch: (now) => void now,
    };
    this.entries.set(key, entry);
    this.listeners_.forEach((listen) => listen(value, previous));
    return this;
  }

  on_change(listen: Listener<T>): () => void {
    this.listeners_.push(listen);
    return () => {
      this.listeners_ = this.listeners_.filter((other) => other !== listen);
    };
  }
}

export namespace Keys {
  export const ROOT: Key = '/';
  export function join(...parts: Key[]): Key {
    switch (parts.length) {
      case 0:
        return ROOT;
      default:
        return parts.map(String).join('/');
    }
  }
}

export function isKey(value: unknown): value is Key {
  return typeof value === 'string' || typeof value === 'number';
}

export const first = <T,>(values: readonly T[]): T => (<T>(<unknown>values[0]));
