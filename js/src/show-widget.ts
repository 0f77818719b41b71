/** Showing another widget of the same notebook inside one's own. */
import type { AnyModel } from "@anywidget/types";

/** What of the host's widget manager is needed to show another widget. */
interface Manager {
  get_model(id: string): Promise<unknown>;
  create_view(model: unknown): Promise<Shown>;
}

/** A view of a widget, and what takes it away. */
export interface Shown {
  readonly el: HTMLElement;
  remove(): void;
}

const REFERENCE = "IPY_MODEL_";

/** Return a new view of the widget that `reference` names. */
export async function showWidget(model: AnyModel, reference: string): Promise<Shown> {
  const manager = model.widget_manager as unknown as Manager;
  return manager.create_view(await manager.get_model(reference.slice(REFERENCE.length)));
}
