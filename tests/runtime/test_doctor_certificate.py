"""A certificate that runs out is seen while there is still time (fault 98)."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from topup.runtime.doctor import outside
from topup.runtime.doctor.findings import State

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{"status":"OK"}'


def certificate(folder: Path, *, days_left: int) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days_left, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@asynccontextmanager
async def served(folder: Path, *, days_left: int) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a server with such a certificate, which it trusts."""
    cert, key = certificate(folder, days_left=days_left)
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(cert, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=shown)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    async with server, httpx2.AsyncClient(base_url=url, verify=ssl.create_default_context(cafile=cert)) as client:
        yield client


@pytest.mark.parametrize(
    ("days_left", "state"), [(90, State.OK), (14, State.OK), (13, State.WARNING), (0, State.WARNING)]
)
async def test_a_certificate_near_its_end_is_warned_of(tmp_path: Path, days_left: int, state: State) -> None:
    async with served(tmp_path, days_left=days_left) as client:
        found = await outside._encryption(client)
    assert (found.state, f"for {days_left} more days" in found.result) == (state, True)


async def test_one_that_has_run_out_is_no_answer(tmp_path: Path) -> None:
    async with served(tmp_path, days_left=-1) as client:
        assert (await outside._guarded(outside._encryption, client)).state is State.FAILED
