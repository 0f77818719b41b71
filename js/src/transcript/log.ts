/** An immutable sequence that grows at its end without being copied. */

/** What is derived from a buffer's items once for all its views, by what makes it. */
const derived = new WeakMap<object, Map<unknown, unknown>>();

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
    const added = Array.isArray(items) ? (items as readonly T[]) : [...items];
    if (added.length === 0) return this;
    const isNewest = this.buffer.length === this.stop;
    const buffer = isNewest ? this.buffer : this.slice();
    for (const item of added) buffer.push(item);
    return new Log(buffer, isNewest ? this.start : 0, buffer.length);
  }

  /** Return a log without its first `count` items, O(1) amortised. */
  drop(count: number): Log<T> {
    const start = Math.min(this.start + Math.max(count, 0), this.stop);
    if (start === this.stop) return new Log<T>([], 0, 0);
    // Most of the buffer is gone from every later view: let it go from memory too.
    if (start > this.stop - start) return Log.of(this.buffer.slice(start, this.stop));
    return new Log(this.buffer, start, this.stop);
  }

  /**
   * Return the one object from `make` that all views of this buffer have in common.
   *
   * It is a place for what can be derived from items once and for all: they never change.
   */
  shared<S>(make: () => S): S {
    const known = derived.get(this.buffer) ?? new Map<unknown, unknown>();
    if (known.size === 0) derived.set(this.buffer, known);
    const found = (known.get(make) as S | undefined) ?? make();
    known.set(make, found);
    return found;
  }

  /** Return where in the buffer this view begins and ends. */
  get stretch(): readonly [start: number, stop: number] {
    return [this.start, this.stop];
  }

  /** Return this view with everything that its buffer still has before it. */
  fromOrigin(): Log<T> {
    return new Log(this.buffer, 0, this.stop);
  }

  /** Return the items from `start` to before `stop`, both within the log, uncopied. */
  view(start: number, stop: number): Log<T> {
    return new Log(this.buffer, this.start + start, this.start + stop);
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

/** Return the position of the first item with a higher `seq`; they ascend by it. */
export function positionAfter<T>(log: Log<T>, seq: number, seqOf: (item: T) => number): number {
  const first = log.at(0);
  if (first === undefined || seqOf(first) > seq) return 0;
  const guess = Math.min(seq - seqOf(first) + 1, log.length);
  // No gaps up to here, as the contract promises.
  if (seqOf(log.at(guess - 1) as T) === seq) return guess;
  let [low, high] = [0, log.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (seqOf(log.at(middle) as T) <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
