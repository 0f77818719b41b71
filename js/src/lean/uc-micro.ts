/** Stands in for the package `uc.micro` in the bundle: regular expressions know Unicode by now. */
export const P = /\p{P}/u;
export const S = /\p{S}/u;
