"""What a demo prints says who its people are, in lines that a program still finds the links in."""

import re

import pytest

from topup.core import demo_people
from topup.runtime import demo_words


@pytest.mark.parametrize("person", demo_people.EVERYONE)
def test_a_line_names_the_person_their_link_and_what_they_are(person: demo_people.DemoPerson) -> None:
    line = demo_words.sign_in("http://127.0.0.1:1", person)
    assert re.findall(r"http\S+", line) == [f"http://127.0.0.1:1/demo/sign-in/{person.slug}"]
    assert line.split()[0] == person.name
    assert line.endswith(f"  {person.part}")


def test_the_card_that_is_disputed_is_among_those_printed() -> None:
    assert "4000 0000 0000 0259" in dict(demo_words.TEST_CARDS)
