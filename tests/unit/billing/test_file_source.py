"""Prices from files, and what is said of those that are none."""

from decimal import Decimal

import pytest

from services.billing.prices.file_source import FileError, read_prices_file

JSON = (
    '{"maker/m": {"model_ratio": "1.5", "tool_prices": {"web_search": 10}},'
    ' "n": {"model_ratio": 2}}'
)
CSV = (
    "model,model_ratio,completion_ratio,tool_prices,max_input_tokens\n"
    'maker/m,1.5,,"{""web_search"": 10}",\n'
    "n,2,,,\n"
)


def test_the_same_prices_are_read_from_either() -> None:
    prices = read_prices_file(JSON, is_csv=False)
    assert read_prices_file(CSV, is_csv=True) == prices
    assert prices["maker/m"].tool_prices == {"web_search": Decimal(10)}
    assert prices["n"].completion_ratio == 1


@pytest.mark.parametrize(
    ("text", "is_csv", "said"),
    [
        ("{", False, "JSON"),
        ("[]", False, "dictionary"),
        ('{"m": {}}', False, "m.model_ratio"),
        ("model,model_ratio\nm,-1\n", True, "m.model_ratio"),
        ("model,model_ratio\nm,1\nm,2\n", True, "line 3"),
        ("model,model_ratio,tiers\nm,1,nothing\n", True, "JSON"),
        ("name,model_ratio\nm,1\n", True, "line 2"),
        ("model,model_ratio,completion_ration\nm,1,4\n", True, "line 1.*completion_ration"),
        ('{"m": {"model_ratio": 1, "effective_from": "2100-01-01"}}', False, "m.*effective_from"),
        ("model,model_ratio\nm,1,4\n", True, "line 2.*more cells"),
        ('model,model_ratio\nm,"1\n', True, "line 1"),
        (f"model,model_ratio\n{'m' * 200_000},1\n", True, "line 2|line 1"),
        ("model,model_ratio\ngroups/m,1\n", True, "groups/m"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, is_csv: bool, said: str) -> None:
    with pytest.raises(FileError, match=said):
        read_prices_file(text, is_csv=is_csv)
