/** Focus that a drawing would lose: a button that goes takes it along, and the notebook's keys act. */

/**
 * Note where the focus in `root` is; the returned function, called after the drawing, moves it to
 * what `instead` names if its element went or was switched off.
 */
export function keepFocus(
  root: HTMLElement,
  instead: (lost: Element) => HTMLElement | null,
): () => void {
  const focused = activeIn(root);
  if (focused === null || focused === root) return () => {};
  // Where it stood is known only now.
  const next = instead(focused);
  return () => {
    const isThere = root.contains(focused) && !focused.matches(":disabled") && isSeen(focused);
    if (isThere) return;
    const now = activeIn(root);
    if (now === null ? !isNowhere(root) : now !== focused) return;
    next?.focus({ preventScroll: true });
  };
}

function activeIn(root: HTMLElement): Element | null {
  const { activeElement } = root.getRootNode() as Document | ShadowRoot;
  return activeElement && root.contains(activeElement) ? activeElement : null;
}

/** Whether nothing at all has the focus: no one has moved it meanwhile. */
function isNowhere(root: HTMLElement): boolean {
  const { activeElement } = root.ownerDocument;
  return activeElement === null || activeElement === root.ownerDocument.body;
}

function isSeen(element: Element): boolean {
  return element.checkVisibility?.() ?? true;
}
