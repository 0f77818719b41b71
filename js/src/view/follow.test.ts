import { beforeEach, describe, expect, it, vi } from "vitest";
import { FollowEnd } from "./follow";

/** A scroller with the sizes that a layout would give it. */
function scroller(): {
  element: HTMLElement;
  grow: (by: number) => void;
  read: (to: number) => void;
} {
  const element = document.createElement("div");
  let [top, height] = [0, 1000];
  Object.defineProperties(element, {
    clientHeight: { get: () => 400 },
    scrollHeight: { get: () => height },
    scrollTop: {
      get: () => top,
      set: (wanted: number) => {
        top = Math.max(0, Math.min(wanted, height - 400));
      },
    },
  });
  const tell = () => element.dispatchEvent(new Event("scroll"));
  return {
    element,
    grow(by) {
      height += by;
      top = Math.min(top, height - 400);
      tell();
    },
    read(to) {
      element.scrollTop = to;
      tell();
    },
  };
}

describe("FollowEnd", () => {
  const changed = vi.fn();
  let log: ReturnType<typeof scroller>;
  let follow: FollowEnd;

  beforeEach(() => {
    changed.mockReset();
    log = scroller();
    follow = new FollowEnd(log.element, document.createElement("div"), changed);
    follow.settle();
  });

  it("stays at the end while the log grows", () => {
    for (const by of [10, 300, 5]) {
      log.grow(by);
      follow.settle();
    }
    expect(log.element.scrollTop).toBe(915);
    expect(changed).not.toHaveBeenCalled();
  });

  it("leaves a reader alone who has scrolled up, until they come back", () => {
    log.read(200);
    log.grow(500);
    follow.settle();
    expect(follow.isFollowing).toBe(false);
    expect(log.element.scrollTop).toBe(200);
    log.read(1090);
    expect(follow.isFollowing).toBe(true);
    log.grow(100);
    follow.settle();
    expect(log.element.scrollTop).toBe(1200);
    expect(changed).toHaveBeenCalledTimes(2);
  });

  it("goes to the end when asked", () => {
    log.read(0);
    follow.follow();
    expect(log.element.scrollTop).toBe(600);
    expect(follow.isFollowing).toBe(true);
  });

  it("keeps following when a fold above makes the log shorter", () => {
    log.grow(-300);
    follow.settle();
    expect(follow.isFollowing).toBe(true);
    expect(log.element.scrollTop).toBe(300);
  });
});
