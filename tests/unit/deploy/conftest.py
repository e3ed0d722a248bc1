import pytest

from deploy.secrets import new_environment


@pytest.fixture(name="secrets", scope="session")
def _secrets() -> dict[str, str]:
    return new_environment()
