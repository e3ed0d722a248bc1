import pytest

from services.control.sessions.device import device_info

X11 = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1 Version/17 Safari/605.1"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64) AppleWebKit/537.36 Chrome/120 Safari/537.36 Edg/120.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 Safari/604.1"
ANDROID = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "told"),
    [
        (X11, "Firefox on Linux"),
        (MAC, "Safari on macOS"),
        (EDGE, "Edge on Windows"),
        (PHONE, "Safari on iPhone"),
        (ANDROID, "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.31", "python-requests"),
        ("Mozilla/5.0", ""),
        ("", ""),
        ("\ufffd/1", ""),
    ],
)
def test_what_is_told_of_a_user_agent(user_agent: str, told: str) -> None:
    assert device_info(user_agent) == told
