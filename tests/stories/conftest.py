"""One demo for the stories that leave it as they found it; those that kill it start their own."""

from collections.abc import Iterator

import pytest

from tests.stories import demos


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[demos.Demo]:
    yield from demos.lent(tmp_path_factory.mktemp("demo") / "data")
