/** What there is to say about the way to the kernel. */
import type { ChatState } from "../chat-state";

/** Return a sentence where no kernel hears; null otherwise. */
export function connectionWord({ connection }: ChatState): string | null {
  switch (connection) {
    case "saved":
      return "No kernel: showing the saved conversation";
    case "absent":
      return "No answer from the kernel: it is busy or not running";
    case "lost":
      return "The kernel was restarted or has ended. What is shown stays; run the cell again to go on.";
    case "live":
    case "waiting":
      return null;
    default:
      connection satisfies never;
      return null;
  }
}
