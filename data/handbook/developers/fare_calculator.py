"""The fare calculator of Nordlys Night Trains, as published for developers on 1 April 2026.

It reckons what one booking costs. It does not know how full a train is: the price of the day is put
in, between the lowest and the highest price of the class.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from enum import Enum

BOOKING_FEE = Decimal("3.50")  # for each booking, however many travellers are in it
OWL_CARD_DISCOUNT = Decimal("0.15")
YOUTH_DISCOUNT = Decimal("0.20")
TEN_CENTS = Decimal("0.10")


class Fare(Enum):
    EARLY_OWL = "Early Owl"
    STANDARD = "Standard"
    FLEX = "Flex"


@dataclass(frozen=True)
class CabinClass:
    """A class with its lowest and highest price in euros; Flex costs ``flex_surcharge`` more."""

    name: str
    lowest: Decimal
    highest: Decimal
    flex_surcharge: Decimal


SEAT = CabinClass("Seat", Decimal(29), Decimal(89), Decimal(15))
COUCHETTE = CabinClass("Couchette berth", Decimal(59), Decimal(149), Decimal(25))
SLEEPER = CabinClass("Place in a sleeper", Decimal(119), Decimal(269), Decimal(40))
SLEEPER_PLUS = CabinClass("Place in Sleeper Plus", Decimal(189), Decimal(389), Decimal(40))


@dataclass(frozen=True)
class Traveller:
    age: int
    owl_card: bool = False
    shares_berth: bool = False


class PriceOutOfRange(ValueError):
    """The price of the day is below the lowest or above the highest price of the class."""


def ticket_price(traveller: Traveller, cabin: CabinClass, fare: Fare, price_of_the_day: Decimal) -> Decimal:
    """What one traveller pays in euros.

    ``price_of_the_day`` is the Standard price. Raises `PriceOutOfRange`.
    """
    if not cabin.lowest <= price_of_the_day <= cabin.highest:
        raise PriceOutOfRange(f"{cabin.name} costs {cabin.lowest} to {cabin.highest} euros.")
    if traveller.age < 6 and traveller.shares_berth:
        return Decimal(0)
    price = price_of_the_day
    if fare is Fare.FLEX:
        # The surcharge never lifts a ticket over the highest price: that is a promise of 2018.
        price = min(price + cabin.flex_surcharge, cabin.highest)
    if 6 <= traveller.age <= 14:
        price /= 2
    return rounded(price * (1 - discount(traveller, fare)))


def discount(traveller: Traveller, fare: Fare) -> Decimal:
    """The share taken off. Discounts are never added up: the traveller gets the larger one."""
    if fare is Fare.EARLY_OWL:
        return Decimal(0)
    youth = YOUTH_DISCOUNT if 15 <= traveller.age < 26 else Decimal(0)
    owl = OWL_CARD_DISCOUNT if traveller.owl_card else Decimal(0)
    return max(youth, owl)


def rounded(price: Decimal) -> Decimal:
    """Down to ten cents, because a rounding should never be to the traveller's loss."""
    return price.quantize(TEN_CENTS, rounding=ROUND_DOWN)


def booking_price(tickets: list[Decimal], dogs: int = 0, bicycles: int = 0) -> Decimal:
    """The whole booking in euros: tickets, 29 for each dog, 15 for each bicycle, and the fee."""
    return sum(tickets, Decimal(0)) + 29 * dogs + 15 * bicycles + BOOKING_FEE


if __name__ == "__main__":
    # Two adults and a girl of nine in a couchette to Berlin, with a bicycle.
    adult = ticket_price(Traveller(age=41), COUCHETTE, Fare.STANDARD, Decimal(80))
    girl = ticket_price(Traveller(age=9), COUCHETTE, Fare.STANDARD, Decimal(80))
    print(booking_price([adult, adult, girl], bicycles=1))  # 218.50
