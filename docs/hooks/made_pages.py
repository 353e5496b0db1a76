"""What MkDocs calls while it builds the site: pages that are made from the code and from files outside docs/."""

from __future__ import annotations

import re
from pathlib import Path

from api_page import api_page
from block_lines import part_blocks
from cli_page import cli_page
from messages_page import messages_page
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url
from names_page import names_page
from root_pages import PAGES, root_page
from search_words import boost_of, change_index

MADE = {
    "reference/api/index.md": api_page,
    "reference/cli.md": cli_page,
    "reference/messages.md": messages_page,
    "reference/names.md": names_page,
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that no file holds."""
    pages = {address: make() for address, make in MADE.items()}
    pages |= {address: root_page(name) for address, name in PAGES.items()}
    for address, content in pages.items():
        files.append(File.generated(config, address, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Part the blocks of a page; show no column of pages beside a page that has no others beside it; rank it."""
    page.meta.setdefault("search", {"boost": boost_of(page.file.src_uri)})
    if page.parent is None:
        page.meta.setdefault("hide", ["navigation"])
    return part_blocks(markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Open a picture full size on a click."""
    return re.sub(r'<img\b[^>]*\bsrc="([^"]+)"[^>]*>', r'<a class="full-size" href="\1">\g<0></a>', html)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Load the script that lets the search run from the disk from this site, not from another."""
    return output.replace("https://unpkg.com/iframe-worker/shim", get_relative_url("assets/worker.js", page.url))


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Do the same in the page for addresses that do not exist."""
    return output_content.replace("https://unpkg.com/iframe-worker/shim", "/assets/worker.js")


@event_priority(-50)  # after the search plugin, which writes the index, before the offline plugin, which copies it
def on_post_build(config: MkDocsConfig) -> None:
    """Make one word of the spellings of U-Net and the like."""
    change_index(Path(config.site_dir) / "search" / "search_index.json")
