/** The anywidget module of a store: a list, and the chat that was opened from it. */
import type { AnyModel, InitializeProps, RenderProps } from "@anywidget/types";
import { LibraryStore } from "./library-store";
import { LibraryView } from "./library-view";

/** What of the host's widget manager is needed to show another widget. */
interface Manager {
  get_model(id: string): Promise<unknown>;
  create_view(model: unknown): Promise<{ el: HTMLElement; remove(): void }>;
}

const REFERENCE = "IPY_MODEL_";

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

/** Return the element of a view of another widget, and what takes it away. */
async function showWidget(
  model: AnyModel,
  reference: string,
): Promise<{ el: HTMLElement; remove(): void }> {
  const manager = model.widget_manager as unknown as Manager;
  return manager.create_view(await manager.get_model(reference.slice(REFERENCE.length)));
}
