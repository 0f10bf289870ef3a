/**
 * What programs ask their terminal: who it is, where the cursor stands, which colours and modes it has. xterm answers as
 * if somebody typed. An answer to old output, or a second one from another window, would be typed into whatever runs
 * now, so such questions are passed over. (xterm ctlseqs: DA, DSR, DECRQM, DECRQSS, XTVERSION, window reports, OSC
 * colours.)
 */
import type { IFunctionIdentifier, IParser } from "@xterm/xterm";

const CSI: readonly IFunctionIdentifier[] = [
  { final: "c" },
  { prefix: ">", final: "c" },
  { prefix: "=", final: "c" },
  { final: "n" },
  { prefix: "?", final: "n" },
  { intermediates: "$", final: "p" },
  { prefix: "?", intermediates: "$", final: "p" },
  { prefix: ">", final: "q" },
  { prefix: "?", final: "u" },
];
const DCS: readonly IFunctionIdentifier[] = [
  { intermediates: "$", final: "q" },
  { intermediates: "+", final: "q" },
];
const COLOURS = [4, 10, 11, 12];
/** Window manipulations from 11 on are reports. */
const FIRST_REPORT = 11;
const LAST_REPORT = 21;

/** Passes questions over while `isSilent`; commands go on to xterm. */
export function silence(parser: IParser, isSilent: () => boolean): void {
  for (const id of CSI) parser.registerCsiHandler(id, () => isSilent());
  for (const id of DCS) parser.registerDcsHandler(id, () => isSilent());
  for (const code of COLOURS) parser.registerOscHandler(code, (data) => data.includes("?") && isSilent());
  parser.registerCsiHandler({ final: "t" }, ([act]) => {
    const isReport = typeof act === "number" && act >= FIRST_REPORT && act <= LAST_REPORT;
    return isReport && isSilent();
  });
}
