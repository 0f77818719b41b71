/** Work that can wait is done in small pieces, so that the page never stands still for it. */

const SLICE_MS = 8;
const PAUSE_MS = 4;

const waiting: (() => void)[] = [];
let sliceStart = Number.NEGATIVE_INFINITY;
let isPausing = false;

/** Do `work` now if this slice of time is not used up, else in one of the next. */
export function soon(work: () => void): void {
  const now = performance.now();
  if (now - sliceStart > SLICE_MS + PAUSE_MS && !isPausing) sliceStart = now;
  if (waiting.length === 0 && now - sliceStart < SLICE_MS) work();
  else {
    waiting.push(work);
    pause();
  }
}

function pause(): void {
  if (isPausing) return;
  isPausing = true;
  setTimeout(() => {
    isPausing = false;
    sliceStart = performance.now();
    do waiting.shift()?.();
    while (waiting.length > 0 && performance.now() - sliceStart < SLICE_MS);
    if (waiting.length > 0) pause();
  }, PAUSE_MS);
}
