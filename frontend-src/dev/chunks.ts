/** How the build is cut: what sign-in needs, what the signed-in page needs at once, and the parts that are lazy. */

interface Modules {
  getModuleInfo: (id: string) => { importedIds: readonly string[] } | null;
}

function reachable(from: string, modules: Modules, known = new Set<string>()): Set<string> {
  if (!known.has(from)) {
    known.add(from);
    for (const next of modules.getModuleInfo(from)?.importedIds ?? []) reachable(next, modules, known);
  }
  return known;
}

/**
 * Names the chunk of a module: `base` for all that sign-in loads, `page` for what the first load adds to it.
 *
 * Left alone, every module that two lazy parts share becomes a file, and the first load some twenty requests.
 */
export function chunkNames(entry: string, app: string): (id: string, modules: Modules) => string | null {
  let base: Set<string> | undefined;
  let page: Set<string> | undefined;
  return (id, modules) => {
    base ??= reachable(entry, modules);
    page ??= reachable(app, modules);
    if (base.has(id)) return "base";
    return page.has(id) ? "page" : null;
  };
}
