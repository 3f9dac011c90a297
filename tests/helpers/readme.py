"""Read the README's two set-up commands: ``python …/readme.py {demo,test}`` prints one."""

import re
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def setup_commands() -> dict[str, str]:
    """The one-line ``bash`` blocks that stand behind ``<!-- setup: NAME -->``, by name."""
    found = re.findall(r"<!-- setup: (\w+) -->\n```bash\n(.+)\n```", README.read_text("utf-8"))
    return dict(found)


if __name__ == "__main__":
    print(setup_commands()[sys.argv[1]])
