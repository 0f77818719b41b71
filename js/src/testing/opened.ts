/** A chat over a kernel that the test plays, and what it shows. */
import type { ChatStore } from "../chat-state";
import { createChatStore } from "../chat-store";
import { selectChunks, selectMessages } from "../transcript/selectors";
import { modelTransport } from "../transport";
import { FakeKernel } from "./kernel";

export function open(traits = {}): { kernel: FakeKernel; store: ChatStore } {
  const kernel = new FakeKernel(traits);
  return { kernel, store: createChatStore(modelTransport(kernel.proxy())) };
}

export function opened(traits = {}): { kernel: FakeKernel; store: ChatStore } {
  const { kernel, store } = open(traits);
  kernel.snapshot();
  return { kernel, store };
}

export function shown(store: ChatStore): string[] {
  const messages = [...selectMessages(store.state().live.transcript)];
  return messages.flatMap(({ chunks }) =>
    chunks.map((chunk) => ("text" in chunk ? chunk.text : "")),
  );
}

/** The own prompts that are shown as being sent. */
export function beingSent(store: ChatStore): string[] {
  const chunks = [...selectChunks(store.state().live.transcript)];
  return chunks.flatMap(({ chunk, sending }) => (sending && "text" in chunk ? [chunk.text] : []));
}
