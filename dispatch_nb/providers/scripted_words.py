"""Words and values in a sentence: what the scripted provider can find without a model."""

from __future__ import annotations

import itertools
import re

__all__ = [
    "COMMON",
    "clauses",
    "evidence",
    "expression",
    "numbers",
    "segments",
    "stem",
    "texts",
    "with_signs",
    "word_set",
    "words",
]


def word_set(text: str) -> frozenset[str]:
    """Return the words of `text` as a set."""
    return frozenset(text.split())


COMMON = word_set(
    """a about all also am an and any are as at be but by can could current did do does each
    for from get give had has have hello hey hi how i if in into is it its let like make me
    much my need no not now of on or our out please return run shall should show so some tell
    than thank that the their them then there these they this those to tool two up us use
    using value want was we were what when where which who whose why will with would yes you
    your write explain compare long hers him"""
)
_MONTHS = word_set(
    """january february march april may june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday today tomorrow"""
)
_OPERATORS = {
    "+": re.compile(r"(?<=[\d)])\s*(?:\+|\bplus\b)\s*(?=[\d(-])", re.I),
    "-": re.compile(r"(?<=[\d)])\s*(?:-|\u2212|\bminus\b)\s*(?=[\d(])", re.I),
    "*": re.compile(
        r"(?<=[\d)])\s*(?:\*|\u00d7|\bx\b|\btimes\b|\bmultiplied by\b)\s*(?=[\d(-])", re.I
    ),
    "/": re.compile(r"(?<=[\d)])\s*(?:/|\u00f7|\bdivided by\b)\s*(?=[\d(-])", re.I),
}
_COUNTS = "zero one two three four five six seven eight nine ten eleven twelve"
_NUMBER_WORDS = {word: number for number, word in enumerate(_COUNTS.split())}
_NUMBER = re.compile(
    r"(?:(?<![\w)])-(?=\d))?(?<![\w.])(?<![A-Za-z]-)"
    r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?!\d)"
)
_QUOTED = re.compile(r"“([^”]+)”|\"([^\"]+)\"|`([^`]+)`|(?<!\w)'([^']+)'(?!\w)|«([^»]+)»")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_CODE = re.compile(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9][\w-]+")
_NAME = re.compile(
    r"[^\W_][\w'\u2019-]*(?:\s+(?:(?:de|da|do|del|la|le|von|van|of)\s+)?[^\W_][\w'\u2019-]*)*"
)
_PREPOSITION = re.compile(r"\b(?:in|for|of|about|named|called|at|near|on|to)\s+([^.?!;:]+)", re.I)
_TRIM = re.compile(r"^(?:in|for|of|at|the|a|an)\s+|\s+(?:please|now|today)$", re.I)
_SEPARATOR = re.compile(r"[.?!;]\s+|,\s+(?:and\s+)?|\s+and\s+")


def words(text: str) -> list[str]:
    """Return the words of `text` in small letters, names like ``get_weather`` taken apart."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", text)
    return [re.sub(r"['\u2019].*", "", word).lower() for word in _WORD.findall(spaced)]


def stem(word: str) -> str:
    """Return `word` without the endings of plural and time, roughly."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    for ending, shortest in (("ing", 6), ("ed", 5), ("s", 4)):
        if word.endswith(ending) and len(word) >= shortest and not word.endswith("ss"):
            return word[: -len(ending)]
    return word


def evidence(text: str) -> list[str]:
    """Return the telling words of `text`, as stems, and the signs between its numbers."""
    plain = with_signs(_unquoted(text))
    found = [stem(word) for word in words(plain) if word not in COMMON]
    return found + [sign for sign in _OPERATORS if f" {sign} " in plain]


def with_signs(text: str) -> str:
    """Return `text` with the operators between its numbers written as `` + ``, `` * `` etc."""
    for sign, pattern in _OPERATORS.items():
        text = pattern.sub(f" {sign} ", text)
    return text


def clauses(text: str) -> list[str]:
    """Return the parts of `text` that are to be done one after the other (“…, then …”)."""
    return [part for part in re.split(r"[,;.]?\s+(?:and\s+)?then\s+", text, flags=re.I) if part]


def segments(text: str) -> list[str]:
    """Return the smallest parts of `text` that may be about different things."""
    inside = [match.span() for match in _QUOTED.finditer(text)]
    cuts = [
        match.end()
        for match in _SEPARATOR.finditer(text)
        if not any(start < match.start() < end for start, end in inside)
    ]
    borders = [0, *cuts, len(text)]
    parts = [text[start:end] for start, end in itertools.pairwise(borders)]
    return [part for part in parts if part.strip()]


def numbers(text: str) -> list[float]:
    """Return the numbers of `text`, in order; small number words only if there is no digit."""
    digits = [float(match.group().replace(",", "")) for match in _NUMBER.finditer(text)]
    if digits:
        return digits
    return [float(_NUMBER_WORDS[word]) for word in words(text) if word in _NUMBER_WORDS]


def expression(text: str) -> str | None:
    """Return the arithmetic expression in `text` with Python's operators, if there is one."""
    found = re.search(r"[-(]*\d[\d\s.+\-*/%()]*[\d)]", with_signs(text))
    if found is None or not any(f" {sign} " in found.group() for sign in _OPERATORS):
        return None
    return found.group().strip()


def texts(text: str, vocabulary: frozenset[str]) -> list[str]:
    """Return what may be names or phrases in `text`, the surest kind only.

    In order: what is quoted, capitalised names and codes, the phrase after a preposition.
    `vocabulary` are stems that belong to a tool and are therefore no name.
    """
    quoted = ["".join(filter(None, match.groups())) for match in _QUOTED.finditer(text)]
    if quoted:
        return quoted
    return _names(text, vocabulary) or _phrases(text, vocabulary)


def _names(text: str, vocabulary: frozenset[str]) -> list[str]:
    found: list[tuple[int, str]] = []
    for run in re.finditer(r"[^.?!,;:()\n]+", text):
        for match in _NAME.finditer(run.group()):
            found += _capitalised(match, run.start(), vocabulary)
    found += [(match.start(), match.group()) for match in _CODE.finditer(text)]
    ordered = [name for _, name in sorted(found)]
    return list(dict.fromkeys(ordered))


def _capitalised(
    match: re.Match[str], offset: int, vocabulary: frozenset[str]
) -> list[tuple[int, str]]:
    """Return the runs of capitalised words in a run of words."""
    found: list[tuple[int, str]] = []
    current: list[str] = []
    place = 0
    small = ("de", "da", "do", "del", "la", "le", "von", "van", "of")
    tokens = list(re.finditer(r"\S+", match.group()))
    for index, token in enumerate(tokens):
        word = re.sub(r"['\u2019]s?$", "", token.group())
        bare = re.sub(r"['\u2019].*", "", word).lower()
        is_name = (
            word[:1].isupper()
            and bare not in COMMON
            and bare not in _MONTHS
            and stem(bare) not in vocabulary
        )
        follows = tokens[index + 1].group()[:1].isupper() if index + 1 < len(tokens) else False
        if is_name or (current and word in small and follows):
            place = place if current else offset + match.start() + token.start()
            current.append(word)
        elif current:
            found.append((place, " ".join(current)))
            current = []
    if current:
        found.append((place, " ".join(current)))
    return found


def _phrases(text: str, vocabulary: frozenset[str]) -> list[str]:
    match = _PREPOSITION.search(text)
    if match is None:
        return []
    parts = re.split(r",\s*(?:and\s+)?|\s+(?:and|in)\s+", match.group(1))
    trimmed = (_TRIM.sub("", part.strip()) for part in parts)
    return [
        part
        for part in trimmed
        if words(part) and not vocabulary.intersection(stem(word) for word in words(part))
    ]


def _unquoted(text: str) -> str:
    return _QUOTED.sub(" ", text)
