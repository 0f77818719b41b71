/** What is known of the step that is pointed at, with the ways into its transcript. */
import { html, nothing, type TemplateResult } from "lit-html";
import { icons } from "../view/icons";
import { count, duration, short } from "../view/words";
import type { UsageBar, UsageCall, UsageStep } from "../wire/types";
import { costOf, tokensOf } from "./stacks";

interface Acts {
  readonly isLive: boolean;
  open(): void;
  openCall(seq: number): void;
}

const TROUBLE = new Set(["error", "aborted", "denied"]);
const TIME = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** Return the details of a step below its chart. */
export function stepDetails(
  { sums, label }: UsageBar,
  step: UsageStep,
  acts: Acts,
): TemplateResult {
  const words = { running: "Running", ok: "", error: "Failed", aborted: "Stopped" }[step.status];
  const facts = [
    step.model,
    `${tokensOf(sums)} tokens`,
    step.status === "running" ? "" : costOf(sums),
    step.ttftS === undefined ? "" : `first token after ${duration(1000 * step.ttftS)}`,
    step.tokensPerS === undefined ? "" : `${count(Math.round(step.tokensPerS))} tokens/s`,
    step.atMs > 0 ? TIME.format(new Date(step.atMs)) : "",
  ].filter((fact) => fact !== "");
  return html`<div class="dnb-usage-step">
    <div class="dnb-usage-step-head">
      <b>${label}</b>
      ${step.attempt > 0 ? html`<span>try ${step.attempt + 1}</span>` : nothing}
      ${
        words === ""
          ? nothing
          : html`<span class="dnb-usage-word" data-status=${step.status}>${words}${
              step.errorType === undefined ? "" : `: ${short(step.errorType, 40)}`
            }</span>`
      }
      <span class="dnb-usage-gap"></span>
      ${
        acts.isLive
          ? html`<button type="button" class="dnb-quiet" @click=${acts.open}>Show in transcript</button>`
          : nothing
      }
    </div>
    <div class="dnb-usage-step-facts">${facts.map((fact) => html`<span>${fact}</span>`)}</div>
    ${
      step.calls.length === 0
        ? nothing
        : html`<div class="dnb-usage-calls" role="group" aria-label="Tool calls">
            ${step.calls.map((call) => callButton(call, acts))}
            ${
              step.callCount > step.calls.length
                ? html`<span class="dnb-usage-range">and ${count(step.callCount - step.calls.length)} more</span>`
                : nothing
            }</div>`
    }
  </div>`;
}

function callButton({ seq, name, status, durationS }: UsageCall, acts: Acts): TemplateResult {
  const isTrouble = TROUBLE.has(status);
  const time = durationS === undefined ? "" : duration(1000 * durationS);
  return html`<button type="button" class="dnb-usage-call" data-status=${status} ?disabled=${!acts.isLive}
    title=${`Show this call in the transcript${isTrouble ? ` (${status})` : ""}`}
    @click=${() => acts.openCall(seq)}>
    <span .innerHTML=${isTrouble ? icons.cross : icons.check}></span><bdi>${short(name, 40)}</bdi>
    ${isTrouble ? html`<span class="dnb-hidden">${status}</span>` : nothing}
    ${time === "" ? nothing : html`<span class="dnb-usage-range">${time}</span>`}</button>`;
}
