"""What Stripe would answer instead of a result: one exception, and a function for each kind of refusal.

Raised anywhere below the door; the door turns it into the JSON body and the status that the SDK maps to its
exceptions. `keeps` says that the endpoint had begun to work: what it wrote stays and its answer is remembered
under the idempotency key. Without it the transaction is rolled back and nothing is remembered.
"""

from typing import Any

DOCS = "https://docs.stripe.com/error-codes/"


class Refusal(Exception):
    """An error in Stripe's shape, with its HTTP status."""

    def __init__(self, status: int, error: dict[str, Any], *, keeps: bool = False) -> None:
        super().__init__(error.get("message", ""))
        self.status = status
        self.error = {key: value for key, value in error.items() if value is not None}
        self.keeps = keeps


def invalid(message: str, *, code: str | None = None, param: str | None = None) -> Refusal:
    """A request that Stripe refuses before it begins to work."""
    return Refusal(400, _invalid_body(message, code, param))


def not_now(message: str, *, code: str | None = None, param: str | None = None) -> Refusal:
    """A well-formed request that the object's present state forbids; remembered under the idempotency key."""
    return Refusal(400, _invalid_body(message, code, param), keeps=True)


def unknown_parameter(param: str, code: str | None = None) -> Refusal:
    """The SDK's parameter types do not know this name, or not any more."""
    return invalid(f"Received unknown parameter: {param}", code=code or "parameter_unknown", param=param)


def missing_parameter(param: str) -> Refusal:
    """A required parameter is absent."""
    return invalid(f"Missing required param: {param}.", code="parameter_missing", param=param)


def no_such(noun: str, wanted_id: str, param: str = "id") -> Refusal:
    """No object of this kind has that id."""
    body = _invalid_body(f"No such {noun}: '{wanted_id}'", "resource_missing", param)
    return Refusal(404 if param == "id" else 400, body)


def unrecognized_url(method: str, path: str) -> Refusal:
    """Nothing answers at this address."""
    message = f"Unrecognized request URL ({method}: {path}). This sandbox supports only a part of Stripe's API."
    return Refusal(404, {"type": "invalid_request_error", "message": message})


def unauthorized(message: str, code: str | None = None) -> Refusal:
    """No key, an unreadable key, or one that may not do this."""
    return Refusal(401, {"type": "invalid_request_error", "message": message, "code": code})


def unsupported(name: str) -> Refusal:
    """Stripe could do this; the sandbox cannot, and says so instead of ignoring it."""
    return invalid(f"This sandbox does not support {name}.", code="sandbox_unsupported", param=name)


def no_access(account_id: str) -> Refusal:
    """Another account than the sandbox's one."""
    message = f"The provided key does not have access to account '{account_id}' (or that account does not exist)."
    return Refusal(403, _invalid_body(message, "account_invalid", None))


def declined(message: str, *, code: str, decline_code: str | None = None, **more: object) -> Refusal:
    """A card error (402): the attempt is written down and its answer remembered."""
    error = {"type": "card_error", "code": code, "decline_code": decline_code, "message": message}
    return Refusal(402, {**error, "doc_url": DOCS + code.replace("_", "-"), **more}, keeps=True)


def key_reused() -> Refusal:
    """An idempotency key came back with another request."""
    message = "Keys for idempotent requests can only be used with the same endpoint and the same parameters."
    return Refusal(400, {"type": "idempotency_error", "message": message})


def key_in_use() -> Refusal:
    """The twin of this request is still being worked on."""
    message = "There is currently another in-progress request using this idempotency key."
    return Refusal(409, {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": message})


def broken() -> Refusal:
    """A fault of the sandbox's own."""
    return Refusal(500, {"type": "api_error", "message": "The sandbox has a fault; see its log."})


def _invalid_body(message: str, code: str | None, param: str | None) -> dict[str, Any]:
    doc_url = DOCS + code.replace("_", "-") if code else None
    return {"type": "invalid_request_error", "message": message, "code": code, "param": param, "doc_url": doc_url}
