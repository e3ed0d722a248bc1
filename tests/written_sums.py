"""Sums as people write them, added up without the code that wrote them.

Digits, `+ − - × * / ( )`, a dollar before a number; words between them say what a number is of and
are passed over. Exact: every number is a `Fraction`.
"""

import re
from fractions import Fraction

_TOKEN = re.compile(r"\s*(?:\$?(\d[\d,]*(?:\.\d+)?)|([+\-−×·*/()])|([^\W\d]\S*?)(?=[\s()]|$))")
_TIMES = ("×", "·", "*")
_MINUS = ("-", "−")


def added_up(text: str) -> Fraction:
    """What the sum comes to. Raises ValueError where it is none."""
    tokens = _tokens(text)
    value, rest = _sum(tokens)
    if rest:
        raise ValueError(f"what is {rest[0]!r} in {text!r}?")
    return value


def rounded(exact: Fraction) -> int:
    """Half up; the least is 1 where there is anything, the most 10^15."""
    if exact <= 0:
        return 0
    return min(max(1, (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)), 10**15)


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"what is {text[at:]!r}?")
        number, sign, _word = found.groups()
        if number or sign:
            tokens.append((number or sign).replace(",", ""))
        at = found.end()
    return tokens


def _sum(tokens: list[str]) -> tuple[Fraction, list[str]]:
    value, tokens = _term(tokens)
    while tokens and tokens[0] in ("+", *_MINUS):
        sign = -1 if tokens[0] in _MINUS else 1
        other, tokens = _term(tokens[1:])
        value += sign * other
    return value, tokens


def _term(tokens: list[str]) -> tuple[Fraction, list[str]]:
    value, tokens = _factor(tokens)
    while tokens and tokens[0] in (*_TIMES, "/"):
        by = tokens[0]
        other, tokens = _factor(tokens[1:])
        value = value / other if by == "/" else value * other
    return value, tokens


def _factor(tokens: list[str]) -> tuple[Fraction, list[str]]:
    if not tokens:
        raise ValueError("the sum ends too early")
    if tokens[0] == "(":
        value, rest = _sum(tokens[1:])
        if not rest or rest[0] != ")":
            raise ValueError("a parenthesis is not closed")
        return value, rest[1:]
    return Fraction(tokens[0]), tokens[1:]
