"""Spending through the machine door."""

from tests.web.machines import Machine


async def test_spend_takes_credits_and_answers_the_statement_line(machine: Machine) -> None:
    account_id = await machine.account(granted=100)
    answer = await machine.spend(
        account_id, 30, description="Essay 17", sourceId="essay-17", metadata={"words": 1200, "tags": ["a", "b"]}
    )
    assert answer.status_code == 201, answer.text
    line = answer.json()
    assert line == {
        "id": line["id"],
        "transactionType": "DEBIT",
        "amount": 30,
        "balanceAfter": 70,
        "sourceType": "USAGE",
        "sourceId": "essay-17",
        "description": "Essay 17",
        "metadata": {"words": 1200, "tags": ["a", "b"]},
        "createdAt": line["createdAt"],
    }
    assert await machine.figures(account_id) == (70, 0, 70)
    listed = (await machine.get(f"/api/accounts/{account_id}/transactions")).json()
    assert listed["data"][0] == line
