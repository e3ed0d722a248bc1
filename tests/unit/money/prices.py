"""Prices and usage for tests: any that the events' types allow."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from shared.money.price_ratios import PriceRatios, TierRatios
from shared.money.rating import UnitCounts

RATIOS = st.one_of(
    st.sampled_from([Decimal(0), Decimal(1), Decimal("0.5"), Decimal("0.000000001")]),
    st.decimals(0, 1_000_000, places=9),
    st.decimals(0, 10, places=3),
)
TOKENS = st.one_of(st.integers(0, 20), st.integers(0, 10**9))
TOOLS = ("web_search", "file_search")
_PLAIN: dict[str, st.SearchStrategy[Decimal | None]] = {
    "model_ratio": RATIOS,
    "completion_ratio": RATIOS,
    "cache_ratio": RATIOS,
    "cache_creation_ratio": RATIOS,
    "cache_creation_1h_ratio": st.none() | RATIOS,
    "image_ratio": RATIOS,
    "audio_ratio": RATIOS,
}
PLAIN_PRICES = st.builds(PriceRatios, **_PLAIN)
"""With nothing but ratios of tokens."""
_TIERS = st.lists(
    st.builds(
        TierRatios,
        above_prompt_tokens=TOKENS,
        **{
            name: ratio
            for name, ratio in _PLAIN.items()
            if name not in ("image_ratio", "audio_ratio")
        },
    ),
    max_size=3,
    unique_by=lambda tier: tier.above_prompt_tokens,
).map(lambda tiers: tuple(sorted(tiers, key=lambda tier: tier.above_prompt_tokens)))
TOKEN_PRICES = PLAIN_PRICES | st.builds(
    PriceRatios,
    **_PLAIN,
    output_audio_ratio=st.none() | RATIOS,
    output_image_ratio=st.none() | RATIOS,
    tiers=_TIERS,
    tool_prices=st.dictionaries(st.sampled_from(TOOLS), RATIOS),
)
PRICES = TOKEN_PRICES | st.builds(replace, TOKEN_PRICES, model_price=RATIOS)
TOOL_CALLS = st.dictionaries(st.sampled_from((*TOOLS, "unpriced")), st.integers(0, 1000)).map(
    lambda calls: tuple(calls.items())
)
UNITS = st.builds(
    UnitCounts,
    prompt=TOKENS,
    completion=TOKENS,
    cached=TOKENS,
    cache_creation=TOKENS,
    cache_creation_1h=TOKENS,
    image=TOKENS,
    audio=TOKENS,
    prompt_includes_cached=st.booleans(),
    output_audio=TOKENS,
    output_image=TOKENS,
    tools=TOOL_CALLS,
)


@st.composite
def within(draw: st.DrawFn, prompt: int, completion: int) -> UnitCounts:
    """Usage whose input of all kinds, and whose output, stay within these."""
    left = prompt
    kinds: dict[str, Any] = {}
    for kind in ("cached", "cache_creation", "cache_creation_1h", "image", "audio"):
        kinds[kind] = draw(st.integers(0, left))
        left -= kinds[kind]
    includes = draw(st.booleans())
    apart = (
        0 if includes else kinds["cached"] + kinds["cache_creation"] + kinds["cache_creation_1h"]
    )
    # A prompt may also be told smaller than its parts: then nothing of it is left at the base.
    told = draw(st.integers(0, prompt - apart))
    written = draw(st.integers(0, completion))
    kinds["output_audio"] = draw(st.integers(0, written))
    kinds["output_image"] = draw(st.integers(0, written - kinds["output_audio"]))
    units = UnitCounts(prompt=told, completion=written, prompt_includes_cached=includes)
    return units._replace(**kinds)
