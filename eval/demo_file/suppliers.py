"""Who delivers to the shop, and how soon."""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)


@dataclass
class Supplier:
    """One supplier. `days` pass between an order and its delivery."""

    number: str
    name: str
    days: int = 7


class Suppliers:
    """All suppliers of the shop, by their number."""

    def __init__(self) -> None:
        self._suppliers: dict[str, Supplier] = {}

    def add(self, supplier: Supplier) -> None:
        """Add a supplier. Raises ValueError if their number is taken."""
        if supplier.number in self._suppliers:
            raise ValueError(f"{supplier.number} is taken")
        self._suppliers[supplier.number] = supplier


def load(path: Path) -> Suppliers:
    """Read the suppliers from a CSV file with the columns number, name and days."""
    suppliers = Suppliers()
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            suppliers.add(Supplier(row["number"], row["name"], int(row["days"])))
    return suppliers
