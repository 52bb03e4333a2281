"""What leaves for the mail server, as it arrives there, and what becomes of its refusals and silences (fault 38)."""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from tests import mail_servers
from topup import errors
from topup.gateway import mail
from topup.settings import Settings

MAIL_ID = UUID("01a202e9-9974-7821-96e3-6863cc8ede59")
# An address of this machine that is not one of those which may be reached without encryption.
ELSEWHERE = "127.0.0.2"


def letter(recipient: str = "alice@example.com", **changes: str) -> mail.Mail:
    words = {"subject": "Hello", "text": "Plain words.\n", "html": "<p>Words in HTML.</p>\n", **changes}
    return mail.Mail(id=MAIL_ID, recipient=recipient, **words)


async def refused(settings: Settings, sent: mail.Mail) -> errors.GatewayError:
    with pytest.raises(errors.GatewayError) as caught:
        await mail.Smtp(settings).send(sent)
    return caught.value


async def test_one_mail_arrives_in_two_forms_with_its_headers() -> None:
    async with mail_servers.running() as server:
        sent = letter(subject="Zahlung – 10,00 £ erhalten", text="Grüße, 東京\n", html="<p>Grüße, 東京</p>\n")
        await mail.Smtp(server.settings(mail_from="Tópup Ltd <billing@shop.example>")).send(sent)
    (arrived,) = server.arrived
    headers = arrived.message
    assert arrived.recipients == ["alice@example.com"]
    assert headers["From"] == "Tópup Ltd <billing@shop.example>"
    assert headers["To"] == "alice@example.com"
    assert headers["Subject"] == "Zahlung – 10,00 £ erhalten"
    assert headers["Message-ID"] == f"<{MAIL_ID}@shop.example>"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Date"].datetime.tzinfo is not None
    assert [part.get_content_type() for part in headers.iter_parts()] == ["text/plain", "text/html"]
    assert arrived.text == "Grüße, 東京\n"
    assert arrived.html == "<p>Grüße, 東京</p>\n"


async def test_every_line_that_travels_is_ascii_and_short() -> None:
    async with mail_servers.running() as server:
        await mail.Smtp(server.settings()).send(letter(text="東京 " * 3000, html="<p>" + "東京 " * 3000 + "</p>"))
    lines = server.arrived[0].raw.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert server.arrived[0].raw.isascii()


async def test_the_same_mail_sent_again_has_the_same_message_id() -> None:
    async with mail_servers.running() as server:
        for _ in range(2):
            await mail.Smtp(server.settings()).send(letter())
    assert len(server.arrived) == 2
    assert len({arrived.message["Message-ID"] for arrived in server.arrived}) == 1


async def test_no_text_becomes_a_header() -> None:
    break_out = "Hi\r\nBcc: mallory@example.com\r\n\r\nbody\x00\x85"
    async with mail_servers.running() as server:
        settings = server.settings(mail_from="", app_name=break_out)
        await mail.Smtp(settings).send(letter(subject=break_out, text=break_out))
    (arrived,) = server.arrived
    assert arrived.recipients == ["alice@example.com"]
    assert arrived.message["Bcc"] is None
    assert arrived.message["Subject"] == "Hi Bcc: mallory@example.com body"
    assert set(arrived.message.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type")
    }


@pytest.mark.parametrize(
    "address",
    [
        "",
        "alice",
        "alice@",
        "alice@example.com, bob@example.com",
        "alice@example.com\r\nBcc: bob@example.com",
        "alice@example.com> SIZE=1",
        "Alice <alice@example.com>",
        "alice@exa mple.com",
        "alice@" + "ö" * 70 + ".example",
        "älice@example.com",
    ],
)
async def test_an_address_that_is_not_exactly_one_is_refused_for_good(address: str) -> None:
    async with mail_servers.running() as server:
        error = await refused(server.settings(), letter(address))
    assert not error.is_retryable
    assert server.arrived == []


async def test_domains_beyond_ascii_travel_as_ascii() -> None:
    async with mail_servers.running() as server:
        await mail.Smtp(server.settings(mail_from="post@bücher.example")).send(letter("alice@straße.example"))
    (arrived,) = server.arrived
    assert arrived.recipients == ["alice@xn--strae-oqa.example"]
    assert arrived.message["From"] == "Topup <post@xn--bcher-kva.example>"


@pytest.mark.parametrize(
    ("reply_to_recipient", "reply_to_data", "is_retryable"),
    [
        ("550 No such user", "250 OK", False),
        ("450 Try later", "250 OK", True),
        ("552 Mailbox full", "250 OK", True),
        ("250 OK", "554 Looks like spam", False),
        ("250 OK", "451 Busy", True),
    ],
)
async def test_only_a_final_refusal_of_this_mail_ends_the_trying(
    reply_to_recipient: str, reply_to_data: str, *, is_retryable: bool
) -> None:
    async with mail_servers.running() as server:
        if not reply_to_recipient.startswith("250"):
            server.replies_to_recipient["alice@example.com"] = reply_to_recipient
        server.reply_to_data = reply_to_data
        error = await refused(server.settings(), letter())
    assert error.is_retryable == is_retryable
    assert error.detail.startswith("The mail server said: ")


async def test_a_server_that_is_down_is_tried_again() -> None:
    async with mail_servers.running() as server:
        settings = server.settings()
    error = await refused(settings, letter())
    assert error.is_retryable
    assert error.is_outcome_known


async def test_a_server_that_falls_silent_is_tried_again_and_may_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "STEP_TIMEOUT_SECONDS", 0.3)
    async with mail_servers.running() as server:
        server.silent_for.add("alice@example.com")
        error = await refused(server.settings(), letter())
    assert error.is_retryable
    assert not error.is_outcome_known


async def test_a_server_that_drips_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "SEND_TIMEOUT_SECONDS", 0.3)
    ended = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            writer.write(b"220-still thinking\r\n")
            await asyncio.sleep(0.05)
        writer.close()
        ended.set()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as dripping:
        settings = Settings(smtp_host="127.0.0.1", smtp_port=dripping.sockets[0].getsockname()[1])
        error = await refused(settings, letter())
        await ended.wait()
    assert error.is_retryable


async def test_a_mail_once_accepted_is_sent_whatever_follows() -> None:
    async with mail_servers.running() as server:
        server.hangs_up_after_data = True
        await mail.Smtp(server.settings()).send(letter())
    assert len(server.arrived) == 1


async def test_a_wrong_password_is_a_setting_to_mend_and_is_not_told() -> None:
    async with mail_servers.running(asks_password=True) as server:
        error = await refused(server.settings(smtp_user="shop", smtp_pass="not-that-secret"), letter())
        assert error.is_retryable
        assert error.detail.startswith("The mail server said: 535")
        assert "not-that-secret" not in error.detail
        await mail.Smtp(server.settings(smtp_user="shop", smtp_pass=server.password.decode())).send(letter())
    assert [arrived.login for arrived in server.arrived] == [b"shop"]


async def test_beyond_this_machine_nothing_travels_unless_encrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = {"smtp_user": "shop", "smtp_pass": "secret-of-the-mail-server", "smtp_host": ELSEWHERE}
    async with mail_servers.running(host=ELSEWHERE, asks_password=True) as server:
        error = await refused(server.settings(**secret), letter())
    assert error.is_retryable
    assert server.seen_passwords == []

    tls, trusted = mail_servers.certificate(tmp_path, ELSEWHERE)
    async with mail_servers.running(host=ELSEWHERE, tls=tls, asks_password=True) as server:
        error = await refused(server.settings(**secret), letter())
        assert "certificate" in error.detail.lower()
        assert server.seen_passwords == []
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        await mail.Smtp(server.settings(**secret)).send(letter())
    assert [arrived.is_encrypted for arrived in server.arrived] == [True]


async def test_the_port_of_implicit_tls_is_encrypted_from_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, trusted = mail_servers.certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with mail_servers.running(tls=tls, is_implicit_tls=True) as server:
        monkeypatch.setattr(mail, "IMPLICIT_TLS_PORT", server.port)
        await mail.Smtp(server.settings()).send(letter())
    assert len(server.arrived) == 1


async def test_a_check_signs_in_and_sends_nothing() -> None:
    async with mail_servers.running(asks_password=True) as server:
        settings = server.settings(smtp_user="shop", smtp_pass=server.password.decode())
        said = await mail.Smtp(settings).check()
    assert said == f"127.0.0.1:{server.port} answers as shop"
    assert server.arrived == []


@pytest.mark.parametrize(
    ("settings", "sender"),
    [
        ({"mail_from": "billing@shop.example"}, "Topup <billing@shop.example>"),
        ({"mail_from": '"Shop, The" <billing@shop.example>'}, '"Shop, The" <billing@shop.example>'),
        ({"smtp_user": "post@shop.example", "app_name": "Shop"}, "Shop <post@shop.example>"),
        ({"smtp_user": "apikey", "frontend_url": "https://shop.example/"}, "Topup <no-reply@shop.example>"),
    ],
)
def test_whom_mails_come_from(settings: dict[str, str], sender: str) -> None:
    assert str(mail.sender_address(Settings.model_validate(settings))) == sender


async def test_without_a_mail_server_mails_wait_and_the_setting_is_named() -> None:
    with pytest.raises(errors.GatewayError, match="SMTP_HOST") as caught:
        await mail.NoServer().send(letter())
    assert caught.value.is_retryable
