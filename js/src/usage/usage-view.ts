/** One view of usage: meters, filters, bars, and the transcript that a bar leads to. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import type { Shown } from "../show-widget";
import { icons } from "../view/icons";
import { count } from "../view/words";
import type { UsageBar, UsageHead, UsageLook } from "../wire/types";
import { type ChartContext, legend, lying, standing, table } from "./chart";
import { filters, switches } from "./controls";
import { metersTemplate } from "./meters";
import { stepDetails } from "./step-details";
import { Transcript } from "./transcript";
import { EVERYTHING, type UsageState, type UsageStore } from "./usage-store";

const MEASURES = [
  ["tokens", "Tokens"],
  ["cost", "Cost"],
] as const;
const WAYS = [
  ["time", "Over time"],
  ["model", "By model"],
  ["conversation", "By conversation"],
] as const;

export class UsageView {
  readonly root = document.createElement("div");
  readonly #panel = document.createElement("div");
  readonly #store: UsageStore;
  readonly #transcript: Transcript;
  readonly #unsubscribe: () => void;
  #frame = 0;
  #current: string | null = null;
  #span = "";
  #isTable = false;
  /** What was looked at before one conversation was. */
  #before: UsageLook | null = null;
  /** The bar that was opened, to come back to. */
  #from: string | null = null;

  constructor(store: UsageStore, show: (reference: string) => Promise<Shown>) {
    this.#store = store;
    this.root.className = "dnb-usage";
    // The notebook's own keys and menu would act on the cell while the person works here.
    this.root.setAttribute("data-lm-suppress-shortcuts", "true");
    this.root.setAttribute("data-jp-suppress-context-menu", "");
    this.root.classList.add("lm-suppress-shortcuts");
    for (const name of ["keydown", "keypress", "keyup"]) {
      this.root.addEventListener(name, (event) => event.stopPropagation());
    }
    this.#panel.className = "dnb-chat dnb-usage-panel";
    this.#panel.setAttribute("role", "region");
    this.#panel.setAttribute("aria-label", "Usage");
    this.#transcript = new Transcript(store, show, () => this.#comeBack());
    this.root.append(this.#panel, this.#transcript.element);
    this.#unsubscribe = store.subscribe(() => this.#schedule());
    this.#draw();
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    this.#unsubscribe();
    this.#transcript.close();
    this.root.remove();
  }

  #schedule(): void {
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    this.#frame = 0;
    const state = this.#store.state();
    const { bars, opened } = state;
    if (!bars.some(({ key }) => key === this.#current)) {
      this.#current = bars.filter(({ sums }) => sums.steps > 0).at(-1)?.key ?? null;
    }
    this.#panel.hidden = opened !== null;
    render(this.#template(state), this.#panel);
    this.#transcript.update(state);
    this.#store.painted();
  }

  #template(state: UsageState): TemplateResult {
    const { head, look, isStore, isLoading, trouble, isLive } = state;
    const isAll = isStore && look.conversationId === null;
    return html`${this.#head(state)}
      ${isAll ? filters(look, head, this.#span, this.#store, (days) => this.#choose(days)) : nothing}
      ${trouble === null ? nothing : html`<div class="dnb-word dnb-refused" role="alert">${trouble}</div>`}
      ${
        isLive || isLoading || trouble !== null
          ? nothing
          : html`<div class="dnb-word">These are the figures that the notebook kept.</div>`
      }
      ${
        head === null
          ? html`<div class="dnb-empty">${isLoading ? "Adding up …" : "No figures yet."}</div>`
          : html`${metersTemplate(head)}${this.#chart(state, head, isAll)}`
      }`;
  }

  #head({ head, look, isStore, isLive }: UsageState): TemplateResult {
    const isWithin = isStore && look.conversationId !== null;
    return html`<div class="dnb-usage-head">
      ${
        isWithin
          ? html`<button type="button" class="dnb-quiet dnb-usage-up" @click=${() => this.#leave()}>
              <span class="dnb-usage-left" .innerHTML=${icons.chevron}></span>All conversations</button>`
          : html`<span class="dnb-usage-kicker">Usage</span>`
      }
      <span class="dnb-title">${head?.title ?? ""}</span>
      <span class="dnb-usage-state" role="status">${
        head !== null && head.running > 0 && isLive
          ? html`<span class="dnb-usage-dot"></span>${head.running === 1 ? "Running" : `${count(head.running)} running`}`
          : nothing
      }</span>
      ${
        isWithin
          ? html`<button type="button" class="dnb-quiet" @click=${() => this.#read(look.conversationId ?? "", {})}>
              Open conversation</button>`
          : nothing
      }
    </div>`;
  }

  #chart(state: UsageState, head: UsageHead, isAll: boolean): TemplateResult {
    const { bars, look, shown, isLoading } = state;
    const context = this.#context(state, head);
    const draw = shown.by === "model" || shown.by === "conversation" ? lying : standing;
    const current = bars.find(({ key }) => key === this.#current);
    return html`<div class="dnb-usage-tools">
        ${
          isAll
            ? switches("Bars", WAYS, look.by as "time", (by) => this.#store.look({ by }))
            : this.#pager(state, head)
        }
        <span class="dnb-usage-gap"></span>
        ${switches("Measure", MEASURES, look.measure, (measure) => this.#store.look({ measure }))}
        <button type="button" class="dnb-quiet" aria-pressed=${this.#isTable}
          @click=${() => this.#toggleTable()}>Table</button>
      </div>
      <div class="dnb-usage-drawn" aria-busy=${isLoading}>${
        bars.length === 0
          ? html`<div class="dnb-empty"><div class="dnb-empty-title">Nothing used</div>
              <div>${isAll ? "No step is like that." : "Figures appear with the first answer."}</div></div>`
          : this.#isTable
            ? table(bars, context)
            : html`${draw(bars, context)}${legend(bars, look.measure)}`
      }</div>
      ${
        current?.step === undefined || this.#isTable
          ? nothing
          : stepDetails(current, current.step, {
              isLive: state.isLive,
              open: () => context.open(current),
              openCall: (seq) => this.#read(shown.conversationId ?? "", { seq }),
            })
      }`;
  }

  #context({ shown, look, isLive }: UsageState, head: UsageHead): ChartContext {
    const acts = {
      step: "Click to read it in the transcript",
      time: "Click to see this time alone",
      model: "Click to see this model alone",
      conversation: "Click to see its steps",
    } as const;
    return {
      ...{ measure: look.measure, head, current: this.#current },
      act: isLive ? acts[shown.by] : null,
      choose: (key) => {
        if (key === this.#current) return;
        this.#current = key;
        this.#schedule();
      },
      open: (bar) => this.#open(bar, shown),
    };
  }

  /** Act on a bar as what it was drawn as: an answer may have come since, and not be painted. */
  #open(bar: UsageBar, shown: UsageLook): void {
    if (!this.#store.state().isLive || bar.sums.steps === 0) return;
    this.#current = bar.key;
    if (shown.by === "step") this.#read(shown.conversationId ?? "", { stepId: bar.key });
    else if (shown.by === "model") this.#store.look({ models: [bar.key], by: "time" });
    else if (shown.by === "conversation") {
      this.#before = shown;
      this.#from = bar.key;
      this.#current = null;
      this.#store.look({ ...EVERYTHING, by: "step", conversationId: bar.key });
    } else this.#store.look({ sinceMs: bar.fromMs ?? null, untilMs: bar.toMs ?? null });
  }

  /** Go from one conversation back to all of them, as they were looked at. */
  #leave(): void {
    const { measure } = this.#store.state().look;
    const before = this.#before ?? { ...EVERYTHING, by: "conversation" as const };
    this.#current = this.#from;
    this.#store.look({ ...before, measure });
    this.#focusBar(this.#from);
  }

  /** Show a conversation: where it is on the page already, else in the place of the figures. */
  #read(conversationId: string, at: { stepId?: string; seq?: number }): void {
    if ("stepId" in at) this.#from = at.stepId ?? null;
    const isShown = this.#transcript.shownElsewhere(conversationId) !== null;
    this.#store.open(conversationId, at, !isShown);
  }

  #comeBack(): void {
    this.#focusBar(this.#current);
  }

  #focusBar(key: string | null): void {
    requestAnimationFrame(() => {
      const bars = [...this.#panel.querySelectorAll<HTMLElement>("[data-key]")];
      (bars.find((bar) => bar.dataset.key === key) ?? bars.at(-1))?.focus();
    });
  }

  #pager({ look, bars }: UsageState, head: UsageHead): TemplateResult {
    const { firstBar: first, barCount } = head;
    const last = first + bars.length;
    const go = (before: number | null) => this.#store.look({ before });
    if (barCount <= bars.length) {
      return html`<span class="dnb-usage-range">Every step, by turn</span>`;
    }
    const later = last + bars.length >= barCount ? null : last + bars.length;
    return html`<span class="dnb-usage-pager" role="group" aria-label="Steps">
      <button type="button" class="dnb-quiet" aria-label="Earlier steps" ?disabled=${first === 0}
        @click=${() => go(first)}><span class="dnb-usage-left" .innerHTML=${icons.chevron}></span></button>
      <span class="dnb-usage-range">Steps ${count(first + 1)}–${count(last)} of ${count(barCount)}</span>
      <button type="button" class="dnb-quiet" aria-label="Later steps" ?disabled=${look.before === null || last >= barCount}
        @click=${() => go(later)}><span .innerHTML=${icons.chevron}></span></button>
    </span>`;
  }

  #choose(days: string): void {
    this.#span = days;
  }

  #toggleTable(): void {
    this.#isTable = !this.#isTable;
    this.#schedule();
  }
}
