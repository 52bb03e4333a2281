"""Writes a one-page PDF of an invoice, with the fonts every reader has. No layout engine: text at places.

Letters outside Western European become question marks, because the built-in fonts have no others. Pure.
"""

from typing import Final

from stripe_sandbox import money
from stripe_sandbox.store import Body

LEFT: Final = 64
RIGHT: Final = 400
TOP: Final = 760
STEP: Final = 22
LINES_MAX: Final = 24


def invoice(body: Body, lines: list[Body]) -> bytes:
    """Return the PDF of an invoice."""
    currency = body["currency"]
    written: list[tuple[int, str, str]] = [
        (20, f"Invoice {body['number']}", ""),
        (11, f"From {body['account_name']}. A sandbox document: nothing is owed.", ""),
        (11, f"For {body['customer_name'] or body['customer_email'] or body['customer']}", ""),
        (11, "", ""),
    ]
    written += [(11, line["description"] or "", money.written(line["amount"], currency)) for line in lines[:LINES_MAX]]
    if len(lines) > LINES_MAX:
        written.append((11, f"and {len(lines) - LINES_MAX} more lines", ""))
    written += [
        (11, f"Tax, {tax['tax_behavior']}", money.written(tax["amount"], currency)) for tax in body["total_taxes"]
    ]
    written.append((13, "Total", money.written(body["total"], currency)))
    written.append((13, "Paid" if body["status"] == "paid" else "To pay", money.written(body["amount_due"], currency)))
    return _document(_page(written))


def _page(written: list[tuple[int, str, str]]) -> bytes:
    marks = [b"BT"]
    for row, (size, left, right) in enumerate(written):
        height = TOP - row * STEP
        for place, text in ((LEFT, left), (RIGHT, right)):
            if text:
                marks.append(b"/F1 %d Tf 1 0 0 1 %d %d Tm (%s) Tj" % (size, place, height, _escaped(text)))
    return b"\n".join([*marks, b"ET"])


def _escaped(text: str) -> bytes:
    plain = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return plain.encode("cp1252", "replace")


def _document(page: bytes) -> bytes:
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(page), page),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Font << /F1 5 0 R >> >>",
    ]
    out = b"%PDF-1.4\n"
    places = []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    return (
        out
        + head
        + table
        + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, len(out))
    )
