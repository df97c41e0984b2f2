"""Regular expressions from clients: compiled if they cannot keep the server busy for ever.

Python's engine backtracks, and holds the interpreter while it does. An expression that repeats what
itself varies, such as ``(a+)+``, may need time that doubles with each character of a name, so it
is refused; so is one with so many repetitions in a row that long names would take seconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

REGEX_LENGTH_MAX = 16 * 1024
# Repetitions one behind another, each of which may give back what it took: `.*a.*b.*c`.
REPETITIONS_MAX = 4

_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:P?<\w+>|P=\w+|<?[=!]|[aiLmsux-]*:|>|#[^)]*)|[\s\S]"
)
_COUNTED = re.compile(r"\{(\d*)(,?)(\d*)\}")
_PLAIN = re.compile(r"[\w$@:/ -]*")


class InvalidExpression(Exception):
    """The expression cannot be used; the message says why."""


def compiled(regex: str) -> re.Pattern[str]:
    """Return the expression, ready for use.

    Raises:
        InvalidExpression: It is too long, may take too long, or is none.
    """
    if len(regex) > REGEX_LENGTH_MAX:
        raise InvalidExpression(f"a regular expression may have {REGEX_LENGTH_MAX} characters")
    try:
        expression = re.compile(regex)
    except (re.error, RecursionError, OverflowError) as error:
        raise InvalidExpression(f"not a regular expression: {error}") from error
    _check_cost(regex)
    return expression


def literal_prefix(regex: str) -> str:
    """Return what every text that matches starts with, as far as it is plain to see."""
    if not regex.startswith("^") or "|" in regex:
        return ""
    found = _PLAIN.match(regex, 1)
    prefix = "" if found is None else found[0].partition("$")[0]
    behind = regex[1 + len(prefix) : 2 + len(prefix)]
    return prefix[:-1] if behind and behind in "*?{" else prefix


@dataclass(slots=True)
class _Part:
    """A group, as far as it has been read.

    Attributes:
        repetitions: Those in a row in the branch that has most.
        here: Those in the branch that is being read.
        varies: It can match texts of several lengths, or one text in several ways.
    """

    repetitions: int = 0
    here: int = 0
    varies: bool = False

    def end_branch(self) -> None:
        """Begin another branch."""
        self.repetitions, self.here = max(self.repetitions, self.here), 0


def _check_cost(regex: str) -> None:
    """Read the expression once, the groups that are open on a stack; it is known to be valid."""
    stack, last = [_Part()], _Part()
    at = 0
    while at < len(regex):
        times, length = _repetition(regex, at)
        if length:
            if times > 1 and last.varies:
                raise InvalidExpression("a regular expression must not repeat what itself varies")
            part = stack[-1]
            part.varies = True
            if times > 1:
                part.here += 1
            last = _Part()
            at += length
            continue
        token = _TOKEN.match(regex, at)
        text = regex[at] if token is None else token[0]
        at += len(text)
        last = _Part()
        if text.startswith("(") and not text.startswith(("(?#", "(?P=")):
            stack.append(_Part())
        elif text == "|":
            stack[-1].end_branch()
            stack[-1].varies = True
        elif text == ")" and len(stack) > 1:
            last = stack.pop()
            last.end_branch()
            stack[-1].here += last.repetitions
            stack[-1].varies = stack[-1].varies or last.varies
    stack[0].end_branch()
    if stack[0].repetitions > REPETITIONS_MAX:
        raise InvalidExpression(
            f"a regular expression may have {REPETITIONS_MAX} repetitions in a row"
        )


def _repetition(regex: str, at: int) -> tuple[float, int]:
    """Return how often the quantifier at an index repeats, and its length; 0 if there is none."""
    length, times = 0, 0.0
    if regex[at] in "*+":
        length, times = 1, float("inf")
    elif regex[at] == "?":
        length, times = 1, 1
    elif counted := _COUNTED.match(regex, at):
        least, comma, most = counted.groups()
        if least or most:
            length = len(counted[0])
            times = float(most or "inf") if comma else float(least)
    if length and regex[at + length : at + length + 1] in {"?", "+"}:
        length += 1
    return times, length
