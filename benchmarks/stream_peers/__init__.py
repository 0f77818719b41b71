"""The ways to show a stream in a notebook, each a module with `show` and `stream`.

``show(history)`` returns what a cell displays, with `history` earlier messages;
``await stream(tokens, rate)`` hands the tokens over, `rate` a second or as fast as the
way goes (0), and returns the wall-clock time of the first and of the last one.
"""

__all__ = ["TAILS"]


def _last(selector: str) -> str:
    return f"() => [...document.querySelectorAll('{selector}')].at(-1)?.textContent ?? ''"


TAILS = {
    "raw": _last(".floor-tail"),
    "outbox": _last(".dnb-section"),
    "whole": _last(".dnb-section"),
    "list_trait": _last(".list-trait > :last-child"),
    "html_widget": _last(".widget-html-content"),
    "markdown": _last(".jp-RenderedMarkdown"),
    # Panel draws into shadow roots: the text of all outputs, gathered through them.
    "panel_chat": """() => {
  const gather = node => node.nodeType === Node.TEXT_NODE ? node.data
    : node.tagName === 'STYLE' || node.tagName === 'SCRIPT' ? ''
    : [...(node.shadowRoot ? [node.shadowRoot] : []), ...node.childNodes].map(gather).join('');
  return [...document.querySelectorAll('.jp-OutputArea-output')].map(gather).join(' ');
}""",
}
"""For each way the JavaScript that returns the text of the newest message on the page."""
