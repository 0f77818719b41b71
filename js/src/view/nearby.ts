/** Which parts of a long log the reader sees, or is about to see. */

/** A stretch of nodes: from `start` to before `stop`. */
export interface Stretch {
  readonly start: number;
  readonly stop: number;
}

/** Return those of `nodes`, one below the other, that are no further than `margin` px from sight. */
export function nearby(nodes: readonly Element[], scroller: Element, margin: number): Stretch {
  const { top, bottom } = scroller.getBoundingClientRect();
  const below = (edge: number) => (node: Element) => node.getBoundingClientRect().bottom > edge;
  const under = (edge: number) => (node: Element) => node.getBoundingClientRect().top > edge;
  return { start: first(nodes, below(top - margin)), stop: first(nodes, under(bottom + margin)) };
}

/** Run `change` and keep what the reader sees first at its place. */
export function keepingPlace(
  nodes: readonly Element[],
  scroller: Element,
  change: () => void,
): void {
  const seen = nodes[nearby(nodes, scroller, 0).start];
  const before = seen?.getBoundingClientRect().top ?? 0;
  change();
  if (seen?.isConnected) scroller.scrollTop += seen.getBoundingClientRect().top - before;
}

/** Return the place of the first node that `is`; all behind it are too. */
function first(nodes: readonly Element[], is: (node: Element) => boolean): number {
  let [low, high] = [0, nodes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (is(nodes[middle] as Element)) high = middle;
    else low = middle + 1;
  }
  return low;
}
