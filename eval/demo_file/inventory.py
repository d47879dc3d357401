"""Stock of a small shop: what is on the shelves, what is promised to customers, what to order again."""

from __future__ import annotations

import csv
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)


class OutOfStockError(Exception):
    """Raised when more units are asked for than are available."""

    def __init__(self, sku: str, wanted: int, available: int) -> None:
        super().__init__(f"{sku}: wanted {wanted}, but only {available} available")
        self.sku = sku
        self.wanted = wanted
        self.available = available


@dataclass
class Item:
    """One article. Prices are in cents."""

    sku: str
    name: str
    price: int
    on_hand: int = 0
    reserved: int = 0
    reorder_level: int = 5

    @property
    def available(self) -> int:
        """Units that can still be sold: on hand minus reserved."""
        return self.on_hand - self.reserved

    @property
    def needs_reorder(self) -> bool:
        """Whether so few units are left that new ones should be ordered."""
        return self.available <= self.reorder_level


class Inventory:
    """All articles of the shop, by their number."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._items: dict[str, Item] = {}
        for item in items:
            self.add(item)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def add(self, item: Item) -> None:
        """Add an article. Raises ValueError if its number is taken."""
        if item.sku in self._items:
            raise ValueError(f"{item.sku} is already in the inventory")
        self._items[item.sku] = item

    def get(self, sku: str) -> Item:
        """The article with this number. Raises KeyError if there is none."""
        return self._items[sku]

    def receive(self, sku: str, quantity: int) -> None:
        """Put a delivery on the shelves."""
        if quantity <= 0:
            raise ValueError("quantity must be positive")
        item = self.get(sku)
        item.on_hand += quantity
        logger.info("received %d units of %s", quantity, item.name)

    def reserve(self, sku: str, quantity: int) -> None:
        """Promise units to a customer. Raises OutOfStockError if there are too few."""
        item = self.get(sku)
        if item.available < quantity:
            raise OutOfStockError(sku, quantity, item.available)
        item.reserved += quantity

    def release(self, sku: str, quantity: int) -> None:
        """Take a promise back."""
        item = self.get(sku)
        # never release more units than are reserved
        quantity = min(quantity, item.reserved)
        item.reserved -= quantity

    def value(self) -> int:
        """What all units on hand are worth, in cents."""
        total = 0
        for item in self:
            total += item.price * item.on_hand
        return total


def load(path: Path) -> Inventory:
    """Read an inventory from a CSV file with the columns sku, name, price and on_hand."""
    inventory = Inventory()
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            inventory.add(Item(row["sku"], row["name"], int(row["price"]), int(row["on_hand"])))
    return inventory


def count_by_name(items: Iterable[Item]) -> dict[str, int]:
    """How many units are on hand, by name."""
    counts: dict[str, int] = defaultdict(int)
    for item in items:
        counts[item.name] += item.on_hand
    return dict(counts)
