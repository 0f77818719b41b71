"""The built front end in a bare page, on a model that says what a test makes it say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dispatch_nb.widget.assets import STATIC

TYPES = {"js": "text/javascript", "css": "text/css", "html": "text/html"}

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Host</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/widget.css">
<style>body { margin: 12px; font-family: sans-serif; } main { max-width: 860px; }</style>
<body><main></main><script type="module">
import define from "/widget.js";
const typeset = await (await fetch("/typeset.js")).text();

/** A widget's model as a notebook gives it, and the kernel's voice behind it. */
class Model {
  sent = [];
  #handlers = new Map();
  #next = 1;
  constructor(traits) {
    this.traits = { status: "idle", title: "", model: "", notice: "", queue: [], last_seq: 0,
      totals: {}, saved: null, ...traits };
  }
  get(name) { return this.traits[name]; }
  set() {}
  save_changes() {}
  on(name, handler) {
    this.#handlers.set(name, (this.#handlers.get(name) ?? new Set()).add(handler));
  }
  off(name, handler) { this.#handlers.get(name)?.delete(handler); }
  send(message) {
    this.sent.push(message);
    if (message.type === "fetch") this.say({ type: "file", name: "typeset", text: typeset });
  }
  say(message) { this.#tell("msg:custom", structuredClone(message), []); }
  change(traits) {
    Object.assign(this.traits, traits);
    for (const name of Object.keys(traits)) this.#tell(`change:${name}`);
  }
  #tell(name, ...parts) { for (const each of this.#handlers.get(name) ?? []) each(...parts); }
  snapshot(transcript = {}, settledTools = []) {
    this.say({ type: "snapshot", next: this.#next, settledTools, transcript: {
      committed: [], provisional: [], accumulating: null, currentTurnId: null,
      latestUsage: null, sealedTurnId: null, generating: false, providerRetry: null,
      ...transcript } });
  }
  events(...events) {
    const from = this.#next;
    this.#next += events.length;
    const ids = { conversationId: "c", turnId: "t" };
    this.say({ type: "events", from, upto: this.#next - 1,
      events: events.map((each) => ({ ...ids, ...each })) });
  }
}

window.chats = [];
window.frames_ = (count = 1) => new Promise((done) => {
  const step = () => (count-- > 0 ? requestAnimationFrame(step) : done());
  step();
});
/** Show one more chat; `chats` keeps its model, its element and its way out. */
window.show = (traits = {}) => {
  const definition = define();
  const model = new Model(traits);
  const element = document.querySelector("main").appendChild(document.createElement("div"));
  const stop = definition.initialize({ model });
  const leave = definition.render({ model, el: element });
  const chat = { model, element, close: () => { leave(); stop(); element.remove(); } };
  chats.push(chat);
  return chat;
};
window.clear = () => { for (const chat of chats.splice(0)) chat.close(); };
window.isReady = true;
</script></body></html>"""


@dataclass
class Host:
    """A server of the page, and of a canary: what asked it for something is in `asked`."""

    base: str
    asked: list[str] = field(default_factory=list)

    @property
    def canary(self) -> str:
        """The address that nothing may ask for."""
        return f"{self.base}/canary"


@contextmanager
def running_host(pages: dict[str, str] | None = None) -> Iterator[Host]:
    """Serve the front end and the given pages on loopback."""
    host = Host("")
    made = {"/": PAGE, **(pages or {})}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/")
            if self.path in made:
                self._answer(made[self.path].encode(), "html")
            elif name in ("widget.js", "typeset.js", "widget.css"):
                self._answer((STATIC / name).read_bytes(), name.rpartition(".")[2])
            else:
                host.asked.append(self.path)
                self._answer(b"", "html")

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", TYPES[kind] + "; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
