/** An immutable sequence that grows at its end without being copied. */

/**
 * A view of a stretch of a shared buffer; no view ever changes.
 *
 * Extending the newest view appends to the buffer it shares, which is O(1) amortised for
 * each item; extending an older one copies that view first.
 */
export class Log<T> implements Iterable<T> {
  private constructor(
    private readonly buffer: T[],
    private readonly start: number,
    private readonly stop: number,
  ) {}

  static of<T>(items: Iterable<T> = []): Log<T> {
    const buffer = Array.from(items);
    return new Log(buffer, 0, buffer.length);
  }

  get length(): number {
    return this.stop - this.start;
  }

  /** Return an item, counted from the end when `index` is negative. */
  at(index: number): T | undefined {
    const position = index < 0 ? this.stop + index : this.start + index;
    return position < this.start || position >= this.stop ? undefined : this.buffer[position];
  }

  /** Return a log with one more item. */
  append(item: T): Log<T> {
    if (this.buffer.length === this.stop) {
      this.buffer.push(item);
      return new Log(this.buffer, this.start, this.stop + 1);
    }
    const copied = this.slice();
    copied.push(item);
    return new Log(copied, 0, copied.length);
  }

  /** Return a log with these items behind its own. */
  extend(items: Iterable<T>): Log<T> {
    let log: Log<T> = this;
    for (const item of items) log = log.append(item);
    return log;
  }

  /** Return a log without its first `count` items, O(1) amortised. */
  drop(count: number): Log<T> {
    const start = Math.min(this.start + Math.max(count, 0), this.stop);
    if (start === this.stop) return Log.of();
    // Most of the buffer is gone from every later view: let it go from memory too.
    if (start > this.stop - start) return Log.of(this.buffer.slice(start, this.stop));
    return new Log(this.buffer, start, this.stop);
  }

  /** Return the items from `from` to before `to` as an array of their own. */
  slice(from = 0, to = this.length): T[] {
    return this.buffer.slice(this.start + from, Math.min(this.start + to, this.stop));
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let position = this.start; position < this.stop; position += 1) {
      yield this.buffer[position] as T;
    }
  }
}
