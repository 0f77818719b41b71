/**
 * Changes shown nodes into what was drawn anew, and touches only what differs: text grows in
 * place, so that a selection in it stays, and whatever is the same keeps its nodes.
 */
import { frameOf } from "./code-frame";
import { type FormulaSetter, markOf, mount } from "./controls";

/** Make the children `shown` of `parent` look like `drawn`; return what they are now. */
export function patch(
  parent: Node,
  shown: readonly ChildNode[],
  drawn: readonly ChildNode[],
  setter: FormulaSetter,
): ChildNode[] {
  const next = shown.at(-1)?.nextSibling ?? null;
  let same = 0;
  while (same < shown.length && same < drawn.length) {
    if (!grow(shown[same] as ChildNode, drawn[same] as ChildNode, setter)) break;
    same += 1;
  }
  for (const node of shown.slice(same)) node.remove();
  const added = drawn.slice(same).map((node) => mount(node, setter));
  // At once: for each child that comes by itself the browser looks at the others again.
  const together = document.createDocumentFragment();
  for (const node of added) together.append(node);
  if (added.length > 0) parent.insertBefore(together, next);
  return [...shown.slice(0, same), ...added];
}

function grow(shown: ChildNode, drawn: ChildNode, setter: FormulaSetter): boolean {
  if (shown instanceof Text && drawn instanceof Text) {
    growText(shown, drawn.data);
    return true;
  }
  if (!(shown instanceof Element && drawn instanceof Element)) return false;
  const frame = frameOf(shown);
  if (frame) {
    if (!(drawn instanceof HTMLPreElement) || drawn.dataset.language !== frame.language) {
      return false;
    }
    frame.show(drawn.textContent ?? "");
    return true;
  }
  const mark = markOf(drawn);
  if (mark !== null) return mark === markOf(shown);
  if (shown.tagName !== drawn.tagName || !hasSameAttributes(shown, drawn)) return false;
  if (markOf(shown) !== null) return false;
  patch(shown, [...shown.childNodes], [...drawn.childNodes], setter);
  return true;
}

function growText(shown: Text, text: string): void {
  if (shown.data === text) return;
  if (text.startsWith(shown.data)) {
    shown.appendData(text.slice(shown.length));
    return;
  }
  let same = 0;
  while (text[same] === shown.data[same] && same < text.length) same += 1;
  shown.replaceData(same, shown.length - same, text.slice(same));
}

function hasSameAttributes(one: Element, other: Element): boolean {
  const names = one.getAttributeNames();
  return (
    names.length === other.getAttributeNames().length &&
    names.every((name) => one.getAttribute(name) === other.getAttribute(name))
  );
}
