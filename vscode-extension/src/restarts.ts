// When a server that crashed is started again: at once the first time, later with growing pauses, and not for ever.
// Pure: times are milliseconds of any one clock, passed in.

const PAUSES_MS = [0, 1_000, 4_000, 16_000] as const;
const FORGOTTEN_MS = 180_000; // a crash that long ago says nothing about the next

export class Restarts {
  private crashes: number[] = [];

  /** How long to wait before the next attempt after a crash at `now`; undefined: it has crashed too often. */
  pauseAfterCrash(now: number): number | undefined {
    this.crashes = [...this.crashes.filter((then) => now - then < FORGOTTEN_MS), now];
    return PAUSES_MS[this.crashes.length - 1];
  }

  /** A person asked for a start: what was before no longer counts. */
  forget(): void {
    this.crashes = [];
  }
}
