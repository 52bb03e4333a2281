"""An issuer's keys: fetched once, fetched again when needed, and never because somebody sends nonsense."""

from collections.abc import Iterator

import pytest

from tests import oidc
from topup import errors
from topup.gateway import google


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def issuer() -> Iterator[oidc.Issuer]:
    with oidc.running() as issuer:
        yield issuer


async def test_keys_are_fetched_once_and_kept_for_an_hour(issuer: oidc.Issuer) -> None:
    clock = Clock()
    known = google.Issuer(issuer.address, monotonic=clock)
    for _ in range(5):
        await known.keys(key_id="first")
        clock.seconds += 60
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]
    clock.seconds += google.KEPT_SECONDS
    await known.keys(key_id="first")
    assert len(issuer.asked) == 4


async def test_a_key_not_seen_yet_is_asked_for_but_not_at_every_nonsense(issuer: oidc.Issuer) -> None:
    clock = Clock()
    known = google.Issuer(issuer.address, monotonic=clock)
    await known.keys(key_id="first")
    for number in range(10):
        await known.keys(key_id=f"nonsense {number}")
    assert len(issuer.asked) == 2
    issuer.rotate()
    clock.seconds += google.ASK_AGAIN_SECONDS
    keys = await known.keys(key_id=issuer.keys[-1].kid)
    assert issuer.keys[-1].kid in {key.kid for key in keys.keys}
    assert len(issuer.asked) == 4


async def test_known_keys_serve_while_the_issuer_is_away(issuer: oidc.Issuer) -> None:
    clock = Clock()
    known = google.Issuer(issuer.address, monotonic=clock)
    await known.keys(key_id="first")
    issuer.is_away = True
    clock.seconds += 2 * google.KEPT_SECONDS
    assert (await known.keys(key_id="first")).keys


async def test_an_issuer_that_never_answered_is_not_asked_by_every_caller(issuer: oidc.Issuer) -> None:
    issuer.is_away = True
    known = google.Issuer(issuer.address, monotonic=Clock())
    for _ in range(3):
        with pytest.raises(errors.GatewayError):
            await known.keys(key_id="first")
    assert len(issuer.asked) == 1


@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://somebody.example"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": 7},
        {"jwks_uri": "http://["},
        {"padding": "x" * google.ANSWER_BYTES_MAX},
    ],
    ids=lambda says: next(iter(says)),
)
async def test_an_issuer_that_describes_itself_oddly_is_not_believed(
    issuer: oidc.Issuer, says: dict[str, object]
) -> None:
    """Fault 80: an answer from outside leads us nowhere else."""
    issuer.says = says
    with pytest.raises(errors.GatewayError):
        await google.Issuer(issuer.address, monotonic=Clock()).keys(key_id="first")
