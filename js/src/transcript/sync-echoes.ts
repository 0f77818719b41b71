/**
 * Which stored chunk each prompt that its sender sees at once has become.
 *
 * Source: the Dispatch transcript contract, D.6.4.
 */

import { type Echo, indexAfter, isDoubtful, lastSeq, type Row, type SyncState } from "./sync-state";

/** Return the echoes, each with the row that is its stored twin, if it has one. */
export function alignEchoes(sync: SyncState): readonly Echo[] {
  if (sync.echoes.length === 0) return sync.echoes;
  const { rows, tracks } = sync;
  const owners = new Set(tracks.map(({ turnId }) => turnId));
  const isTaken = (seq: number) =>
    tracks.some(({ start, cursor }) => start !== null && start <= seq && seq <= cursor);
  let at = 0;
  return sync.echoes.map((echo) => {
    if (echo.after >= lastSeq(sync)) return { ...echo, row: null };
    for (let index = Math.max(at, indexAfter(rows, echo.after)); index < rows.length; index += 1) {
      const { stored, turnId } = rows.at(index) as Row;
      const { chunk, role, seq } = stored;
      const isSame = role === "user" && chunk.type === "text" && chunk.text === echo.text;
      const isFree = (turnId === null || !owners.has(turnId)) && !isTaken(seq);
      if (isSame && isFree && !isDoubtful(rows, echo.known, index)) {
        at = index + 1;
        return { ...echo, row: seq };
      }
    }
    return { ...echo, row: null };
  });
}
