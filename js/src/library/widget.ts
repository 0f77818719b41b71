/** The anywidget module of a store: a list, and the chat that was opened from it. */
import type { InitializeProps, RenderProps } from "@anywidget/types";
import { showWidget } from "../show-widget";
import { LibraryStore } from "./library-store";
import { LibraryView } from "./library-view";

export default function define() {
  let store: LibraryStore | undefined;
  return {
    initialize({ model }: InitializeProps): () => void {
      const own = new LibraryStore(model);
      store = own;
      return () => own.close();
    },

    render({ model, el }: RenderProps): () => void {
      if (!store) throw new Error("A list is initialised before it is shown.");
      const view = new LibraryView(store, (reference) => showWidget(model, reference));
      el.append(view.root);
      return () => view.close();
    },
  };
}
