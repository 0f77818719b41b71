"""What went wrong with a request, as a sentence: what, where, and what to do about it."""

from __future__ import annotations

import difflib
import http
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..engine.contracts import Failure
from .chat_errors import error_words, excerpt, retry_after_ms
from .endpoints import Endpoint

__all__ = ["Asked", "http_failure", "is_unknown_model", "with_names"]

_CONTEXT_CODES = {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
_CONTEXT_WORDS = re.compile(
    r"maximum context length|context (window|length|size)|prompt is too long|ContextWindowExceeded"
    r"|input is too long|too many (input )?tokens",
    re.IGNORECASE,
)
# "… 213000 tokens > 200000 maximum"; "maximum context length is 4096 tokens … 5000 tokens".
_TOO_LONG = (
    re.compile(r"(?P<sent>\d[\d,]*) tokens? > (?P<fit>\d[\d,]*)"),
    re.compile(
        r"(?:length|window|size) (?:is|of) (?P<fit>\d[\d,]*).*?(?P<sent>\d[\d,]*) tokens", re.DOTALL
    ),
    re.compile(r"(?P<sent>\d[\d,]*) tokens\)? exceeds .*?\(?(?P<fit>\d[\d,]*) tokens", re.DOTALL),
)
_FILTER_CODES = {
    "content_filter",
    "content_policy_violation",
    "responsibleaipolicyviolation",
    "invalid_prompt",
    "moderation",
}
_MODEL_CODES = {"model_not_found", "invalid_model", "model_not_available", "model_not_exist"}
_MODEL_WORDS = re.compile(
    r"model\b.{0,80}(not (found|exist|available|supported)|does ?n[o']t exist|unknown|invalid)"
    r"|(invalid|unknown|no such|not a valid) model|^model: ",
    re.IGNORECASE | re.DOTALL,
)
_NO_CREDIT = {"insufficient_quota", "billing_hard_limit_reached", "insufficient_credits"}
_PAGE = re.compile(r"^\s*<(!doctype|html|head|body)", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was asked for what, as far as a sentence may say it."""

    url: str
    base_url: str
    endpoint: Endpoint
    model: str
    has_key: bool


@dataclass(frozen=True, slots=True)
class _Said:
    """What an error answer says: the provider's own words, its code and its type."""

    words: str
    code: str
    kind: str
    body: Any

    def is_any(self, codes: Iterable[str]) -> bool:
        return not {self.code.lower(), self.kind.lower()}.isdisjoint(codes)


def http_failure(asked: Asked, status: int, headers: Mapping[str, str], text: str) -> Failure:
    """Return the failure of a request that was answered with an HTTP error status."""
    said = _said(text)
    try:
        phrase = f"{status} ({http.HTTPStatus(status).phrase})"
    except ValueError:
        phrase = str(status)
    who = f"{asked.endpoint.title} answered" if _is_own(asked) else f"{asked.url} answered"
    sentence = f"{who} HTTP {phrase}: {_ended(said.words or 'no explanation')}"
    return Failure(
        " ".join(filter(None, (sentence, _advice(asked, status, headers, said)))),
        code=str(status),
        retryable=(status in (408, 409, 429) or status >= 500) and not said.is_any(_NO_CREDIT),
        retry_after_ms=retry_after_ms(headers),
        status=status,
        reason=said.code or said.kind or None,
    )


def is_unknown_model(status: int, text: str) -> bool:
    """Tell whether an error answer says that there is no such model."""
    if status not in (400, 404, 422):
        return False
    said = _said(text)
    return said.is_any(_MODEL_CODES) or bool(_MODEL_WORDS.search(said.words))


def with_names(failure: Failure, model: str, names: Iterable[str]) -> str:
    """Return a failure's sentence with the server's own model names that come nearest."""
    known = list(dict.fromkeys(names))
    folded = {name.lower(): name for name in known}
    near = difflib.get_close_matches(model.lower(), folded, n=3, cutoff=0.5)
    near += [key for key in folded if model.lower() in key and key not in near]
    if near:
        shown, lead = [folded[key] for key in near[:5]], "The nearest it has"
    else:
        shown, lead = sorted(known)[:5], f"It has {len(known)}, such as"
    return f"{failure.message} {lead}: {', '.join(shown)}." if shown else failure.message


def _advice(asked: Asked, status: int, headers: Mapping[str, str], said: _Said) -> str:
    if said.is_any(_CONTEXT_CODES) or (status in (400, 413) and _CONTEXT_WORDS.search(said.words)):
        return _too_long(asked, said)
    if said.is_any(_FILTER_CODES):
        return "Its content filter refused the request: say it in other words."
    if status == 402 or said.is_any(_NO_CREDIT):
        return "The account behind the API key has no credit left."
    if 300 <= status < 400:
        where = headers.get("location", "").partition("?")[0]
        return f"It sends to {where or 'another address'}: give that as base_url."
    match status:
        case 401:
            return _key_advice(asked)
        case 403:
            return "Check that the API key may use this model, and from this place."
        case 404 | 405 if not _is_own(asked) and not is_unknown_model(404, json.dumps(said.body)):
            return _address_advice(asked)
        case 404:
            return f"Check the model's name, {asked.model!r}."
        case 413:
            return "The request is too large: leave out images or shorten what tools return."
        case 429:
            return "Too many requests or tokens at once: it may work after a wait."
        case _ if status >= 500:
            return "The fault is on the server's side: it may be gone soon."
    return ""


def _key_advice(asked: Asked) -> str:
    name = asked.endpoint.variable
    if asked.has_key:
        return f"The API key was refused: check api_key or the environment variable {name}."
    if _is_own(asked) or asked.endpoint.is_local:
        return f"No API key was sent: set the environment variable {name} or pass api_key."
    return (
        "No API key was sent, since one of the environment goes to its owner's address alone: "
        "pass api_key."
    )


def _address_advice(asked: Asked) -> str:
    path = urlsplit(asked.base_url).path
    if not re.search(r"/v\d", path):
        return (
            f"There is no API at this address: base_url usually ends in /v1, so try "
            f"base_url='{asked.base_url}/v1'."
        )
    return f"There is no such API at this address: check base_url, {asked.base_url!r}."


def _too_long(asked: Asked, said: _Said) -> str:
    inner = said.body.get("error") if isinstance(said.body, Mapping) else None
    counts = inner if isinstance(inner, Mapping) else {}
    sent, fit = counts.get("n_prompt_tokens"), counts.get("n_ctx")
    for pattern in _TOO_LONG:
        found = None if sent and fit else pattern.search(said.words)
        if found:
            sent, fit = (int(found[name].replace(",", "")) for name in ("sent", "fit"))
    numbers = f": it takes {sent:,} tokens and {fit:,} fit" if sent and fit else ""
    return (
        f"The conversation is too long for {asked.model or 'the model'}{numbers}. Begin a new "
        "chat, shorten what tools return, or choose a model with a larger context window."
    )


def _is_own(asked: Asked) -> bool:
    """Tell whether the request went to the provider's own address, on somebody else's machine."""
    return not asked.endpoint.is_local and asked.base_url == asked.endpoint.base_url


def _said(text: str) -> _Said:
    if _PAGE.match(text):
        title = _TITLE.search(text)
        name = f" titled '{excerpt(title[1])}'" if title and title[1].strip() else ""
        return _Said(f"a web page{name}, not an API's answer", "", "", None)
    try:
        body = json.loads(text)
    except ValueError:
        return _Said(excerpt(text), "", "", None)
    first = body[0] if isinstance(body, list) and body else body
    inner = first.get("error", first) if isinstance(first, Mapping) else {}
    inner = inner if isinstance(inner, Mapping) else {}
    code, kind = inner.get("code"), inner.get("type")
    deeper = inner.get("innererror")  # Azure's own code stands inside
    if isinstance(deeper, Mapping) and deeper.get("code"):
        code = deeper["code"]
    return _Said(
        error_words(body),
        "" if code is None else str(code),
        kind if isinstance(kind, str) else "",
        body,
    )


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", "…", ":")) else f"{sentence}."
