"""Write the generated files: ``python -m ws.schema`` (part of `make gen`)."""

from pathlib import Path

from ws.schema import markdown, typescript

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    ROOT / "docs" / "PROTOCOL.md": markdown.render,
    ROOT / "frontend-src" / "src" / "wire" / "wire.gen.ts": typescript.render,
}


def main() -> None:
    """Write each file whose content differs."""
    for path, render in FILES.items():
        text = render()
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
