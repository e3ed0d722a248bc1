import json
from typing import Any

from services.logging.listing.views import SHOWN, admin_view, user_view
from services.logging.rows.rows import LogRow

ROW: dict[str, Any] = {
    **LogRow("e", 7, 700, 1_767_355_200, 2, "API call succeeded")._asdict(),
    "id": 1,
    "channel_id": 3,
    "channel_name": "primary",
    "other": '{"model_ratio":15.0,"admin_info":{"use_channel":["3"]}}',
}


def test_an_admin_sees_the_whole_row_and_channel_twice() -> None:
    seen = admin_view(ROW)

    assert seen == {**{column: ROW[column] for column in SHOWN}, "channel": 3}


def test_a_user_sees_neither_the_channels_name_nor_what_is_for_admins() -> None:
    seen = user_view(ROW)

    assert seen["channel_name"] == ""
    assert seen["channel"] == seen["channel_id"] == 3
    assert json.loads(seen["other"]) == {"model_ratio": 15.0}
    assert ROW["channel_name"] == "primary"
