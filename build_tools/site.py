"""Assemble the source of the documentation site: the Markdown of the repository, the tables and the matrix.

`make site` then builds it with Zensical, and checks its links with lychee. The Markdown stays where it is
read in the repository; here the links between pages follow the files to their place in the site. A link to
a source file, which the site does not have, becomes its text.
"""

from __future__ import annotations

import argparse
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Pages outside docs/, by their path in the repository.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "mapping/README.md": "mapping-records.md",
    "mapping/evidence/README.md": "evidence-format.md",
    "events/README.md": "example-events.md",
}
#: Files under siem/ that are recipes to read and copy: queries and rules.
RECIPES = (".esql", ".kql", ".lucene", ".ppl", ".spl", ".sql", ".yml")
RECIPES_PAGE = "siem-recipes.md"
#: Pages that come first in the navigation; the others follow in alphabetical order.
FIRST = ("index.md", "deployment.md", "enriched-event.md", "mapping.md")
_PROPER = {"siem": "SIEM", "security hub": "Security Hub"}
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_BLOCK = re.compile(r"(^```.*?^```)", re.DOTALL | re.MULTILINE)
_LOADED = re.compile(
    r"""<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)\s*=\s*["']?((?:https?:)?//[^"'\s>]+)"""
)


class DeadLink(ValueError):
    """A link to a file that the repository does not have."""


def site_files(root: Path = ROOT) -> dict[str, str]:
    """Return repository path -> site path of every page and of every file of docs/ that pages link to."""
    files = {name: place for name, place in PAGES.items() if (root / name).is_file()}
    for path in sorted((root / "docs").rglob("*")):
        if path.is_file():
            files[path.relative_to(root).as_posix()] = path.relative_to(root / "docs").as_posix()
    return files


def rewrite_links(text: str, name: str, files: Mapping[str, str], root: Path = ROOT) -> str:
    """Return a page's Markdown with its links as they are in the site; raise DeadLink for one to nothing.

    name: the page's path in the repository; files: site_files. Blocks of code are left as they are.
    """

    def rewrite(match: re.Match[str]) -> str:
        image, label, target = match.groups()
        path, hash_, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return match[0]
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        if wanted in files:
            here = posixpath.dirname(files[name])
            return f"{image}[{label}]({posixpath.relpath(files[wanted], here or '.')}{hash_}{anchor})"
        if not (root / wanted).exists():
            raise DeadLink(f"{name}: link to {target}: there is no {wanted}")
        return label

    parts = _BLOCK.split(text)
    return "".join(part if place % 2 else _LINK.sub(rewrite, part) for place, part in enumerate(parts))


def recipes_page(root: Path = ROOT) -> str:
    """Return a page with every query and rule under siem/, "" if there are none."""
    paths = [path for path in sorted((root / "siem").rglob("*")) if path.suffix in RECIPES]
    sections = []
    for path in paths:
        text = path.read_text(encoding="utf-8").strip()
        sections.append(f"## {path.relative_to(root / 'siem').as_posix()}\n\n````text\n{text}\n````\n")
    head = "# SIEM recipes\n\nThe queries and rules under `siem/`, as they are tested.\n"
    return "\n".join([head, *sections]) if sections else ""


def config(pages: list[str]) -> str:
    """Return zensical.toml: navigation, no font from elsewhere, plain addresses."""
    names = sorted(pages, key=lambda page: (FIRST.index(page) if page in FIRST else len(FIRST), page))
    nav = "".join(f"  {_entry(page)},\n" for page in names if "/" not in page)
    for folder in sorted({page.partition("/")[0] for page in names if "/" in page}):
        inside = sorted(page for page in names if page.startswith(f"{folder}/"))
        entries = ", ".join(map(_entry, sorted(inside, key=lambda page: not page.endswith("/README.md"))))
        nav += f'  {{ "{_title(folder)}" = [{entries}] }},\n'
    return (
        '[project]\nsite_name = "GuardDuty ATT&CK enricher"\n'
        'site_description = "Tags every GuardDuty finding with its MITRE ATT&CK tactic and technique."\n'
        'docs_dir = "docs"\nsite_dir = "html"\nuse_directory_urls = false\n'
        f'nav = [\n{nav}  {{ "The matrix" = "matrix.html" }},\n]\n\n'
        "[project.theme]\nfont = false\n"
        "features = ['navigation.top', 'toc.follow', 'content.code.copy', 'search.highlight']\n\n"
        '[[project.theme.palette]]\nmedia = "(prefers-color-scheme: light)"\nscheme = "default"\n'
        'toggle.icon = "lucide/sun"\ntoggle.name = "Dark theme"\n\n'
        '[[project.theme.palette]]\nmedia = "(prefers-color-scheme: dark)"\nscheme = "slate"\n'
        'toggle.icon = "lucide/moon"\ntoggle.name = "Light theme"\n'
    )


def _entry(page: str) -> str:
    return f'{{ "{_title(page)}" = "{page}" }}'


def _title(page: str) -> str:
    name = "overview" if page == "index.md" or page.endswith("/README.md") else Path(page).stem
    title = name.replace("-", " ").capitalize()
    return re.sub(r"(?i)\b(siem|security hub)\b", lambda match: _PROPER[match[0].lower()], title)


def assemble(folder: Path, root: Path = ROOT) -> list[str]:
    """Write the source of the site into a folder, replacing what is there; return its pages."""
    shutil.rmtree(folder, ignore_errors=True)
    docs = folder / "docs"
    files = site_files(root)
    pages = []
    for name, place in files.items():
        (docs / place).parent.mkdir(parents=True, exist_ok=True)
        if place.endswith(".md"):
            text = (root / name).read_text(encoding="utf-8")
            (docs / place).write_text(rewrite_links(text, name, files, root), encoding="utf-8")
            pages.append(place)
        else:
            shutil.copy2(root / name, docs / place)
    if recipes := recipes_page(root):
        (docs / RECIPES_PAGE).write_text(recipes, encoding="utf-8")
        pages.append(RECIPES_PAGE)
    (folder / "zensical.toml").write_text(config(pages), encoding="utf-8")
    command = [sys.executable, "-m", "enricher", "matrix", "--html", str(docs / "matrix.html")]
    subprocess.run(command, check=True, cwd=root)
    return pages


def external_requests(site: Path) -> list[str]:
    """Return what the pages of a built site would load from elsewhere, as page: address."""
    return [
        f"{path.relative_to(site)}: {address}"
        for path in sorted(site.rglob("*.html"))
        for address in _LOADED.findall(path.read_text(encoding="utf-8"))
    ]


def main() -> int:
    """Assemble into a folder, or check a built site; return 1 if a link is dead or a request external."""
    parser = argparse.ArgumentParser(description="Assemble or check the documentation site.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true", help="check the built site for external requests")
    arguments = parser.parse_args()
    if arguments.check:
        if not (arguments.folder / "index.html").is_file():
            print(f"site: {arguments.folder}: no index.html: the site was not built", file=sys.stderr)
            return 1
        found = external_requests(arguments.folder)
        print(*(found or [f"{arguments.folder}: no external request"]), sep="\n")
        return 1 if found else 0
    try:
        pages = assemble(arguments.folder)
    except DeadLink as error:
        print(f"site: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.folder}: {len(pages)} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
