// Watches one page from before it loads: what comes through its sockets, how smooth it is,
// and when the newest message ends with a certain word.
(() => {
  const seen = { bytes: 0, messages: 0, sent: 0, dropped: 0, comms: 0 };
  const watch = { seen, dropEvery: 0, gaps: [], longTasks: 0 };
  window.__stream = watch;

  const text = new TextDecoder();
  /** The type of a kernel message, in either of the server's framings. */
  const typeOf = (data) => {
    if (typeof data === "string") {
      return JSON.parse(data).header?.msg_type;
    }
    const view = new DataView(data);
    const at = (index) => Number(view.getBigUint64(8 + 8 * index, true));
    return JSON.parse(text.decode(new Uint8Array(data, at(1), at(2) - at(1)))).msg_type;
  };
  const size = (data) =>
    typeof data === "string" ? new Blob([data]).size : (data.byteLength ?? data.size);

  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => {
        seen.bytes += size(data);
        seen.messages += 1;
      });
    }
    send(data) {
      seen.sent += size(data);
      super.send(data);
    }
    set onmessage(handler) {
      super.onmessage = (event) => {
        if (watch.dropEvery > 0 && typeOf(event.data) === "comm_msg") {
          seen.comms += 1;
          if (seen.comms % watch.dropEvery === 0) {
            seen.dropped += 1;
            return;
          }
        }
        handler.call(this, event);
      };
    }
    get onmessage() {
      return super.onmessage;
    }
  };

  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) watch.longTasks += entry.duration;
  }).observe({ type: "longtask" });

  /** Begin to measure; the promise is kept when the tail holds `word`. */
  watch.begin = (tail, word, limitMs) => {
    Object.assign(seen, { bytes: 0, messages: 0, sent: 0, dropped: 0, comms: 0 });
    watch.gaps = [];
    watch.longTasks = 0;
    const started = performance.now();
    let last = started;
    watch.done = new Promise((resolve) => {
      const frame = (now) => {
        watch.gaps.push(now - last);
        last = now;
        const isThere = tail().includes(word);
        if (isThere || performance.now() - started > limitMs) {
          resolve({
            isThere,
            at: (performance.timeOrigin + performance.now()) / 1000,
            ...seen,
            longTasks: watch.longTasks,
            gaps: watch.gaps,
          });
        } else requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
  };
})();
