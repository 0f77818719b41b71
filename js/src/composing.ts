/** What the person writes, with the images that go along, until it is said. */
import { type Attachment, readImages, recallImages } from "./attachments";
import type { ChatCell } from "./chat-cell";
import { isOnline } from "./chat-state";
import type { StoredImages } from "./stored-images";

const NOT_WHILE_RUNNING =
  "Images cannot be added to a running turn: send them when it has ended, or take them away.";

export class Composing {
  readonly #cell: ChatCell;
  readonly #images: StoredImages;
  readonly #newId: () => string;
  readonly #say: (text: string, attachments: readonly Attachment[]) => void;

  /** `say` is called with what is to be said. */
  constructor(
    cell: ChatCell,
    images: StoredImages,
    newId: () => string,
    say: (text: string, attachments: readonly Attachment[]) => void,
  ) {
    this.#cell = cell;
    this.#images = images;
    this.#newId = newId;
    this.#say = say;
  }

  edit(draft: string): void {
    if (draft !== this.#cell.state.draft) this.#cell.set({ draft, refused: null });
  }

  async attach(files: readonly File[]): Promise<void> {
    const { attachments: already } = this.#cell.state;
    const { attachments, refused } = await readImages(files, already, this.#newId);
    const all = [...this.#cell.state.attachments, ...attachments];
    this.#cell.set({ attachments: all, notice: refused });
  }

  detach(id: string): void {
    const attachments = this.#cell.state.attachments.filter((each) => each.id !== id);
    this.#cell.set({ attachments, notice: null });
  }

  submit(): void {
    const { state } = this.#cell;
    const text = state.draft.trim();
    if (text === "" || !isOnline(state)) return;
    if (state.status !== "idle" && state.attachments.length > 0) {
      this.#cell.set({ notice: NOT_WHILE_RUNNING });
      return;
    }
    this.#cell.set({ draft: "", attachments: [] });
    this.#say(text, state.attachments);
  }

  send(text: string, images: readonly string[]): void {
    if (!isOnline(this.#cell.state)) return;
    if (images.length === 0) this.#say(text, []);
    else void this.#recalled(images).then((attachments) => this.#say(text, attachments));
  }

  recall(text: string, images: readonly string[]): void {
    this.edit(text);
    void this.#recalled(images).then((attachments) => this.#cell.set({ attachments }));
  }

  #recalled(images: readonly string[]): Promise<readonly Attachment[]> {
    return recallImages(images, this.#images, this.#newId);
  }
}
