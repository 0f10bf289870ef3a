/** What was dropped or chosen to be sent: files by their relative paths, and folders that hold nothing else. */

export interface Picked {
  files: { path: string; file: File }[];
  /** Every folder on the way, by relative path. */
  folders: string[];
}

/** More than this in one go is a mistake of the hand more often than a wish. */
export const MAX_PICKED = 5000;

export class TooMany extends Error {}

/** Files of a field; those of a chosen folder carry their path in it. */
export function pickedFiles(files: Iterable<File>): Picked {
  const found = [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
  if (found.length > MAX_PICKED) throw new TooMany();
  return { files: found, folders: [] };
}

/**
 * What was dropped, folders with all that is in them.
 *
 * The entries must be taken while the event runs; reading them may take its time. Rejects with TooMany.
 */
export function pickedByDrop(transfer: DataTransfer): Promise<Picked> {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry());
  if (entries.every((entry) => entry === null)) return Promise.resolve(pickedFiles(transfer.files));
  return walk(entries.filter((entry) => entry !== null));
}

async function walk(roots: FileSystemEntry[]): Promise<Picked> {
  const picked: Picked = { files: [], folders: [] };
  const left = [...roots];
  for (let entry = left.pop(); entry !== undefined; entry = left.pop()) {
    const path = entry.fullPath.replace(/^\//, "");
    if (isFolder(entry)) {
      picked.folders.push(path);
      left.push(...(await childrenOf(entry)));
    } else if (isFile(entry)) {
      picked.files.push({ path, file: await fileOf(entry) });
    }
    if (picked.files.length + picked.folders.length > MAX_PICKED) throw new TooMany();
  }
  return picked;
}

function isFolder(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

/** A reader gives its entries in parts and ends with an empty one. */
async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return all;
    all.push(...part);
    if (all.length > MAX_PICKED) throw new TooMany();
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}
