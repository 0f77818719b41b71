/** Tool calls: what was asked, how it stands, what came back. */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { type Folds, folded } from "./folded";
import { icons } from "./icons";
import type { ToolState, ToolView } from "./sections";
import { duration, inlineInput, plural, short } from "./words";

const INLINE_CHARACTERS = 72;
const LIVE_LINES = 12;
const STATE_WORDS: Record<ToolState, string> = {
  writing: "Writing arguments",
  running: "Running",
  done: "Done",
  error: "Failed",
  aborted: "Stopped",
};
const STATE_ICONS: Record<Exclude<ToolState, "running" | "writing">, string> = {
  done: icons.check,
  error: icons.cross,
  aborted: icons.slash,
};

/** Return the calls of one step; several of them as one group. */
export function toolGroup(tools: readonly ToolView[], key: number, folds: Folds): TemplateResult {
  const cards = repeat(
    tools,
    (_, index) => index,
    (tool, index) => toolCard(tool, `${key}.${index}`, folds),
  );
  if (tools.length === 1) return html`<div class="dnb-tools" data-key=${key}>${cards}</div>`;
  const label = `${plural(tools.length, "call")} in one step`;
  return html`<div class="dnb-tools dnb-tools-together" data-key=${key} role="group" aria-label=${label}>
    <div class="dnb-tools-label" aria-hidden="true">${label}</div>
    ${cards}
  </div>`;
}

function toolCard(tool: ToolView, name: string, folds: Folds): TemplateResult {
  const { call, result, state, durationMs, input, output } = tool;
  const inline = input === null ? inlineInput(call.input, INLINE_CHARACTERS) : partial(input);
  const toolName = short(call.toolName, 80);
  const time = durationMs === null ? "" : ` · ${duration(durationMs)}`;
  return html`<div class="dnb-tool" data-tool-name=${call.toolName} data-state=${state}
    role="group" aria-label="Tool call ${toolName}">
    <div class="dnb-tool-head">
      ${
        state === "running" || state === "writing"
          ? html`<span class="dnb-tool-icon dnb-spinner" aria-hidden="true"></span>`
          : html`<span class="dnb-tool-icon" .innerHTML=${STATE_ICONS[state]}></span>`
      }
      <span class="dnb-tool-call"><bdi class="dnb-tool-name">${toolName}</bdi>${
        inline === null ? nothing : html`<span class="dnb-tool-inline">${inline}</span>`
      }</span>
      <span class="dnb-tool-state">${STATE_WORDS[state]}${time}</span>
    </div>
    ${state === "writing" && inline === null ? html`<div class="dnb-tool-part">${tail(input ?? "", `Arguments of ${toolName} so far`)}</div>` : nothing}
    ${output === "" ? nothing : html`<div class="dnb-tool-part dnb-tool-output">${tail(output, `Output of ${toolName}`)}</div>`}
    ${inline === null && input === null ? html`<div class="dnb-tool-part">${longInput(call.input, name, folds)}</div>` : nothing}
    ${
      result === null || (state === "aborted" && result.content === "Aborted")
        ? nothing
        : html`<div class="dnb-tool-part dnb-tool-result">${
            result.content === ""
              ? html`<span class="dnb-faint">The tool gave back no text.</span>`
              : folded(result.content, `${name}.result`, `Result of ${toolName}`, folds)
          }</div>`
    }
  </div>`;
}

/** Arguments that are still coming, on one line as long as they fit; else null. */
function partial(input: string): string | null {
  return input.length <= INLINE_CHARACTERS && !input.includes("\n") && !input.includes("\\n")
    ? input
    : null;
}

/** The newest lines of what is still growing. */
function tail(text: string, label: string): TemplateResult {
  const lines = text.slice(-4_000).replace(/\n$/, "").split("\n").slice(-LIVE_LINES);
  return html`<pre class="dnb-plain" tabindex="0" role="group" aria-label=${label}>${lines.join("\n")}</pre>`;
}

/** Text inside arguments, a program for instance, stands as it is, not as JSON with escapes. */
function longInput(input: unknown, name: string, folds: Folds): TemplateResult {
  if (input === null || typeof input !== "object" || Array.isArray(input)) {
    return folded(shown(input), `${name}.input`, "Arguments", folds);
  }
  return html`<dl class="dnb-arguments">${Object.entries(input).map(
    ([argument, value]) =>
      html`<dt>${argument}</dt><dd>${folded(shown(value), `${name}.input.${argument}`, argument, folds)}</dd>`,
  )}</dl>`;
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
}
