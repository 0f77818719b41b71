/**
 * Stands in for the package `linkify-it` in the bundle: markdown-it makes one, and never asks it
 * while its option `linkify` is off. `bare-links.ts` finds addresses in text.
 */
export default class LinkifyIt {}
