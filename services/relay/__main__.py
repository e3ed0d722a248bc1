"""`python -P -m services.relay`."""

from services.relay.app import open_app
from services.relay.settings import RelaySettings
from shared.service.running import run

if __name__ == "__main__":
    run("relay", RelaySettings(), open_app)  # type: ignore[call-arg]  # the environment has them
