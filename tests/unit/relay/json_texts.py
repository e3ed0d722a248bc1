"""JSON as clients may spell it: strategies for texts, not for values."""

import json

from hypothesis import strategies as st

SPACE = st.sampled_from(["", "", "", " ", "\n", "\t ", "\r\n"])
NUMBERS = st.sampled_from(
    ["0", "-0", "1.0", "1e2", "1E+3", "0.1000", "-12.50e-3", "123456789012345678901234567890"]
)
STRINGS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(json.dumps),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8).map(
        lambda text: json.dumps(text, ensure_ascii=False)
    ),
    st.sampled_from([r'"\/"', r'"\u0041\ud83d\ude00"', r'"\\\""', '"}]{[,:"', r'"\"model\":"']),
)
LEAVES = st.one_of(NUMBERS, STRINGS, st.sampled_from(["true", "false", "null"]))


def member(name: st.SearchStrategy[str], value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{}{}{}:{}{}{}".format, SPACE, name, SPACE, SPACE, value, SPACE)


def _object(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = STRINGS | st.sampled_from(['"model"', '"stream"', '"n"', '"usage"'])
    members = st.lists(member(names, values), max_size=3)
    return members.map(lambda parts: "{" + ",".join(parts) + "}")


def _array(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=3).map(lambda parts: "[" + ", ".join(parts) + "]")


VALUES = st.recursive(LEAVES, lambda inner: _object(inner) | _array(inner), max_leaves=6)
EXTRA_NAMES = STRINGS.map(lambda text: text[:-1] + 'x_extra"')
"""Names that are not, and do not fold to, any field that decides."""
