/** The anywidget module: one store per model, a view for each place where it is shown. */
import type { InitializeProps, RenderProps } from "@anywidget/types";
import type { ChatStore } from "./chat-state";
import { createChatStore } from "./chat-store";
import { modelTransport } from "./transport";
import { mountChat } from "./view/chat-view";

/**
 * Make the definition for one model. A host gives each of its calls another wrapper of the
 * model, so that the store cannot be found by it.
 */
export default function define() {
  let store: ChatStore | undefined;
  return {
    /** Begin to listen: what the kernel says before any view exists must not be lost. */
    initialize({ model }: InitializeProps): () => void {
      const own = createChatStore(modelTransport(model));
      store = own;
      return () => own.close();
    },

    /** Show the conversation in `el`. */
    render({ el }: RenderProps): () => void {
      if (!store) throw new Error("A chat is initialised before it is shown.");
      return mountChat(el, store);
    },
  };
}
