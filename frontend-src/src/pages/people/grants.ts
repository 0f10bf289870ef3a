/** Which machines somebody has: as the wire lists it, as a form shows it, as a sentence says it. */
import { people as words } from "../../strings/people.ts";
import type { Account, Grant } from "../../wire/wire.gen.ts";

const EVERY = "*";
export type Granted = Grant["role"] | "none";

export interface Sharing {
  every: Granted;
  /** What holds for one machine instead of `every`. */
  each: Record<string, Grant["role"]>;
}

export function sharingOf(grants: readonly Grant[]): Sharing {
  const every = grants.find((grant) => grant.node === EVERY)?.role ?? "none";
  const own = grants.filter((grant) => grant.node !== EVERY);
  return { every, each: Object.fromEntries(own.map((grant) => [grant.node, grant.role])) };
}

/** What is to be sent; a machine that has what every machine has needs no grant of its own. */
export function grantsOf({ every, each }: Sharing): Grant[] {
  const own = Object.entries(each).filter(([, role]) => role !== every);
  return [
    ...(every === "none" ? [] : [{ node: EVERY, role: every }]),
    ...own.map(([node, role]): Grant => ({ node, role })),
  ];
}

/** What somebody has, in words, with the machines by name; a viewer's grant never lets them act. */
export function saidOf(account: Account, nameOf: (node: string) => string): string {
  if (account.role === "owner") return words.everyAct;
  const { every, each } = sharingOf(account.grants);
  const own = Object.entries(each);
  const isActing = (role: Granted) => role === "member" && account.role === "member";
  const acting = own.filter(([, role]) => isActing(role)).map(([node]) => nameOf(node));
  const looking = own.filter(([, role]) => !isActing(role)).map(([node]) => nameOf(node));
  const said = [
    every === "none" ? "" : isActing(every) ? words.everyAct : words.everyLook,
    acting.length > 0 && !isActing(every) ? words.acting(acting.join(", ")) : "",
    looking.length > 0 ? words.looking(looking.join(", ")) : "",
  ].filter(Boolean);
  return said.join("; ") || words.nothing;
}
