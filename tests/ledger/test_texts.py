"""The words of a line: digested as they are stored, so that they can be erased and the chain still proves them."""

import hashlib

import pytest

from tests.ledger.paper import Paper
from topup.ledger import book, commands
from topup.ledger.commands import Text

SALT = bytes(range(16))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (Text("Essay", "essay-7", {"pages": 3}), 'Essay\0essay-7\0{"pages":3}'),
        (Text(description="Essay"), "Essay\0\0"),
        (Text(source_id="essay-7"), "\0essay-7\0"),
        (Text(metadata={"pages": 3}), '\0\0{"pages":3}'),
    ],
    ids=["all", "description", "source", "metadata"],
)
def test_digest_covers_the_salt_and_every_word_in_its_place(text: Text, said: str) -> None:
    assert book.text_digest(SALT, text) == hashlib.sha256(SALT + said.encode()).digest()


def test_metadata_reads_the_same_in_whatever_order_it_came() -> None:
    assert book.metadata_text(Text(metadata={"b": 1, "a": ["ä", None]})) == '{"a":["ä",null],"b":1}'


@pytest.mark.parametrize("metadata", [None, {}])
def test_no_metadata_is_no_text(metadata: dict[str, int] | None) -> None:
    assert book.metadata_text(Text(metadata=metadata)) is None


def test_a_line_with_words_keeps_them_with_a_salt_and_one_without_has_neither() -> None:
    paper = Paper()
    alice = paper.account()
    paper.credit(alice, 10)
    text = Text(description="Essay")
    paper.done(commands.Spend(alice.id, 1, paper.cause(), "application:a", text))
    silent, told = paper.transfers
    assert (silent.salt, silent.text_digest) == (None, None)
    assert (told.text, told.salt, told.text_digest) == (text, SALT, book.text_digest(SALT, text))
