/** The anywidget module of usage: the figures, and the chat that was opened from a bar. */
import type { InitializeProps, RenderProps } from "@anywidget/types";
import { showWidget } from "../show-widget";
import { UsageStore } from "./usage-store";
import { UsageView } from "./usage-view";

export default function define() {
  let store: UsageStore | undefined;
  return {
    initialize({ model }: InitializeProps): () => void {
      const own = new UsageStore(model);
      store = own;
      return () => own.close();
    },

    render({ model, el }: RenderProps): () => void {
      if (!store) throw new Error("Figures are initialised before they are shown.");
      const view = new UsageView(store, (reference) => showWidget(model, reference));
      el.append(view.root);
      return () => view.close();
    },
  };
}
