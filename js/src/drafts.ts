/** What the person was writing, kept by the browser tab over a reload of the page. */

const PREFIX = "dispatch_nb.draft.";

/** Return the draft of a conversation that this tab kept, or nothing. */
export function keptDraft(conversationId: string): string {
  return storage()?.getItem(PREFIX + conversationId) ?? "";
}

/** Keep the draft of a conversation for as long as the tab lives. */
export function keepDraft(conversationId: string, draft: string): void {
  if (draft === "") storage()?.removeItem(PREFIX + conversationId);
  else storage()?.setItem(PREFIX + conversationId, draft);
}

/** The tab's storage; a notebook in a sandboxed frame has none and may not even ask. */
function storage(): Storage | null {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null;
  }
}
