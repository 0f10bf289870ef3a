/** Reads lines of JSON, `{cols, rows, writes: [hexadecimal bytes, or [cols, rows] from there on]}`, and answers each with what xterm shows then. */
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../frontend-src/package.json", import.meta.url));
const { Terminal } = require("@xterm/headless");

function cells(line, cols) {
  const runs = [];
  let last = "";
  for (let column = 0; column < cols; column++) {
    const cell = line.getCell(column);
    const look = [cell.getFgColorMode(), cell.getFgColor(), cell.getBgColorMode(), cell.getBgColor()];
    const flags = ["isBold", "isItalic", "isDim", "isUnderline", "isBlink", "isInverse", "isInvisible"];
    for (const flag of [...flags, "isStrikethrough", "isOverline"]) look.push(cell[flag]() ? 1 : 0);
    const key = look.join(",");
    if (key !== last) runs.push(`${column}:${key}`);
    last = key;
  }
  return runs.join(" ");
}

function shown(terminal, title, palette) {
  const buffer = terminal.buffer.active;
  const core = terminal._core;
  const lines = [];
  for (let row = 0; row < terminal.rows; row++) {
    const line = buffer.getLine(buffer.baseY + row);
    lines.push([line?.translateToString(true) ?? "", line ? cells(line, terminal.cols) : ""]);
  }
  const inner = core._bufferService.buffer;
  const { _curAttrData: pen } = core._inputHandler;
  const charsets = core._charsetService;
  const { cursorStyle, ...switches } = core.coreService.decPrivateModes;
  return {
    screen: buffer.type,
    lines,
    cursor: [buffer.cursorX, buffer.cursorY],
    margins: [inner.scrollTop, inner.scrollBottom],
    // Its numbers as it shows them: a colour of the palette leaves bits of an earlier one of three parts behind.
    pen: [pen.getFgColorMode(), pen.getFgColor(), pen.getBgColorMode(), pen.getBgColor(), pen.fg >>> 26, pen.bg >>> 26],
    tabs: Object.keys(core._bufferService.buffers.normal.tabs).map(Number),
    palette,
    isCursorHidden: core.coreService.isCursorHidden,
    switches: { ...switches, cursorStyle: cursorStyle ?? null },
    insert: core.coreService.modes.insertMode,
    mouse: [core.coreMouseService.activeProtocol, core.coreMouseService.activeEncoding],
    charset: charsets.charset ? "drawing" : "plain",
    title,
  };
}

function draw({ cols, rows, writes }) {
  const terminal = new Terminal({ cols, rows, allowProposedApi: true, scrollback: 1000 });
  let title = null;
  const palette = {};
  terminal.onTitleChange((text) => (title = text));
  // Events of InputHandler: 1 sets a colour of the palette, 2 gives it back, or all of them.
  terminal._core._inputHandler.onColor((events) => {
    for (const { type, index, color } of events)
      if (type === 1) palette[index] = color;
      else if (type === 2)
        for (const each of index === undefined ? Object.keys(palette) : [index]) delete palette[each];
  });
  return new Promise((resolve) => {
    for (const each of writes)
      if (typeof each === "string") terminal.write(Buffer.from(each, "hex"));
      else terminal.write("", () => terminal.resize(...each));
    terminal.write("", () => {
      resolve(shown(terminal, title, palette));
      terminal.dispose();
    });
  });
}

for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await draw(JSON.parse(line)))}\n`);
