/** Return a maker of ids that no other page makes: two may act on one conversation. */
export function requestIds(): () => string {
  const prefix = crypto
    .getRandomValues(new Uint32Array(2))
    .reduce((word, part) => word + part.toString(36), "");
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}-${count}`;
  };
}
