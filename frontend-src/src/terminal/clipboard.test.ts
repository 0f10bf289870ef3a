import { describe, expect, it } from "vitest";

import { clipboardRequest } from "./clipboard.ts";

describe("a program's wish to set the clipboard", () => {
  it("is read as UTF-8 text", () => {
    expect(clipboardRequest(`c;${btoa("ls -la")}`)).toBe("ls -la");
    expect(clipboardRequest("c;w6TDtg==")).toBe("äö");
  });

  it("is refused when it would read, is empty or no text", () => {
    for (const data of ["c;?", "c;", "c", "c;%%%", "c;/w=="]) expect(clipboardRequest(data)).toBeNull();
    expect(clipboardRequest(`c;${"A".repeat(1_500_000)}`)).toBeNull();
  });
});
