// Whether a suggestion is being computed for so long that a person should see it. Most come sooner, and a status bar
// that changed with every key would be in the way.

const NOTICED_MS = 400;

export class Thinking {
  private under = 0;
  private timer: NodeJS.Timeout | undefined;
  private told = false;

  /** `tell` is called with each change. */
  constructor(private readonly tell: (thinking: boolean) => void) {}

  /** Follows one request to its end, however it ends. */
  async during<T>(request: Thenable<T>): Promise<T> {
    this.under++;
    this.timer ??= setTimeout(() => this.set(true), NOTICED_MS);
    try {
      return await request;
    } finally {
      if (--this.under === 0) this.stop();
    }
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.set(false);
  }

  private set(thinking: boolean): void {
    if (thinking !== this.told) this.tell(thinking);
    this.told = thinking;
  }
}
