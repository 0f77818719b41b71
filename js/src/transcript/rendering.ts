/**
 * What selectors keep of one state for the next: whatever has not changed is there already.
 *
 * Every buffer of chunks has one `Rendering` that grows with it.
 */

import type { ChatMessage, Chunk, ProvisionalChunk, Role, StoredChunk } from "../wire/types";
import { Log } from "./log";

/**
 * A chunk in its place; `seq` is null while it is provisional, `streaming` while it grows.
 * `sending` is an own prompt that no event has confirmed yet.
 */
export interface RenderedChunk {
  readonly seq: number | null;
  readonly role: Role;
  readonly chunk: Chunk;
  readonly provisional: boolean;
  readonly streaming: boolean;
  readonly sending?: true;
}

/** What `Joined` reads: arrays and logs. */
interface Part<T> extends Iterable<T> {
  readonly length: number;
  at(index: number): T | undefined;
}

/** A few sequences read as one. */
export class Joined<T> implements Iterable<T> {
  readonly length: number;

  constructor(private readonly parts: readonly Part<T>[]) {
    this.length = parts.reduce((sum, part) => sum + part.length, 0);
  }

  /** Return an item, counted from the end when `index` is negative. */
  at(index: number): T | undefined {
    let place = index < 0 ? this.length + index : index;
    if (place < 0) return undefined;
    for (const part of this.parts) {
      if (place < part.length) return part.at(place);
      place -= part.length;
    }
    return undefined;
  }

  /** Return an array of what `change` makes of each item. */
  map<S>(change: (item: T, index: number) => S): S[] {
    return Array.from(this, change);
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const part of this.parts) yield* part;
  }
}

/** Neighbouring chunks of one role, from `start` to before `stop` in their buffer. */
export interface Run {
  readonly rendering: Rendering;
  readonly role: Role;
  readonly start: number;
  readonly stop: number;
}

/** The runs of a log; `last` is null when the first is the only one. */
export interface Runs {
  readonly first: Run;
  readonly between: Log<ChatMessage>;
  readonly last: Run | null;
}

type Source = StoredChunk | ProvisionalChunk;

/** The chunks of one buffer as they are shown, and the messages that they make. */
export class Rendering {
  #chunks = Log.of<RenderedChunk>();
  /** Where runs begin, up to a place, and the messages of all but the last of them. */
  #scanned = { stop: 0, starts: Log.of<number>(), messages: Log.of<ChatMessage>() };
  readonly #made = new Map<number, { runs: readonly Run[]; message: ChatMessage }>();

  /** Return the items of a log, rendered; only what is new in its buffer is work. */
  render(log: Log<Source>): Log<RenderedChunk> {
    const [start, stop] = log.stretch;
    const known = this.#chunks.length;
    if (known < stop) {
      this.#chunks = this.#chunks.extend(renderedItems(log.fromOrigin().view(known, stop)));
    }
    return this.#chunks.view(start, stop);
  }

  /** Return the runs of a log that is rendered and not empty. */
  runs([start, stop]: readonly [number, number]): Runs {
    const { stop: scanned, starts, messages } = this.#scan(stop);
    const first = start === 0 ? 0 : countBelow(starts, start + 1) - 1;
    const last = (stop === scanned ? starts.length : countBelow(starts, stop)) - 1;
    const none = messages.view(0, 0);
    if (first === last) return { first: this.#run(start, stop), between: none, last: null };
    return {
      first: this.#run(start, starts.at(first + 1) as number),
      between: messages.view(first + 1, last),
      last: this.#run(starts.at(last) as number, stop),
    };
  }

  /** Return the chunks of a run. */
  chunksOf({ start, stop }: Run): Chunk[] {
    return this.#chunks.slice(start, stop).map(({ chunk }) => chunk);
  }

  /**
   * Return the message of neighbouring runs, the last of which is of this buffer.
   *
   * It is the same object as long as nothing is added to them.
   */
  message(runs: readonly [Run, ...Run[]]): ChatMessage {
    const start = (runs.at(-1) as Run).start;
    const known = this.#made.get(start);
    if (known && isSame(known.runs, runs)) return known.message;
    const chunks = runs.flatMap((run) => run.rendering.chunksOf(run));
    const message = { role: runs[0].role, chunks };
    this.#made.set(start, { runs, message });
    return message;
  }

  #run(start: number, stop: number): Run {
    const role = (this.#chunks.at(start) as RenderedChunk).role;
    return { rendering: this, role, start, stop };
  }

  #scan(stop: number) {
    let { stop: place, starts, messages } = this.#scanned;
    if (place >= stop) return this.#scanned;
    for (; place < stop; place += 1) {
      const begun = starts.at(-1);
      if (begun !== undefined) {
        if (this.#chunks.at(place)?.role === this.#chunks.at(place - 1)?.role) continue;
        messages = messages.append(this.message([this.#run(begun, place)]));
      }
      starts = starts.append(place);
    }
    this.#scanned = { stop, starts, messages };
    return this.#scanned;
  }
}

/** Return the chunks of a log as they are shown, each made once. */
export function renderedChunks(log: Log<Source>): Log<RenderedChunk> {
  return renderingOf(log).render(log);
}

/** Return the runs of a log; null if it is empty. */
export function runsOf(log: Log<Source>): Runs | null {
  if (log.length === 0) return null;
  renderedChunks(log);
  return renderingOf(log).runs(log.stretch);
}

function renderingOf(log: Log<Source>): Rendering {
  return log.shared(newRendering);
}

function newRendering(): Rendering {
  return new Rendering();
}

function* renderedItems(items: Iterable<Source>): Iterable<RenderedChunk> {
  for (const item of items) {
    const seq = "seq" in item ? item.seq : null;
    const { role, chunk } = item;
    yield { seq, role, chunk, provisional: seq === null, streaming: false };
  }
}

/** Return how many of the ascending numbers are smaller than `bound`. */
function countBelow(numbers: Log<number>, bound: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers.at(middle) as number) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isSame(some: readonly Run[], others: readonly Run[]): boolean {
  return (
    some.length === others.length &&
    some.every((run, index) => {
      const other = others[index];
      const isSameStretch = run.start === other?.start && run.stop === other.stop;
      return isSameStretch && run.rendering === other.rendering;
    })
  );
}
