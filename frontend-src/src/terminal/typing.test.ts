import { beforeEach, describe, expect, it } from "vitest";

import { Keyboard } from "../../tests/keyboard.ts";
import { difference } from "./typing.ts";

let keyboard: Keyboard;
beforeEach(() => (keyboard = new Keyboard()));

type Row = [name: string, act: (keys: Keyboard) => unknown, sent: string];

describe("typed on a phone", () => {
  it.each<Row>([
    ["letters without composition", (keys) => keys.type("ls -l"), "ls -l"],
    ["two keys at once", (keys) => (keys.down("j"), keys.down("k"), keys.edit("j").edit("k")), "jk"],
    ["keys after their text, as WebKit has them", (keys) => (keys.edit("a"), keys.down("a"), keys.edit("b")), "ab"],
    ["keys with names, the text left to the keyboard", (keys) => keys.press("a", 65, "a").press("b", 66, "b"), "ab"],
    ["a word composed", (keys) => keys.compose("h", "hé", "hér").end("héron"), "héron"],
    ["a word composed, then a space", (keys) => keys.compose("h", "hi").end("hi").type(" "), "hi "],
    ["a word ended by its last letter", (keys) => keys.compose("h", "hi").end(), "hi"],
    ["two words composed at once", (keys) => keys.compose("eau").end("eau").compose("vin").end("vin"), "eauvin"],
    ["a word, then text put in at once", (keys) => keys.compose("on").end("on").edit(" ok"), "on ok"],
    ["text put in, then a word", (keys) => keys.edit("echo ").compose("h").end("héron"), "echo héron"],
    ["a colon composed, then a digit", (keys) => keys.compose(":").end(":").press("5", 53, "5"), ":5"],
    ["a swiped word and the space before it", (keys) => keys.type("git").edit(" status"), "git status"],
    ["a swiped word and the space after it", (keys) => keys.compose("status").end("status").edit(" "), "status "],
    ["a capital letter", (keys) => keys.compose("L").end("Ls"), "Ls"],
    ["an emoji", (keys) => keys.edit("👍🏽"), "👍🏽"],
    ["a suggestion that takes a word's place", (keys) => keys.type("teh").edit("the", 3), "teh\x7f\x7fhe"],
    [
      "autocorrect with the space",
      (keys) => keys.type("teh").edit("the ", 3, "insertReplacementText"),
      "teh\x7f\x7fhe ",
    ],
    ["a word taken up again and corrected", (keys) => keys.type("teh").recompose(3, "the").end(), "teh\x7f\x7fhe"],
    ["a word taken up again and left alone", (keys) => keys.type("the").recompose(3, "the").end().type("y"), "they"],
    ["two spaces that become a full stop", (keys) => keys.type("so ").edit(". ", 1), "so \x7f. "],
    ["a word begun and taken back", (keys) => keys.compose("h", "hi", "h", "").end(), ""],
  ])("%s", (_name, act, sent) => {
    act(keyboard);
    expect(keyboard.sent).toBe(sent);
    expect(keyboard.shown).toBe("");
  });

  it("shows what is composed and sends none of it before its end", () => {
    keyboard.type("a ").compose("h", "hé");
    expect(keyboard).toMatchObject({ sent: "a ", shown: "hé" });
    keyboard.end("hé");
    expect(keyboard).toMatchObject({ sent: "a hé", shown: "" });
  });
});

describe("deleting", () => {
  const deleted = "deleteContentBackward";
  it.each<Row>([
    [
      "what was typed, by a nameless key",
      (keys) => (keys.type("ls"), keys.down("Unidentified"), keys.edit("", 1, deleted)),
      "ls\x7f",
    ],
    ["what was typed, by a key with a name", (keys) => keys.type("ls").backspace(), "ls\x7f"],
    ["with an empty field, by a key: xterm's", (keys) => keys.backspace(), "<Backspace>"],
    ["with an empty field, by the keyboard", (keys) => keys.edit("", 1, deleted), "\x7f"],
    ["a word, with an empty field", (keys) => keys.edit("", 1, "deleteWordBackward"), "\x17"],
    ["a line, with an empty field", (keys) => keys.edit("", 1, "deleteSoftLineBackward"), "\x15"],
    ["a word that was typed", (keys) => keys.type("ls abc").edit("", 3, "deleteWordBackward"), "ls abc\x7f\x7f\x7f"],
    [
      "held down: by letters, then by words",
      (keys) => keys.type("a bcd").edit("", 1, deleted).edit("", 2, deleted).edit("", 2, deleted).edit("", 1, deleted),
      "a bcd" + "\x7f".repeat(6),
    ],
    ["within a composition", (keys) => keys.compose("h", "hi", "h").end(), "h"],
    ["by a key within a composition", (keys) => keys.compose("l", "la").backspace().end(), "l"],
    ["in a word taken up again", (keys) => keys.type("hello").recompose(5, "hell"), "hello\x7f"],
    ["an emoji of several code points", (keys) => keys.edit("a👍🏽").edit("", 4, deleted), "a👍🏽\x7f"],
  ])("%s", (_name, act, sent) => {
    act(keyboard);
    expect(keyboard.sent).toBe(sent);
  });
});

describe("input methods", () => {
  const syllable = "insertReplacementText";
  it.each<Row>([
    ["Chinese", (keys) => keys.compose("n", "ni", "ni h", "ni hao").end("你好"), "你好"],
    ["Chinese in Firefox", (keys) => keys.compose("n", "ni").endAsFirefox("你"), "你"],
    ["Chinese in Safari", (keys) => keys.compose("n", "ni").endAsSafari("你"), "你"],
    [
      "Japanese, the Enter that ends it taken by the method",
      (keys) => (keys.compose("に", "にほん", "日本"), keys.down("Enter"), keys.end("日本")),
      "日本",
    ],
    [
      "Japanese, converted again",
      (keys) => keys.compose("日本").end().recompose(2, "にほん", "二本").end(),
      "日本\x7f\x7f二本",
    ],
    [
      "Korean, syllable by syllable",
      (keys) => keys.compose("ㅎ", "하", "한").end("한").compose("ㄱ", "그", "글").end("글"),
      "한글",
    ],
    [
      "Korean, an end that moves on",
      (keys) => keys.compose("ㅇ", "아", "안").end("아").compose("나").end("나"),
      "아나",
    ],
    [
      "Korean in WebKit, by replacement",
      (keys) => keys.edit("ㅎ").edit("하", 1, syllable).edit("한", 1, syllable).edit("ㄱ").edit("그", 1, syllable),
      "ㅎ\x7f하\x7f한ㄱ\x7f그",
    ],
    [
      "Korean on an iPad, by deletion",
      (keys) => keys.press("ㅎ", 71, "ㅎ").edit("", 1, "deleteContentBackward").edit("하"),
      "ㅎ\x7f하",
    ],
    ["Korean on an iPad, taken apart", (keys) => keys.edit("하").backspace().edit("ㅎ"), "하\x7fㅎ"],
    ["an accent, composed", (keys) => (keys.down("Dead"), keys.compose("´").end("é")), "é"],
  ])("%s", (_name, act, sent) => {
    keyboard.isTouch = false;
    act(keyboard);
    expect(keyboard.sent).toBe(sent);
  });

  it.each<Row>([
    ["letters are xterm's", (keys) => keys.press("a", 65, "a"), "<a>"],
    ["letters beyond ASCII are the field's", (keys) => keys.press("é", 50, "é"), "é"],
    [
      "a dead key, and the letter after it",
      (keys) => keys.press("Dead", 222).press("Shift", 16).press("E", 69, "É"),
      "<Shift>É",
    ],
    [
      "a dead key that fits nothing",
      (keys) => keys.press("Dead", 222).press("x", 88, "´x").press("y", 89, "y"),
      "´x<y>",
    ],
    ["keys with modifiers", (keys) => keys.press("é", 50, "", { ctrlKey: true }), "<é>"],
    [
      "Backspace after a letter of xterm's",
      (keys) => keys.press("é", 50, "é").press("a", 65, "a").backspace(),
      "é<a><Backspace>",
    ],
  ])("with a keyboard of keys: %s", (_name, act, sent) => {
    keyboard.isTouch = false;
    act(keyboard);
    expect(keyboard.sent).toBe(sent);
  });
});

describe("dictation", () => {
  it.each(["insertText", "insertReplacementText", "insertFromVoice"])(
    "writes its guesses over each other: %s",
    (kind) => {
      keyboard.rewrite("Das", kind).rewrite("Das Dik", kind).rewrite("Das Diktat", kind).rewrite("das Diktat", kind);
      expect(keyboard.sent).toBe(`Das Diktat${"\x7f".repeat(10)}das Diktat`);
    },
  );

  it("is no faster than one can read what it would run", () => {
    keyboard.edit("git status").edit("\n");
    expect(keyboard.sent).toBe("git status\r");
    keyboard.edit("rm -r a\nrm -r b\n");
    expect(keyboard).toMatchObject({ sent: "git status\r", pasted: "rm -r a\nrm -r b\n" });
  });
});

describe("Enter and other keys", () => {
  it.each<Row>([
    ["Enter", (keys) => keys.type("ls").press("Enter", 13).type("w"), "ls<Enter>w"],
    ["Enter without a key", (keys) => keys.type("ls").edit("\n", 0, "insertLineBreak").type("w"), "ls\rw"],
    [
      "Enter that cannot be prevented",
      (keys) => keys.type("ls").edit("\n", 0, "insertLineBreak", false).type("w"),
      "ls\rw",
    ],
    [
      "Enter while composing, the composition's end after it",
      (keys) => keys.compose("ls").press("Enter", 13).end(),
      "ls<Enter>",
    ],
    [
      "Enter while composing, no end told",
      (keys) => keys.compose("ls").press("Enter", 13).lost().type("w"),
      "ls<Enter>w",
    ],
    [
      "Enter in a word taken up again",
      (keys) => keys.type("ls").recompose(2, "ls").press("Enter", 13).end(),
      "ls<Enter>",
    ],
    ["Tab while composing", (keys) => keys.compose("ec").press("Tab", 9).end().type("x"), "ec<Tab>x"],
    ["Shift while composing", (keys) => keys.compose("e").press("Shift", 16).end("eC"), "<Shift>eC"],
    ["Backspace after Enter", (keys) => keys.type("ls").press("Enter", 13).backspace(), "ls<Enter><Backspace>"],
    ["undoing what was sent", (keys) => keys.type("ls").edit("", 2, "historyUndo"), "ls"],
  ])("%s", (_name, act, sent) => {
    act(keyboard);
    expect(keyboard.sent).toBe(sent);
  });
});

describe("what else happens to the field", () => {
  it("asks about what comes from a clipboard", () => {
    keyboard.edit("make", 0, "insertFromPaste").edit("one\ntwo");
    expect(keyboard).toMatchObject({ sent: "", pasted: "makeone\ntwo" });
  });

  it("takes no selection that xterm puts there for typed text", () => {
    keyboard.type("x");
    keyboard.field.value = "copied from the screen";
    keyboard.field.select();
    keyboard.press("Escape", 27).edit("é");
    expect(keyboard.sent).toBe("x<Escape>é");
  });

  it("sends a word once when the focus is lost, whether its end is told before or after, or never", () => {
    keyboard.compose("mer").end().blur();
    expect(keyboard.sent).toBe("mer");
    keyboard.compose("mer").blur().end();
    expect(keyboard.sent).toBe("mermer");
    keyboard.compose("mer").blur().lost().blur().type("y");
    expect(keyboard.sent).toBe("mermermery");
  });

  it("settles: what is composed is sent once, and what follows is told from it", () => {
    keyboard.compose("ec");
    keyboard.typing.settle();
    expect(keyboard).toMatchObject({ sent: "ec", shown: "" });
    expect(keyboard.field.value).toBe("");
    keyboard.end().type("h");
    expect(keyboard.sent).toBe("ech");
  });

  it("takes the caret behind what was put in, where the browser has left it before", () => {
    const leave = () => keyboard.field.setSelectionRange(0, 0);
    document.addEventListener("input", leave, { capture: true, once: true });
    keyboard.edit("echo ").edit("x");
    expect(keyboard.sent).toBe("echo x");
  });

  it("hears nothing once it is over", () => {
    keyboard.compose("ec");
    keyboard.typing.dispose();
    keyboard.end().blur();
    expect(keyboard.sent).not.toContain("ec");
  });

  it("sends nothing again that xterm leaves for a screen reader", () => {
    keyboard.isTouch = false;
    keyboard.isAloud = true;
    keyboard.down("l", 76);
    keyboard.edit("l").down("Enter", 13);
    keyboard.edit("\n", 0, "insertLineBreak");
    expect(keyboard.sent).toBe("<l><Enter>");
  });

  it("sends a capital letter once, whose text xterm leaves in the field", () => {
    keyboard.isTouch = false;
    keyboard.capital("A").capital("B").press("c", 67).backspace();
    expect(keyboard.sent).toBe("AB<c><Backspace>");
    keyboard.compose("n", "ni").end("你");
    expect(keyboard.sent).toBe("AB<c><Backspace>你");
  });

  it("is emptied before it grows long", () => {
    keyboard.edit("a".repeat(3999)).edit("b").edit("c");
    expect(keyboard.field.value).toBe("");
    keyboard.edit("d").backspace();
    expect(keyboard.sent).toBe(`${"a".repeat(3999)}bcd\x7f`);
  });
});

describe("the difference", () => {
  it.each([
    ["", "a", 0, "a"],
    ["abc", "abd", 1, "d"],
    ["😀", "😁", 1, "😁"],
    ["e", "e\u0301", 1, "e\u0301"],
    ["x".repeat(80), `${"x".repeat(79)}y`, 1, "y"],
    ["same", "same", 0, ""],
  ])("of %j and %j", (before, after, removed, added) => {
    expect(difference(before, after)).toEqual({ removed, added });
  });
});
