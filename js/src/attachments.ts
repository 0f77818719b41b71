/** Images that the person adds to a message: read from files, bounded, or refused in words. */
import { isStored, type StoredImages } from "./stored-images";

/** An image that waits in the composer. */
export interface Attachment {
  readonly id: string;
  readonly name: string;
  /** What is sent: all of it, as a data: URL, or the address that the conversation has it by. */
  readonly data: string;
  /** What is shown of it, a data: URL; null where it is on the web, or not here. */
  readonly preview: string | null;
  /** Bytes that are sent. */
  readonly size: number;
}

/** What became of some files. */
export interface Attached {
  readonly attachments: readonly Attachment[];
  /** Why some were not taken; null when all were. */
  readonly refused: string | null;
}

const KINDS = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** What a file chooser shall offer. */
export const ACCEPTED = KINDS.join(",");

// A notebook server closes a connection that brings a message of more than 10 MiB, and base64
// needs four characters for three bytes.
const MOST_BYTES = 6 * 2 ** 20;
const HOW = "call chat.send(…, images=[…]) in a cell";

/** Read files beside those that are attached already. */
export async function readImages(
  files: Iterable<File>,
  already: readonly Attachment[],
  newId: () => string,
): Promise<Attached> {
  const attachments: Attachment[] = [];
  let room = MOST_BYTES - already.reduce((sum, { size }) => sum + size, 0);
  let refused: string | null = null;
  for (const file of files) {
    if (!KINDS.includes(file.type)) {
      refused = `${file.name} was not added: only PNG, JPEG, GIF and WebP images are.`;
    } else if (file.size > room) {
      refused = `${file.name} was not added: more than 6 MB cannot be sent from here; ${HOW}.`;
    } else {
      try {
        const data = await asDataUrl(file);
        attachments.push({ id: newId(), name: file.name, data, preview: data, size: file.size });
        room -= file.size;
      } catch {
        refused = `${file.name} was not added: it cannot be read.`;
      }
    }
  }
  return { attachments, refused };
}

/** Return the images of an earlier message as those of a new one, when they are known. */
export function recallImages(
  urls: readonly string[],
  images: StoredImages,
  newId: () => string,
): Promise<readonly Attachment[]> {
  const recalled = urls.map(
    (url, index) =>
      new Promise<Attachment>((resolve) => {
        const name = `image ${index + 1}`;
        const take = (preview: string | null) =>
          resolve({ id: newId(), name, data: url, preview, size: 0 });
        if (isStored(url)) images.load(url, take);
        else take(null);
      }),
  );
  return Promise.all(recalled);
}

/** Return the files of a paste or a drop; empty when it brings text alone. */
export function filesOf(transfer: DataTransfer | null): File[] {
  return [...(transfer?.files ?? [])];
}

function asDataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
