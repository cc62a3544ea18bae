"""How a person connects, repairs and removes a connection, and how the accounts of a bank linked again are known."""

import datetime as dt
import enum
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from pydantic import BaseModel, SecretStr

from counterfoil.lib.http import Http
from counterfoil.model import Account


@dataclass(frozen=True, slots=True)
class Visit:
    """The vendor's own page on which a person authorises us.

    `reference` is what `finish` asks the vendor with: a secret, to be stored encrypted. `id` names the visit in events
    and logs; the webhook that tells of its end carries it as `visit`.
    """

    id: str
    url: str
    reference: SecretStr
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class AccountMark:
    """What makes an account recognisable when the same bank is linked a second time under new ids."""

    key: str
    institution: str | None
    name: str
    type: str | None
    subtype: str | None
    mask: str | None
    persistent_id: str | None = None

    @classmethod
    def of(cls, account: Account) -> "AccountMark":
        """Give the mark of an account that was read."""
        return cls(
            account.key,
            account.institution,
            account.name,
            account.type,
            account.subtype,
            account.mask,
            account.persistent_id,
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """An authorisation that waits to be accepted: who and what it would connect, before it is paid for.

    `ticket` is a secret that lives for minutes.
    """

    ticket: SecretStr
    label: str
    accounts: tuple[AccountMark, ...]


class VisitState(enum.Enum):
    OPEN = "open"  # ask again later, or wait for the webhook
    DONE = "done"
    LEFT = "left"  # the person went away; a new visit may begin


@dataclass(frozen=True, slots=True)
class VisitOutcome:
    """How a visit stands. A repair that is DONE leaves nothing to accept: the old credential works again."""

    state: VisitState
    candidates: tuple[Candidate, ...] = ()
    reason: str | None = None  # LEFT: the vendor's code of what went wrong, where it names one


class ConnectFlow(Protocol):
    """How a person connects, repairs and removes a connection on the vendor's own page.

    Every method may raise `RetryLater` and `ActionRequired`.
    """

    choices: Mapping[str, str]  # what `begin` may be asked for -> label

    async def begin(self, http: Http, app: BaseModel, *, choice: str, user: str, return_to: str | None) -> Visit:
        """Begin a visit for a new connection; `user` is our own id of the person, never a name or address."""
        ...

    async def repair(
        self,
        http: Http,
        app: BaseModel,
        settings: BaseModel,
        *,
        user: str,
        return_to: str | None,
        new_accounts: bool = False,
    ) -> Visit:
        """Begin a visit that renews the authorisation, or lets the person share more accounts."""
        ...

    async def finish(self, http: Http, app: BaseModel, reference: SecretStr) -> VisitOutcome:
        """Ask how a visit stands; safe to repeat."""
        ...

    async def accept(self, http: Http, app: BaseModel, candidate: Candidate) -> BaseModel:
        """Turn a candidate into the settings of a connection; store them at once."""
        ...

    async def remove(self, http: Http, app: BaseModel, settings: BaseModel) -> None:
        """End the authorisation at the vendor; safe to repeat."""
        ...

    async def refresh(self, http: Http, app: BaseModel, settings: BaseModel) -> bool:
        """Ask the provider to read the bank now. True: a webhook will follow; False: not offered here."""
        ...


@dataclass(frozen=True, slots=True)
class AccountMatch:
    """An account of an earlier link and the same account under its new id."""

    old: str
    new: str
    sure: bool  # by the bank's own persistent id; else by institution, type, name and last digits


def match_accounts(old: Sequence[AccountMark], new: Sequence[AccountMark]) -> Sequence[AccountMatch]:
    """Pair the accounts of two links of the same bank; what two accounts could equally be is left unpaired.

    A persistent id decides where both sides have one. The person is asked before anything is done with the pairs.
    """
    matches: list[AccountMatch] = []
    for sure, trait in ((True, _persistent_id), (False, _details)):
        paired_old = {match.old for match in matches}
        paired_new = {match.new for match in matches}
        left = _only_ones(trait, [mark for mark in old if mark.key not in paired_old])
        right = _only_ones(trait, [mark for mark in new if mark.key not in paired_new])
        for value, mark in left.items():
            twin = right.get(value)
            if twin is not None and (sure or not (mark.persistent_id and twin.persistent_id)):
                matches.append(AccountMatch(mark.key, twin.key, sure))
    return matches


def is_same_login(old: Sequence[AccountMark], new: Sequence[AccountMark]) -> bool:
    """Say whether a new link brings only accounts that an earlier one already has: it would be paid for twice."""
    return bool(new) and len(match_accounts(old, new)) == len(new)


@dataclass(frozen=True, slots=True)
class RowMark:
    """What makes a row recognisable under another id: its account, and of the rest what such rows have."""

    key: str
    account: str
    date: dt.date | None = None
    amount: Decimal | None = None
    name: str = ""


def match_rows(old: Sequence[RowMark], new: Sequence[RowMark]) -> Sequence[tuple[str, str]]:
    """Pair the rows of two links of the same accounts: keys of an old and of a new row.

    Rows that agree in account, date, amount and name are paired in the order given: two coffees of one day are as good
    as each other. Among the rest a name may have changed, where account, date and amount leave no doubt.
    """
    pairs: list[tuple[str, str]] = []
    waiting: dict[Hashable, list[str]] = {}
    for mark in new:
        waiting.setdefault(_exactly(mark), []).append(mark.key)
    for mark in old:
        twins = waiting.get(_exactly(mark))
        if twins:
            pairs.append((mark.key, twins.pop(0)))
    paired_old, paired_new = {one for one, _ in pairs}, {other for _, other in pairs}
    left = _single(mark for mark in old if mark.key not in paired_old and mark.amount is not None)
    right = _single(mark for mark in new if mark.key not in paired_new and mark.amount is not None)
    pairs += [(key, right[trait]) for trait, key in left.items() if trait in right]
    return pairs


def _exactly(mark: RowMark) -> Hashable:
    return mark.account, mark.date, mark.amount, mark.name.casefold().strip()


def _single(marks: Iterable[RowMark]) -> Mapping[Hashable, str]:
    keys: dict[Hashable, list[str]] = {}
    for mark in marks:
        keys.setdefault((mark.account, mark.date, mark.amount), []).append(mark.key)
    return {trait: found[0] for trait, found in keys.items() if len(found) == 1}


def _persistent_id(mark: AccountMark) -> Hashable | None:
    return mark.persistent_id


def _details(mark: AccountMark) -> Hashable | None:
    # Without last digits two savings accounts of one bank cannot be told apart by more than their name.
    return mark.institution and (mark.institution, mark.type, mark.subtype, mark.mask, mark.name.casefold().strip())


def _only_ones(
    trait: Callable[[AccountMark], Hashable | None], marks: Sequence[AccountMark]
) -> Mapping[Hashable, AccountMark]:
    counts = Counter(trait(mark) for mark in marks)
    return {value: mark for mark in marks if (value := trait(mark)) is not None and counts[value] == 1}
