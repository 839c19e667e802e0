"""A storm is one message: where many incidents are new at once, a digest tells of them, and goes on telling of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from aetherlink.model.deliveries import DIGEST_PREFIX, LOWEST_PRIORITY, Delivery, DeliveryState
from aetherlink.model.ids import ChannelName
from aetherlink.outbox.plan import VIP_CRITICAL, ChannelPlan
from aetherlink.ports import Ids, Transaction

_OPEN_FOR = timedelta(minutes=10)  # what comes later is another storm
_BETWEEN = timedelta(seconds=30)  # in which a digest gathers what has changed


def too_many(due: Sequence[Delivery], above: int) -> list[Delivery]:
    """Those that one digest tells of; none where they are no more than `above`.

    What a person is asked, and what is critical for a VIP, is told alone.
    """
    new = [
        one for one in due if one.is_unheard_of and not one.is_digest and not one.asks and one.priority > VIP_CRITICAL
    ]
    return new if len(new) > above else []


def gather(transaction: Transaction, found: Sequence[Delivery], plan: ChannelPlan, ids: Ids, now: datetime) -> None:
    """Let one digest tell of them, the one that is open where there is one; not that which told of them already."""
    earlier = transaction.deliveries.open_digest(plan.name, now - _OPEN_FOR)
    is_new_to_it = earlier is not None and all(one.digest != earlier.subject for one in found)
    digest = (earlier if is_new_to_it else None) or Delivery(
        ids.new(DIGEST_PREFIX), plan.name, LOWEST_PRIORITY, DeliveryState.TOLD, wanted=0, since=now, began_at=now
    )
    for one in found:
        told = replace(one, state=DeliveryState.DIGESTED, told=one.wanted, due_at=None, digest=digest.subject)
        transaction.deliveries.put(told)
    transaction.deliveries.put(_with_news(digest, now))


def changed(transaction: Transaction, digest_id: str, channel: ChannelName, now: datetime) -> None:
    """Something of one of its incidents has changed."""
    digest = transaction.deliveries.get(digest_id, channel)
    if digest is not None:
        transaction.deliveries.put(_with_news(digest, now))


def _with_news(digest: Delivery, now: datetime) -> Delivery:
    due = now if digest.is_unheard_of else now + _BETWEEN
    return replace(
        digest,
        state=DeliveryState.WAITING,
        wanted=digest.wanted + 1,
        since=digest.since if digest.is_untold else now,
        due_at=due if digest.due_at is None else min(due, digest.due_at),
        is_unsure=digest.is_doubtful,
    )
