"""What the commands of all roles share: which deployment, which account, and how a transaction is
reported.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any

import typer
from eth_account import Account
from eth_account.signers.local import LocalAccount

from multiprover.cli.output import out, print_json
from multiprover.lang.transition import Transition
from multiprover.node.reference import load_transition
from multiprover.node.workspace import KEY_VARIABLE
from multiprover.program import Program, trace
from multiprover.settlement import l1 as l1_module
from multiprover.settlement.base import raw
from multiprover.settlement.deploy import Contracts
from multiprover.settlement.events import Event, Happened, Receipt
from multiprover.settlement.evidence import Evidence, EvidenceError, read_evidence
from multiprover.settlement.l1 import L1

PASSWORD_VARIABLE = "MULTIPROVER_KEYSTORE_PASSWORD"  # noqa: S105 - a name, not a password

L1Option = Annotated[
    str | None, typer.Option("--l1", envvar="MULTIPROVER_L1", help="JSON-RPC URL of L1.", show_envvar=True)
]
SettlementOption = Annotated[
    str | None,
    typer.Option(
        "--settlement",
        envvar="MULTIPROVER_SETTLEMENT",
        help="Address of the Settlement contract.",
        show_envvar=True,
    ),
]
KeystoreOption = Annotated[
    Path | None,
    typer.Option(
        "--keystore",
        help=f"Encrypted key file (Web3 secret storage) of who acts; its password is ${PASSWORD_VARIABLE} or "
        f"asked for. Without it, the key is ${KEY_VARIABLE}.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Reference = Annotated[str, typer.Argument(help="The transition: path/to/file.py:Class")]


class RoleError(Exception):
    """A role's command that lacks something; the message says what and where to get it."""


@dataclass(frozen=True)
class Target:
    """Which deployment a command is about, and who acts."""

    l1_url: str | None
    settlement: str | None
    keystore: Path | None

    def l1(self) -> L1:
        """
        Raises:
            RoleError: no L1 is named.
            L1Error: it does not answer.
        """
        if self.l1_url is None:
            raise RoleError("expected the URL of an L1: give --l1 before the command, or set MULTIPROVER_L1")
        return l1_module.open_l1(self.l1_url)

    def contracts(self, l1: L1 | None = None) -> Contracts:
        """
        Raises:
            RoleError: no deployment is named.
            NotSettlementError: there is none at the address.
        """
        l1 = l1 or self.l1()
        if self.settlement is None:
            raise RoleError(
                "expected the address of a Settlement contract: give --settlement before the command, "
                "or set MULTIPROVER_SETTLEMENT"
            )
        return Contracts.at(l1, address(self.settlement))

    def account(self) -> LocalAccount:
        """
        Raises:
            RoleError: no key is given, or it cannot be read.
        """
        key: bytes | str
        if self.keystore is not None:
            password = os.environ.get(PASSWORD_VARIABLE)
            if password is None:
                password = getpass(f"password of {self.keystore}: ")
            try:
                key = bytes(Account.decrypt(self.keystore.read_text(encoding="utf-8"), password))
            except (OSError, ValueError, TypeError, KeyError) as error:
                raise RoleError(
                    f"{self.keystore}: expected a key file and its password, got {error}"
                ) from error
        elif KEY_VARIABLE in os.environ:
            key = os.environ[KEY_VARIABLE]
        else:
            raise RoleError(f"expected a key of who acts: give --keystore, or set {KEY_VARIABLE}")
        try:
            account: LocalAccount = Account.from_key(key)
        except (ValueError, TypeError) as error:
            raise RoleError(f"expected a private key of 32 bytes, got {error}") from error
        return account


def role(app: typer.Typer) -> typer.Typer:
    """Give a role's commands the options that say which deployment and who acts."""

    @app.callback()
    def target(
        context: typer.Context,
        l1: L1Option = None,
        settlement: SettlementOption = None,
        keystore: KeystoreOption = None,
    ) -> None:
        context.obj = Target(l1, settlement, keystore)

    return app


def address(text: str) -> bytes:
    """The 20 bytes of an address.

    Raises:
        RoleError: it is none.
    """
    try:
        found = raw(text)
    except ValueError:
        found = b""
    if len(found) != 20:
        raise RoleError(f"expected an address of 20 bytes in hex, got {text!r}")
    return found


def word(text: str) -> bytes:
    """The 32 bytes of a claim or a key.

    Raises:
        RoleError: they are not 32.
    """
    try:
        found = raw(text)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise RoleError(f"expected 32 bytes in hex, got {text!r}")
    return found


def evidence(path: Path) -> Evidence:
    """
    Raises:
        RoleError: the file has no proof with its statement.
    """
    try:
        return read_evidence(path)
    except EvidenceError as error:
        raise RoleError(str(error)) from error


def program_of(reference: str, contracts: Contracts) -> tuple[type[Transition], Program]:
    """The transition that a deployment runs.

    Raises:
        RoleError: the deployment runs another program.
    """
    transition = load_transition(reference)
    program = trace(transition, contracts.settlement.names.suites)
    if program.program_id != contracts.settlement.program_id:
        raise RoleError(
            f"{reference}: expected program 0x{contracts.settlement.program_id.hex()}, "
            f"which the deployment runs, got 0x{program.program_id.hex()}"
        )
    return transition, program


def event_document(event: Event) -> dict[str, Any]:
    """An event for a JSON document."""
    if isinstance(event, Happened):
        return {"event": event.name, **{k: plain(v) for k, v in event.arguments.items()}}
    return {"event": type(event).__name__, **{k: plain(v) for k, v in vars(event).items()}}


def plain(value: Any) -> Any:
    """A value as JSON has it: bytes in hex."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(v) for v in value]
    return value


def report(receipt: Receipt, as_json: bool, **more: Any) -> None:
    """Tell of a transaction that took effect."""
    document = {
        "transaction": "0x" + receipt.tx_hash.hex(),
        "block": receipt.block_number,
        "gas": receipt.gas_used,
        "events": [event_document(e) for e in receipt.events],
        **{k: plain(v) for k, v in more.items()},
    }
    if as_json:
        print_json(document)
        return
    out.print(f"done in transaction {document['transaction']}, {receipt.gas_used:,} gas")
    for event in document["events"]:
        out.print("  " + ", ".join(f"{k} {v}" for k, v in event.items()))
    for name, value in more.items():
        out.print(f"{name}: {plain(value)}")
