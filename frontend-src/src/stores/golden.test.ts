/** The node folds the same journals in Python; both are held to the files under tests/transcripts/fold. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { SessionState } from "../wire/wire.gen.ts";
import { EMPTY_LOG } from "./blocks.ts";
import { factsOf, foldFacts, NO_FACTS, type JournalEvent } from "./facts.ts";
import { foldLog } from "./fold.ts";

interface Golden {
  events: JournalEvent[];
  state: SessionState;
}

/** Or those that tests of the node have left elsewhere. */
const FOLDER = process.env["GOLDEN_FOLDER"] ?? join(import.meta.dirname, "../../../tests/transcripts/fold");
const names = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith(".json")) : [];

describe.skipIf(names.length === 0)("golden folds", () => {
  it.each(names)("%s folds to the state that session.get answers", (name) => {
    const { events, state } = JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as Golden;
    expect(events.reduce(foldFacts, NO_FACTS)).toEqual(factsOf(state));
  });

  it.each(names)("%s shows the same log however its events are cut into batches", (name) => {
    const { events } = JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as Golden;
    const whole = foldLog(EMPTY_LOG, events);
    expect(events.reduce((log, event) => foldLog(log, [event]), EMPTY_LOG)).toEqual(whole);
  });
});
