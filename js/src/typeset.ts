/** The second file: Temml, which turns TeX into MathML. Loaded when a formula is met. */
import temml from "temml";

/** Return MathML for `source`; throws where it is not TeX, or asks for more than a formula. */
export function typeset(source: string, isDisplay: boolean): string {
  return temml.renderToString(source, {
    displayMode: isDisplay,
    throwOnError: true,
    // No links, classes, styles or identifiers from the source.
    trust: false,
    maxExpand: 200,
    maxSize: [6, 6],
  });
}
