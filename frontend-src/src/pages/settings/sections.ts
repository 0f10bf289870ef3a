import type { Route, SettingsSection } from "../../shell/routes.ts";

export type SectionName = SettingsSection | "audit";

/** What of the settings somebody has; what only owners may do is not there for others. */
export function sectionsFor(isOwner: boolean): { name: SectionName; to: Route }[] {
  const own: SettingsSection[] = ["look", "keys", "account", "devices", "tokens"];
  const names: SettingsSection[] = isOwner ? [...own, "people"] : own;
  return [
    ...names.map((section) => ({ name: section, to: { name: "settings", section } as const })),
    ...(isOwner ? [{ name: "audit", to: { name: "audit" } } as const] : []),
  ];
}
