/** Named timers: one for each name at a time. */
export class Timers {
  readonly #running = new Map<string, ReturnType<typeof setTimeout>>();

  has(name: string): boolean {
    return this.#running.has(name);
  }

  /** Call `act` after a wait, instead of what waited under this name. */
  after(name: string, milliseconds: number, act: () => void): void {
    this.cancel(name);
    const run = () => {
      this.#running.delete(name);
      act();
    };
    this.#running.set(name, setTimeout(run, milliseconds));
  }

  cancel(name: string): void {
    clearTimeout(this.#running.get(name));
    this.#running.delete(name);
  }

  close(): void {
    for (const timer of this.#running.values()) clearTimeout(timer);
    this.#running.clear();
  }
}
