"""What a load rests on that the public documentation of the Core API does not say: each by name, with what it changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pelcro_pipeline.settings import Settings


@dataclass(frozen=True)
class Assumption:
    """One thing that is assumed of an account.

    ``kinds`` are the kinds of objects whose load rests on it. ``settings`` is by alternative what extract.toml has to say, and ``set_for``
    the alternatives that it says now. Under those in ``fits`` a load ends equal whatever it says.
    """

    id: str
    asks: str
    default: str
    kinds: frozenset[str]
    tried: str
    fits: frozenset[str] = frozenset()
    settings: Mapping[str, str] = field(default_factory=dict)
    set_for: Callable[[Settings], Collection[str]] | None = None

    def contradiction(self, seen: str, settings: Settings) -> str | None:
        """What to do, where another alternative was seen than a load rests on; nothing where it can be loaded so."""
        if seen in self.fits or seen in (self.set_for(settings) if self.set_for else (self.default,)):
            return None
        if seen in self.settings:
            return f"write {self.settings[seen]} into extract.toml"
        return "no setting loads such an account: ask Pelcro to change it"


def _of(*kinds: str) -> frozenset[str]:
    return frozenset(kinds)


def _core_api(**settings: str) -> dict[str, str]:
    return {alternative: f"core_api = {{ {setting} }}" for alternative, setting in settings.items()}


#: Seconds of a list's lag, as they are told apart.
LAGS = ("5", "30")
_EVERY = _of("product", "plan", "customer", "address", "source", "subscription", "membership", "invoice")

ASSUMPTIONS = {
    each.id: each
    for each in (
        Assumption(
            "plan-amount",
            "In which unit is the amount of a plan sent?",
            "major",
            _of("plan"),
            "a plan of 15.00 is made and read back: 1500 cents, or 15",
            settings=_core_api(major='plan_amount = "major"', minor='plan_amount = "minor"'),
            set_for=lambda settings: [settings.core_api.plan_amount],
        ),
        Assumption(
            "shipments-word",
            "What is the word for revenue by shipments?",
            "shipments",
            _of("plan"),
            "a plan is made with each word until one is taken",
            settings=_core_api(
                shipments='shipments_word = "shipments"', shipment_based='shipments_word = "shipment_based"'
            ),
            set_for=lambda settings: [settings.core_api.shipments_word],
        ),
        Assumption(
            "fields-of-the-object",
            "Can the fields be sent that an object has, where the page of its creation is cut?",
            "accepted",
            _of("product", "plan"),
            "a product is made with a description, which is read back",
        ),
        Assumption(
            "catalogue-old-id",
            "Is the old_provider_id of a product unique?",
            "free",
            _of("product", "plan"),
            "a second product is made with the first one's id",
            fits=_of("free", "unique"),
        ),
        Assumption(
            "password-type",
            "Which password types are taken?",
            "bcrypt",
            _of("customer"),
            "a customer is made with a password of the type md5",
            fits=_of("all"),
            settings=_core_api(bcrypt='password_types = ["bcrypt"]'),
            set_for=lambda settings: ["bcrypt"] if settings.core_api.password_types == ("bcrypt",) else [],
        ),
        Assumption(
            "rewriting",
            "What does the site change of what it is given?",
            "phone",
            _of("customer", "address"),
            "a customer with capitals in the email, spaces around the name and signs in the phone is read back",
            settings=_core_api(phone="rewrites_text = false", text="rewrites_text = true"),
            set_for=lambda settings: ["text" if settings.core_api.rewrites_text else "phone"],
        ),
        Assumption(
            "email-case",
            "Are two emails equal that differ in case?",
            "insensitive",
            _of("customer"),
            "a second customer is made with the first one's email in capitals",
            fits=_of("sensitive"),
        ),
        Assumption(
            "status-of-invalid",
            "Which status has an invalid request?",
            "400",
            _EVERY,
            "a customer is sent whose email is none",
            fits=_of("400", "404", "422"),
        ),
        Assumption(
            "list-shape",
            "What is around the rows of a list?",
            "meta",
            _EVERY,
            "the customers are listed",
            fits=_of("meta", "links", "bare"),
        ),
        Assumption(
            "list-lag",
            "How long until a list shows what was written?",
            "none",
            _of("customer", "membership", "invoice"),
            "a customer who was just made is looked for",
            settings={seconds: f"settle = {2 * int(seconds)} for the site" for seconds in LAGS},
            set_for=lambda settings: [
                "none",
                *(seconds for seconds in LAGS if all(int(seconds) < each.settle for each in settings.sites)),
            ],
        ),
        Assumption(
            "expand",
            "How are related objects asked for?",
            "brackets",
            _of("address", "subscription", "source"),
            "a customer is read with their addresses",
            fits=_of("brackets", "commas", "none"),
        ),
        Assumption(
            "address-type",
            "How does an address tell its type?",
            "word",
            _of("address"),
            "a shipping address is read back",
        ),
        Assumption(
            "state-letters",
            "Whose states have two letters?",
            "us-ca",
            _of("address"),
            "an address in New South Wales is made",
            # What is refused becomes a finding, and its reader waits for a correction.
            fits=_of("all"),
        ),
        Assumption(
            "subscription-metadata",
            "Which shape has the metadata of a new subscription?",
            "array",
            _of("subscription"),
            "a subscription is made with an array, then with an object, until one is read back",
            settings=_core_api(array='subscription_metadata = "array"', object='subscription_metadata = "object"'),
            set_for=lambda settings: [settings.core_api.subscription_metadata],
        ),
        Assumption(
            "subscription-old-id",
            "What becomes of a subscription's old_provider_id?",
            "accepted",
            _of("subscription"),
            "a subscription is made with one",
            fits=_of("unique"),
            settings=_core_api(accepted="subscription_old_id = true", refused="subscription_old_id = false"),
            set_for=lambda settings: ["accepted" if settings.core_api.subscription_old_id else "refused"],
        ),
        Assumption(
            "start-in-the-past",
            "Is a start_date before today taken?",
            "taken",
            _of("subscription"),
            "a subscription is made that began 40 days ago",
            settings=_core_api(taken="start_in_the_past = true", refused="start_in_the_past = false"),
            set_for=lambda settings: ["taken" if settings.core_api.start_in_the_past else "refused"],
        ),
        Assumption(
            "paid-not-invoiced",
            "Does a subscription that is created with a current_period_end cost something at once?",
            "nothing",
            _of("subscription"),
            "a subscription is made whose period ends in 40 days, and its invoice looked for",
        ),
        Assumption(
            "gift-donor",
            "Does a donor's subscription renew?",
            "as-given",
            _of("subscription"),
            "a donor's subscription is made that renews, and read back",
        ),
        Assumption(
            "delete-in-use",
            "What does deleting a plan do that a live subscription uses?",
            "refused",
            _of("plan"),
            "the plan of a scratch subscription is deleted",
            fits=_of("deletes"),
        ),
        Assumption(
            "unique-after-delete",
            "Are the unique values of a deleted row free again?",
            "free",
            _of("customer"),
            "a customer is made with the email of one that was deleted",
            fits=_of("held"),
        ),
    )
}


def rested_on(kinds: Iterable[str]) -> tuple[str, ...]:
    """The assumptions that a load of objects of these kinds rests on, by id."""
    loaded = frozenset(kinds)
    return tuple(each.id for each in ASSUMPTIONS.values() if each.kinds & loaded)
