/** Where the state is: changed in one place, told to all who listen, the draft kept over reloads. */
import { type ChatState, initialChatState } from "./chat-state";
import { keepDraft, keptDraft } from "./drafts";

export class ChatCell {
  #state = initialChatState();
  readonly #listeners = new Set<() => void>();

  get state(): ChatState {
    return this.#state;
  }

  set(change: Partial<ChatState>): void {
    const { draft, conversationId } = this.#state;
    this.#state = { ...this.#state, ...change };
    if (this.#state.draft !== draft && conversationId !== "") {
      keepDraft(conversationId, this.#state.draft);
    }
    for (const listener of this.#listeners) listener();
  }

  /** Take the first word of which conversation this is: what was being written in it comes back. */
  name(conversationId: string): void {
    if (conversationId === this.#state.conversationId) return;
    const { draft } = this.#state;
    this.set({ conversationId, draft: draft === "" ? keptDraft(conversationId) : draft });
  }

  /** Be told after each change; returns what ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#listeners.clear();
  }
}
