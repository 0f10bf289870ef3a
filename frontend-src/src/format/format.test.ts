import { describe, expect, it } from "vitest";
import { age, baseName, bytes, clock, count, duration, shortPath, whole } from "./format.ts";

describe("durations", () => {
  it.each([
    [0, "0.0 s"],
    [240, "0.2 s"],
    [14_200, "14 s"],
    [190_000, "3 min"],
    [4_800_000, "1 h 20 min"],
    [7_200_000, "2 h"],
    [200_000_000, "2 d"],
  ])("%d ms reads %s", (ms, text) => expect(duration(ms)).toBe(text));

  it("count up as clocks", () => {
    expect([clock(42_000), clock(723_000), clock(3_723_000)]).toEqual(["0:42", "12:03", "1:02:03"]);
  });
});

describe("ages", () => {
  it.each([
    [30_000, "now"],
    [180_000, "3 min"],
    [5 * 3_600_000, "5 h"],
    [50 * 3_600_000, "2 d"],
    [40 * 86_400_000, "5 w"],
  ])("%d ms ago reads %s", (ms, text) => expect(age(1_000_000_000_000 - ms, 1_000_000_000_000)).toBe(text));
});

it("sizes are in powers of 1000 with at most one digit", () => {
  expect([bytes(0), bytes(999), bytes(1000), bytes(4240), bytes(17_400_000)]).toEqual([
    "0 B",
    "999 B",
    "1.0 KB",
    "4.2 KB",
    "17 MB",
  ]);
});

it("paths are named by their last part and shortened by the home folder", () => {
  expect([baseName("/home/ada/app"), baseName("/"), baseName("C:\\work\\app")]).toEqual(["app", "/", "app"]);
  expect([shortPath("/home/ada/app", "/home/ada"), shortPath("/home/adam", "/home/ada")]).toEqual([
    "~/app",
    "/home/adam",
  ]);
});

it("counts have their noun", () => {
  expect([count(1, "file"), count(2000, "file")]).toEqual(["1 file", "2,000 files"]);
});

it("says in whole units what nobody measures", () => {
  expect([-5, 400, 5500, 59_700, 180_000].map(whole)).toEqual(["0 s", "0 s", "6 s", "1 min", "3 min"]);
});
