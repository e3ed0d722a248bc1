"""Prices and usage for tests: any that the events' types allow."""

from decimal import Decimal

from hypothesis import strategies as st

from shared.money.rating import PriceRatios, UnitCounts

RATIOS = st.one_of(
    st.sampled_from([Decimal(0), Decimal(1), Decimal("0.5"), Decimal("0.000000001")]),
    st.decimals(0, 1_000_000, places=9),
    st.decimals(0, 10, places=3),
)
TOKENS = st.one_of(st.integers(0, 20), st.integers(0, 10**9))
PRICES = st.builds(
    PriceRatios,
    model_ratio=RATIOS,
    completion_ratio=RATIOS,
    cache_ratio=RATIOS,
    cache_creation_ratio=RATIOS,
    cache_creation_1h_ratio=st.none() | RATIOS,
    image_ratio=RATIOS,
    audio_ratio=RATIOS,
    model_price=st.none() | RATIOS,
)
TOKEN_PRICES = PRICES.filter(lambda price: price.model_price is None)


@st.composite
def within(draw: st.DrawFn, prompt: int, completion: int) -> UnitCounts:
    """Usage whose input of all kinds, and whose output, stay within these."""
    left = prompt
    kinds = {}
    for kind in ("cached", "cache_creation", "cache_creation_1h", "image", "audio"):
        kinds[kind] = draw(st.integers(0, left))
        left -= kinds[kind]
    includes = draw(st.booleans())
    apart = (
        0 if includes else kinds["cached"] + kinds["cache_creation"] + kinds["cache_creation_1h"]
    )
    # A prompt may also be told smaller than its parts: then nothing of it is left at the base.
    told = draw(st.integers(0, prompt - apart))
    return UnitCounts(
        prompt=told,
        completion=draw(st.integers(0, completion)),
        prompt_includes_cached=includes,
        **kinds,
    )
