/** Formulas in the text of one chat: set when the typesetter is here, shown as TeX until then. */
import type { Formulas } from "../../formulas";
import type { FormulaSetter } from "./controls";
import { soon } from "./pacer";
import { sanitizeFormula } from "./sanitize";

/** Return the setter that uses the page's typesetter. */
export function formulaSetter(formulas: Formulas): FormulaSetter {
  const set = (element: HTMLElement, source: string, isDisplay: boolean): void => {
    const { typeset } = formulas;
    if (typeset) soon(() => fill(element, source, isDisplay, typeset));
    else formulas.whenReady(() => set(element, source, isDisplay));
  };
  return { set };
}

function fill(
  element: HTMLElement,
  source: string,
  isDisplay: boolean,
  typeset: NonNullable<Formulas["typeset"]>,
): void {
  try {
    const drawn = sanitizeFormula(typeset(source, isDisplay));
    const math = drawn.querySelector("math");
    if (!math) return;
    // Copying takes the source along, and a reader without MathML hears it.
    math.setAttribute("alttext", source);
    element.replaceChildren(math);
    element.classList.add("dnb-set");
    if (isDisplay) element.tabIndex = 0;
  } catch (error) {
    // No TeX, or none that Temml knows: the source stays, and says why.
    element.title = error instanceof Error ? error.message : String(error);
  }
}
