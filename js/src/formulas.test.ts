import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Formulas } from "./formulas";
import { formulaSetter } from "./view/markdown/set-formula";

const KEY = Symbol.for("dispatch_nb.formulas.1");
vi.mock("./view/markdown/pacer", () => ({ soon: (work: () => void) => work() }));

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  delete (globalThis as unknown as Record<symbol, unknown>)[KEY];
});

it("asks for the typesetter when the first formula is met, and again until it is here", async () => {
  const ask = vi.fn(() => true);
  const formulas = new Formulas(ask);
  expect(ask).not.toHaveBeenCalled();
  const element = document.createElement("span");
  element.textContent = "x^2";
  formulaSetter(formulas).set(element, "x^2", false);
  formulaSetter(formulas).set(document.createElement("span"), "y", true);
  expect(ask).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(ask).toHaveBeenCalledTimes(2);
  expect(element.textContent).toBe("x^2");
  formulas.provide((source) => `<math><mi>${source}</mi></math>`);
  expect(element.querySelector("math mi")?.textContent).toBe("x^2");
  await vi.advanceTimersByTimeAsync(20_000);
  expect(ask).toHaveBeenCalledTimes(2);
});

it("is loaded once for all chats of a page", () => {
  const [one, other] = [new Formulas(() => true), new Formulas(() => true)];
  const told = vi.fn();
  other.whenReady(told);
  one.provide(() => "<math></math>");
  expect(told).toHaveBeenCalledTimes(1);
  expect(other.typeset).toBe(one.typeset);
});

it("leaves what is no TeX as it was written, and says why", () => {
  const formulas = new Formulas(() => true);
  formulas.provide(() => {
    throw new Error("Expected '}'");
  });
  const element = document.createElement("span");
  element.textContent = "\\frac{";
  formulaSetter(formulas).set(element, "\\frac{", false);
  expect(element.textContent).toBe("\\frac{");
  expect(element.title).toBe("Expected '}'");
});

it("lets nothing of a formula run, load, restyle or lead away", () => {
  const formulas = new Formulas(() => true);
  formulas.provide(
    () =>
      '<math href="javascript:1" id="x" style="color:#f00;position:fixed"><mi class="tml-a jp-b" ' +
      'onclick="1" style="background:url(x);padding-left:0.5em">x</mi><mtext><img src=x></mtext>' +
      '<mspace width="-999em"/><annotation-xml><script>1</script></annotation-xml></math>',
  );
  const element = document.createElement("span");
  formulaSetter(formulas).set(element, "s", false);
  expect(element.innerHTML).toBe(
    '<math style="color:#f00" alttext="s"><mi class="tml-a" style="padding-left:0.5em">x</mi>' +
      "<mtext></mtext><mspace></mspace></math>",
  );
});
