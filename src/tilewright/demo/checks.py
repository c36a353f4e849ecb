"""The checks of the demo, told as they are made and counted at the end."""

from __future__ import annotations

from rich.console import Console


class Checks:
    """Prints each check, and remembers those that failed."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._passed = 0
        self._failed: list[str] = []
        self._skipped = 0
        self._sections = 0

    def section(self, title: str) -> None:
        """Begin the next part; parts are numbered."""
        self._sections += 1
        self.console.print(f"\n[bold]{self._sections}. {title}[/]", highlight=False)

    def skip(self, name: str, reason: str) -> None:
        """A check that cannot be made here, and why."""
        self._skipped += 1
        self.console.print(f"  [yellow]skip[/]  {name}: {reason}", highlight=False, soft_wrap=True)

    def check(self, name: str, holds: bool, found: str) -> None:
        """`name` is what must hold, `found` is what was seen."""
        mark = "[green]pass[/]" if holds else "[bold red]FAIL[/]"
        self.console.print(f"  {mark}  {name}: {found}", highlight=False, soft_wrap=True)
        if holds:
            self._passed += 1
        else:
            self._failed.append(name)

    def finish(self) -> bool:
        """Print the last line; whether all passed."""
        total = self._passed + len(self._failed)
        self.console.print()
        if self._failed:
            count, names = len(self._failed), "; ".join(self._failed)
            self.console.print(f"[bold red]{count} of {total} checks failed[/]: {names}")
            return False
        left_out = f", {self._skipped} skipped" if self._skipped else ""
        self.console.print(f"[bold green]all {total} checks passed[/]{left_out}")
        return True
