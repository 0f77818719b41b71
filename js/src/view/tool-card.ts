/** Tool calls: what was asked, how it stands, what came back. */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { ArgumentsView } from "./arguments/arguments-view";
import { OutputView } from "./arguments/output-view";
import { type Folds, folded } from "./folded";
import { icons } from "./icons";
import type { ToolState, ToolView } from "./sections";
import { duration, plural, short } from "./words";

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

/** The nodes of one card that grow: they are drawn without the card. */
export class CallNodes {
  readonly arguments = new ArgumentsView();
  readonly output = new OutputView();

  /** Show more of what is written, or of what the tool writes. */
  grow({ input, output }: { readonly input: string; readonly output: string }): void {
    if (input !== "") this.arguments.write(input);
    else if (output !== "") this.output.show(output);
  }
}

/** Return the calls of one step; several of them as one group. */
export function toolGroup(
  tools: readonly ToolView[],
  key: number,
  folds: Folds,
  nodesOf: (tool: ToolView, index: number) => CallNodes,
): TemplateResult {
  const cards = repeat(
    tools,
    (_, index) => index,
    (tool, index) => toolCard(tool, `${key}.${index}`, folds, nodesOf(tool, index)),
  );
  if (tools.length === 1) return html`<div class="dnb-tools" data-key=${key}>${cards}</div>`;
  const label = `${plural(tools.length, "call")} in one step`;
  return html`<div class="dnb-tools dnb-tools-together" data-key=${key} role="group" aria-label=${label}>
    <div class="dnb-tools-label" aria-hidden="true">${label}</div>
    ${cards}
  </div>`;
}

function toolCard(tool: ToolView, name: string, folds: Folds, nodes: CallNodes): TemplateResult {
  const { call, result, state, durationMs, input, output } = tool;
  const toolName = short(call.toolName, 80);
  const time = durationMs === null ? "" : ` · ${duration(durationMs)}`;
  if (input === null) nodes.arguments.finish(call.input, name, folds);
  nodes.grow({ input: input ?? "", output });
  return html`<div class="dnb-tool" data-tool-name=${call.toolName} data-state=${state}
    role="group" aria-label="Tool call ${toolName}">
    <div class="dnb-tool-head">
      ${
        state === "running" || state === "writing"
          ? html`<span class="dnb-tool-icon dnb-spinner" aria-hidden="true"></span>`
          : html`<span class="dnb-tool-icon" .innerHTML=${STATE_ICONS[state]}></span>`
      }
      <span class="dnb-tool-call"><bdi class="dnb-tool-name">${toolName}</bdi>${nodes.arguments.inline}</span>
      <span class="dnb-tool-state">${STATE_WORDS[state]}${time}</span>
    </div>
    ${nodes.arguments.block}
    ${output === "" ? nothing : nodes.output.element}
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
